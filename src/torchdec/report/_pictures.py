"""Rows that are images, as small pictures in a page."""

import base64
import io
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Larger images are thinned out to at most this many pixels a side.
_SIDE = 64
# Pictures in files are photographs, which show something from this side on.
_FILE_SIDE = 128
# Bytes of a sheet of pictures that a page may hold; beyond them some sharpness is given up, and then the sheet.
_MOST_BYTES = 3_000_000


def as_pixels(rows: NDArray[np.float32], low: float, high: float, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Scale values between `low` and `high` to 0 ... 255, as small images (n, height, width, channels)."""
    span = high - low if high > low else 1.0
    height, width, *channels = shape
    step = math.ceil(max(height, width) / _SIDE)
    images = rows.reshape(-1, height, width, *(channels or [1]))[:, ::step, ::step]
    return np.clip(np.round((images - low) / span * 255), 0, 255).astype(np.uint8)


def data_uri(image: NDArray[np.uint8]) -> str:
    """Encode one image of (height, width, channels) as a PNG in a data URI."""
    return _uri(_encoded(image, "PNG"), "png")


def file_uri(path: Path) -> str | None:
    """Return a picture in a file, made small, as a data URI; None where the file is no picture."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (2 * _SIDE, 2 * _SIDE))
            small = ImageOps.exif_transpose(picture).convert("RGB")
            small.thumbnail((_FILE_SIDE, _FILE_SIDE))
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    file = io.BytesIO()
    small.save(file, "WEBP", quality=80)
    return _uri(file.getvalue(), "webp")


def sheet(images: NDArray[np.uint8]) -> tuple[str, int] | None:
    """Lay images (n, height, width, channels) out in lines of one picture, far smaller than each by itself.

    Returns its data URI and how many there are in a line, or None where the page would become too large.
    """
    n, height, width, channels = images.shape
    per_line = math.ceil(math.sqrt(n))
    tiles = np.zeros((math.ceil(n / per_line) * per_line, height, width, channels), dtype=np.uint8)
    tiles[:n] = images
    tiled = tiles.reshape(-1, per_line, height, width, channels).swapaxes(1, 2)
    whole = tiled.reshape(-1, per_line * width, channels)
    for kind in ("PNG", "WEBP"):
        encoded = _encoded(whole, kind)
        if len(encoded) <= _MOST_BYTES:
            return _uri(encoded, kind.lower()), per_line
    return None


def _encoded(image: NDArray[np.uint8], kind: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(file, kind)
    return file.getvalue()


def _uri(encoded: bytes, kind: str) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(encoded).decode()
