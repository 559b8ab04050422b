"""A folder of images as rows: decoded, brought to one size, a row of pixels each."""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec.rows._arrays import DenseRows
from torchdec.rows._protocol import RowsError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
# Images of one size are kept as they are up to this many pixels; others become squares of SIDE.
_MOST_PIXELS = 64 * 64
SIDE = 32
# A file of a few kilobytes can claim any size; decoding is refused beyond this.
_BOMB = 100_000_000
_GREY_MODES = {"1", "L", "LA", "I", "I;16", "F"}


class ImageRows(DenseRows):
    """Rows of pixels, uint8, with the shape of the images and the names of their files.

    Attributes
    ----------
    names : list of str
        Path of each file, below the folder.
    recipe : dict
        What `read_rows` needs to bring other images to the same shape.
    """

    def __init__(self, pixels: NDArray[np.uint8], shape: tuple[int, ...], names: list[str]) -> None:
        super().__init__(pixels, names=names)
        self.recipe: dict[str, Any] = {"kind": "images", "shape": list(shape)}


def read_images(folder: Path, paths: Sequence[Path], recipe: dict[str, Any] | None) -> ImageRows:
    """Read images below a folder, in the order of their paths; see `torchdec.rows.read_rows`."""
    try:
        from PIL.Image import DecompressionBombWarning
    except ImportError:
        raise RowsError(f"{folder}: images need Pillow; try pip install 'torchdec[images]'") from None
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("ignore", DecompressionBombWarning)  # _opened has a bound of its own
        shape = tuple(recipe["shape"]) if recipe else _common_shape(list(pool.map(_size_and_mode, paths)))
        pixels = np.empty((len(paths), int(np.prod(shape))), dtype=np.uint8)
        for number, image in enumerate(pool.map(lambda path: _pixels(path, shape), paths)):
            pixels[number] = image
    return ImageRows(pixels, shape, [str(path.relative_to(folder)) for path in paths])


def _size_and_mode(path: Path) -> tuple[tuple[int, int], str]:
    with _opened(path) as image:
        return image.size, image.mode


def _common_shape(found: Sequence[tuple[tuple[int, int], str]]) -> tuple[int, ...]:
    sizes = {size for size, _ in found}
    width, height = next(iter(sizes))
    if len(sizes) > 1 or width * height > _MOST_PIXELS:
        width = height = SIDE
    grey = all(mode in _GREY_MODES for _, mode in found)
    return (height, width) if grey else (height, width, 3)


def _pixels(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    with _opened(path) as image:
        try:
            if image.mode in {"I", "I;16", "F"}:  # more than 8 bits: on the scale of the image's own values
                image = _as_eight_bits(image)
            image = image.convert("L" if len(shape) == 2 else "RGB")
            return np.asarray(image.resize((shape[1], shape[0])), dtype=np.uint8).ravel()
        except (OSError, ValueError, SyntaxError) as error:
            raise RowsError(f"{path}: is damaged ({_one_line(error)}); write it again or take it away") from None


def _as_eight_bits(image: Any) -> Any:
    from PIL import Image

    values = np.asarray(image, dtype=np.float64)
    low, high = values.min(), values.max()
    return Image.fromarray(np.round((values - low) / max(high - low, 1e-12) * 255).astype(np.uint8))


def _opened(path: Path) -> Any:
    from PIL import Image

    try:
        image = Image.open(path)
    except Exception as error:  # a damaged header makes the decoders raise errors of any kind
        raise RowsError(f"{path}: is no image that can be read ({_one_line(error)}); take it away") from None
    if image.width * image.height > _BOMB:
        image.close()
        raise RowsError(f"{path}: has {image.width} x {image.height} pixels, too many to decode; make it smaller")
    return image


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
