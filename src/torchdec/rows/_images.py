"""A folder of images, or one of them, as rows: decoded, brought to one shape and range, a row of pixels each."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec.prepare._images import SIDE, Images, Look
from torchdec.prepare._pictures import has_colours
from torchdec.rows._arrays import DenseRows
from torchdec.rows._protocol import RowsError, tell
from torchdec.rows._reading import Preparation, Reading

SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".avif", ".bmp", ".gif", ".ico"),
    *(".tif", ".tiff", ".jp2", ".j2k", ".pbm", ".pgm", ".ppm", ".pnm", ".pfm", ".tga"),
)
# Known by their first bytes, whatever the suffix says. Others are never opened: Pillow would start Ghostscript for
# an EPS that is named .png.
_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "AVIF", "BMP", "GIF", "ICO", "TIFF", "JPEG2000", "PPM")
# TGA has no first bytes of its own.
_BY_SUFFIX = {".tga": ("TGA",)}
# A file of a few kilobytes can claim any size; decoding is refused beyond this.
_BOMB = 100_000_000
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Pictures in colour of this many pixels on each side and more are taken for photographs.
_PHOTOGRAPH = 128
# Files that a message names.
_NAMED = 10
# TIFF's tags of what a page is (new and old), and their values of thumbnails and of masks.
_PAGE_KIND, _OLD_PAGE_KIND, _THUMBNAIL, _MASK, _OLD_THUMBNAIL = 254, 255, 1, 4, 2


class ImageRows(DenseRows):
    """Rows of pixels from 0 to 255, with the shape of the images and the names of their files.

    They are uint8, or float32 where an image has more than 8 bits, which 256 levels would not hold. A name is the
    path below the folder; of a TIFF with several pages, with ``#`` and the page, from 0.
    """

    def __init__(
        self, pixels: NDArray[np.uint8] | NDArray[np.float32], names: list[str], prepared: Images, reading: Reading
    ) -> None:
        super().__init__(pixels, names=names)
        self.preparation = Preparation(reading, prepared)
        self.image_shape = prepared.shape


@dataclass
class _File:
    """A file, the pages of it that are rows, and what is told of it."""

    path: Path
    name: str
    pages: list[int] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    several: bool = False  # of a TIFF: its rows are named by their pages
    frames: bool = False  # an animation, or pictures beside the first
    left_out: int = 0  # thumbnails and masks
    at_page: int = 0
    fault: str = ""

    def names(self) -> list[str]:
        return [f"{self.name}#{page}" for page in self.pages] if self.several else [self.name] * len(self.pages)


def read_images(folder: Path, paths: Sequence[Path], reading: Reading, prepared: Images | None) -> ImageRows:
    """Read images below a folder, in the order of their paths; see `torchdec.rows.read_rows`."""
    try:
        import PIL  # noqa: F401
    except ImportError:
        raise RowsError(f"{folder}: images need Pillow; try pip install 'torchdec[images]'") from None
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        # Pillow's, of odd metadata and of sizes for which _opened has a bound of its own.
        warnings.simplefilter("ignore")
        files = list(pool.map(lambda path: _looked(path, str(path.relative_to(folder))), paths))
        looks = [look for file in files for look in file.looks]
        if not looks:
            _refuse_damaged(folder, files)
        # Stops at the first that has colours.
        images = prepared or Images.fit(looks, in_colour=any(pool.map(_has_colours, files)))
        pixels = _decoded(files, images, pool.map)
    _refuse_damaged(folder, files)
    _tell(folder, files, images, fitted=prepared is None)
    return ImageRows(pixels, [name for file in files for name in file.names()], images, reading)


def _looked(path: Path, name: str) -> _File:
    """Look at what a file holds; only pictures of more than 8 bits are decoded."""
    file = _File(path, name)
    with _faults(file), _opened(path) as image:
        if image.format == "TIFF":
            n_pages = image.n_frames
            # A file that has nothing but thumbnails is taken for what it has.
            file.pages = [page for page in range(n_pages) if _is_picture(image, page)] or list(range(n_pages))
            file.left_out = n_pages - len(file.pages)
        else:
            file.pages = [0]
            file.frames = getattr(image, "is_animated", False)
        file.several = len(file.pages) > 1
        file.looks = [Look.at(_at(file, image, page)) for page in file.pages]
    return file


def _has_colours(file: _File) -> bool:
    if file.fault or all(look.grey for look in file.looks):
        return False
    with _faults(file), _opened(file.path) as image:
        return any(has_colours(_at(file, image, page)) for page in file.pages)
    return False


def _decoded(
    files: Sequence[_File], images: Images, each: Callable[..., Iterator[None]]
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Return the rows of all pages; a file that turns out damaged is marked so."""
    counts = [len(file.looks) for file in files]
    wide = any(look.wide for file in files for look in file.looks)
    pixels = np.empty((sum(counts), images.width), dtype=np.float32 if wide else np.uint8)
    parts = np.split(pixels, np.cumsum(counts)[:-1])
    for _ in each(lambda file, rows: _decode(file, images, rows), files, parts):
        pass
    return pixels


def _decode(file: _File, images: Images, rows: NDArray[Any]) -> None:
    if file.fault:
        return
    with _faults(file), _opened(file.path) as image:
        for page, row in zip(file.pages, rows, strict=True):
            row[:] = images.transform(_at(file, image, page))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from PIL import Image, UnidentifiedImageError

    if path.stat().st_size == 0:
        raise ValueError("it is empty, 0 bytes")
    Image.init()
    wanted = [name for name in _BY_SUFFIX.get(path.suffix.lower(), _FORMATS) if name in Image.OPEN]
    # Given a path, Pillow maps the pixels of some TIFFs into memory, and those of turned ones wrongly.
    with path.open("rb") as file:
        try:
            image = Image.open(file, formats=wanted)
        except UnidentifiedImageError:  # its message has nothing but the name of the file
            raise ValueError(_unread(path)) from None
        with image:
            yield image


def _unread(path: Path) -> str:
    """Say why Pillow does not know a picture; it reads TIFFs of some kinds of values and channels only."""
    with path.open("rb") as file:
        if file.read(4) in _TIFF_STARTS:
            return (
                "it is a TIFF of values or channels that Pillow does not read; save it as grey float32 or 8 bits"
            )
    return "its first bytes are not of a picture that Pillow reads"


def _at(file: _File, image: Any, page: int) -> Any:
    file.at_page = page
    image.seek(page)
    if image.width * image.height > _BOMB:
        raise ValueError(f"{image.width} x {image.height} pixels are too many to decode; make it smaller")
    return image


def _is_picture(image: Any, page: int) -> bool:
    image.seek(page)
    kind, old_kind = image.tag_v2.get(_PAGE_KIND, 0), image.tag_v2.get(_OLD_PAGE_KIND)
    return not kind & (_THUMBNAIL | _MASK) and old_kind != _OLD_THUMBNAIL


@contextmanager
def _faults(file: _File) -> Iterator[None]:
    """Mark a file as damaged where it cannot be read; all that are damaged are told at once."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes make the decoders raise errors of any kind
        where = f"page {file.at_page}: " if file.several else ""
        file.fault = where + (" ".join(str(error).split()).rstrip(".") or type(error).__name__)


def _refuse_damaged(folder: Path, files: Sequence[_File]) -> None:
    damaged = [file for file in files if file.fault]
    if damaged and len(files) == 1:
        path, fault = folder / files[0].name, files[0].fault
        raise RowsError(f"{path}: is not a picture that can be read ({fault}); write it again, or take it away")
    if damaged:
        named: dict[str, list[str]] = {}
        for file in damaged[:_NAMED]:
            named.setdefault(file.fault, []).append(file.name)
        which = ", ".join(f"{', '.join(names)} ({fault})" for fault, names in named.items())
        raise RowsError(
            f"{folder}: {len(damaged)} of {len(files)} files are not pictures that can be read: "
            f"{which}{_more(damaged)}; write them again, or take them out of the folder"
        )


def _tell(folder: Path, files: Sequence[_File], images: Images, *, fitted: bool) -> None:
    notes = (*_notes_on_pages(files), *_notes_on_values(files, images, fitted=fitted))
    for note in (*notes, *(_note_on_photographs(files, images) if fitted else ())):
        tell(f"{folder}: {note}")


def _notes_on_pages(files: Sequence[_File]) -> Iterator[str]:
    stacks = [file for file in files if file.several]
    if stacks:
        n_pages = sum(len(file.pages) for file in stacks)
        yield (
            f"{len(stacks)} of {len(files)} files are TIFFs of several pages; each of the {n_pages} pages is a "
            f"row, named as {stacks[0].names()[-1]}"
        )
    with_thumbnails = [file for file in files if file.left_out]
    if with_thumbnails:
        n_left_out = sum(file.left_out for file in with_thumbnails)
        yield (
            f"{n_left_out} pages of TIFFs are marked as thumbnails or masks and are left out "
            f"({_listed([file.name for file in with_thumbnails])})"
        )
    animated = [file.name for file in files if file.frames]
    if animated:
        yield (
            f"{len(animated)} of {len(files)} files hold several frames; the first is used ({_listed(animated)})"
        )


def _notes_on_values(files: Sequence[_File], images: Images, *, fitted: bool) -> Iterator[str]:
    looks = [(name, look) for file in files for name, look in zip(file.names(), file.looks, strict=True)]
    wide = [look for _, look in looks if look.wide]
    if wide and (fitted or images.values is None):
        black, white = images.black_and_white(whole=wide[0].whole)
        but = "" if fitted else ", of which the fit had none"
        beside = "" if len(wide) == len(looks) else "; 0 to 255 of the 8-bit ones stays as it is"
        yield (
            f"{len(wide)} of {len(looks)} pictures have more than 8 bits{but}: {black:g} (black) to {white:g} "
            f"(white) becomes 0 to 255 in all of them{beside}"
        )
    narrowed = [name for name, look in looks if look.narrowed]
    if narrowed:
        yield (
            f"{len(narrowed)} of {len(looks)} pictures in colour have 16 bits per channel; the upper 8 are "
            f"read ({_listed(narrowed)})"
        )
    cut = [name for name, look in looks if images.cuts(look)]
    if cut:
        yield (
            f"{len(cut)} of {len(looks)} pictures have values outside the range of the model, which become black "
            f"or white ({_listed(cut)})"
        )
    empty = [name for name, look in looks if look.empty]
    if empty:
        yield (
            f"{len(empty)} of {len(looks)} pictures hold NaN or infinite values, so their rows are all NaN "
            f"({_listed(empty)})"
        )


def _note_on_photographs(files: Sequence[_File], images: Images) -> Iterator[str]:
    """Say what pixels tell of pictures in colour that lose most of their pixels, as photographs do."""
    sizes = [look.size for file in files for look in file.looks]
    large = [size for size in sizes if min(size) >= _PHOTOGRAPH]
    if len(images.shape) == 3 and 2 * len(large) > len(sizes):
        width, height = large[0]
        yield (
            f"pictures in colour, such as of {width} x {height}, are compared by {SIDE} x {SIDE} pixels, which "
            "show brightness and background; of photographs, give a vision model's vectors (features=, --features)"
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + _more(names)


def _more(listed: Sequence[Any]) -> str:
    return f" and {len(listed) - _NAMED:,} more" if len(listed) > _NAMED else ""
