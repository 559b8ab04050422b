"""A folder of images as rows: decoded, brought to one size, a row of pixels each."""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec.prepare._images import Images
from torchdec.rows._arrays import DenseRows
from torchdec.rows._protocol import RowsError
from torchdec.rows._reading import Preparation, Reading

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
# A file of a few kilobytes can claim any size; decoding is refused beyond this.
_BOMB = 100_000_000


class ImageRows(DenseRows):
    """Rows of pixels, uint8, with the shape of the images and the names of their files.

    Attributes
    ----------
    names : list of str
        Path of each file, below the folder.
    preparation : Preparation
        Of `Images`: the shape.
    image_shape : tuple of int
        Height, width and perhaps 3 channels.
    """

    def __init__(self, pixels: NDArray[np.uint8], names: list[str], prepared: Images, reading: Reading) -> None:
        super().__init__(pixels, names=names)
        self.preparation = Preparation(reading, prepared)
        self.image_shape = prepared.shape


def read_images(folder: Path, paths: Sequence[Path], reading: Reading, prepared: Images | None) -> ImageRows:
    """Read images below a folder, in the order of their paths; see `torchdec.rows.read_rows`."""
    try:
        from PIL.Image import DecompressionBombWarning
    except ImportError:
        raise RowsError(f"{folder}: images need Pillow; try pip install 'torchdec[images]'") from None
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("ignore", DecompressionBombWarning)  # _opened has a bound of its own
        prepared = prepared or Images.fit(list(pool.map(_size_and_mode, paths)))
        pixels = np.empty((len(paths), prepared.width), dtype=np.uint8)
        for number, image in enumerate(pool.map(lambda path: _pixels(path, prepared), paths)):
            pixels[number] = image
    return ImageRows(pixels, [str(path.relative_to(folder)) for path in paths], prepared, reading)


def _size_and_mode(path: Path) -> tuple[tuple[int, int], str]:
    with _opened(path) as image:
        return image.size, image.mode


def _pixels(path: Path, prepared: Images) -> NDArray[np.uint8]:
    with _opened(path) as image:
        try:
            return prepared.transform(image)
        except (OSError, ValueError, SyntaxError) as error:
            raise RowsError(f"{path}: is damaged ({_one_line(error)}); write it again or take it away") from None


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
