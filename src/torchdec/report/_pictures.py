"""Rows that are images, as small pictures in a page."""

import base64
import io

import numpy as np
from numpy.typing import NDArray


def as_pixels(rows: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """Scale values between `low` and `high` to 0 ... 255."""
    span = high - low if high > low else 1.0
    return np.clip(np.round((rows - low) / span * 255), 0, 255).astype(np.uint8)


def data_uri(pixels: NDArray[np.uint8], shape: tuple[int, ...]) -> str:
    """Encode one image of height, width and perhaps channels as a PNG in a data URI."""
    from PIL import Image

    file = io.BytesIO()
    grey = len(shape) == 2 or shape[2] == 1
    Image.fromarray(pixels.reshape(shape[:2] if grey else shape)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
