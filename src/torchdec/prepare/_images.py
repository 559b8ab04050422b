"""Images as rows: brought to one shape and one range of values, a row of pixels each."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from torchdec.prepare._pictures import is_grey, is_narrowed, is_whole, is_wide, shown, upright_size, wide_values

# Images of one size are kept as they are up to this many pixels; others become squares of SIDE.
_MOST_PIXELS = 64 * 64
SIDE = 32
# Whole numbers below this are of a camera or scanner of 16 bits or fewer.
_SIXTEEN_BITS = 1 << 16
# Values that lie further than this from 0, in units of what they differ by, have no black at 0.
_FAR = 10


@dataclass(frozen=True)
class Look:
    """What is known of a picture before all are brought to one shape and range."""

    size: tuple[int, int]  # width and height, upright
    grey: bool  # whether it has no colours by its mode; that of others, such as a palette, does not say
    wide: bool = False  # whether its values go beyond 0 to 255
    # Of the values of a wide one; None where it has none.
    lowest: float | None = None
    highest: float | None = None
    whole: bool = True  # whether these are whole numbers by their type
    empty: bool = False  # whether values are NaN or infinite, so that it holds nothing
    narrowed: bool = False  # whether Pillow reads fewer bits of its channels than it has

    @classmethod
    def at(cls, image: Any) -> Self:
        """Look at a Pillow image; only a wide one is decoded."""
        size, grey, wide, whole = upright_size(image), is_grey(image), is_wide(image), is_whole(image)
        if not wide:
            return cls(size, grey, narrowed=is_narrowed(image))
        values = wide_values(image).compressed()
        empty = not np.isfinite(values).all()
        if empty or not values.size:
            return cls(size, grey, wide, whole=whole, empty=empty)
        return cls(size, grey, wide, float(values.min()), float(values.max()), whole)


@dataclass(frozen=True)
class Pictures:
    """The shape of pictures; where they came as an array, their values are kept as they are.

    Attributes
    ----------
    shape : tuple of int
        Height and width, and the number of channels where there are several.
    """

    kind: ClassVar = "pictures"
    shape: tuple[int, ...]

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> Self:
        """Make it of a shape that may have a single channel, which says nothing more."""
        return cls(shape[:2] if shape[2:] == (1,) else shape)

    @property
    def width(self) -> int:
        """Number of values of a row."""
        return math.prod(self.shape)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` makes the same of."""
        return {"shape": list(self.shape)}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Make it of what `to_json` returned.

        Raises
        ------
        ValueError
            If that is no shape.
        """
        return cls(_read_shape(fields))


@dataclass(frozen=True)
class Images(Pictures):
    """The shape and the range of values that images are brought to; the shape has 3 where they are in colour."""

    kind: ClassVar = "images"
    # What is black and what is white in images of more than 8 bits; None where the fit had none of them.
    values: tuple[float, float] | None = None

    @classmethod
    def fit(cls, looks: Collection[Look], *, in_colour: bool) -> Self:
        """Choose a shape and a range for images that look like these, where any has colours or none has."""
        sizes = {look.size for look in looks}
        width, height = next(iter(sizes))
        if len(sizes) > 1 or width * height > _MOST_PIXELS:
            width = height = SIDE
        wide = [look for look in looks if look.wide and look.lowest is not None]
        shape = (height, width, 3) if in_colour else (height, width)
        return cls(shape, _black_and_white(wide) if wide else None)

    def black_and_white(self, *, whole: bool) -> tuple[float, float]:
        """Return what is black and what is white in wide images; where the fit had none, as viewers show them."""
        return self.values or ((0.0, _SIXTEEN_BITS - 1.0) if whole else (0.0, 1.0))

    def cuts(self, look: Look) -> bool:
        """Whether an image has values outside the range, which become black or white."""
        if look.lowest is None or look.highest is None:
            return False
        black, white = self.black_and_white(whole=look.whole)
        return look.lowest < black or look.highest > white

    def transform(self, image: Any) -> NDArray[np.uint8] | NDArray[np.float32]:
        """Return the pixels of a Pillow image, from 0 to 255: uint8, or float32 of a wide one."""
        size = self.shape[1], self.shape[0]
        if is_wide(image):
            return self._of_wide(image, size)
        picture = shown(image).convert("L" if len(self.shape) == 2 else "RGB")
        return np.asarray(picture.resize(size), dtype=np.uint8).ravel()

    def _of_wide(self, image: Any, size: tuple[int, int]) -> NDArray[np.float32]:
        from PIL import Image

        black, white = self.black_and_white(whole=is_whole(image))
        values = wide_values(image).filled(white)
        if not np.isfinite(values).all():
            return np.full(self.width, np.nan, dtype=np.float32)
        # In float64: float32 would lose what differs where all values are large.
        scaled = np.clip((values - black) / max(white - black, np.finfo(np.float64).tiny), 0, 1) * 255
        pixels = np.asarray(Image.fromarray(scaled.astype(np.float32)).resize(size))
        return np.repeat(np.clip(pixels.ravel(), 0, 255), math.prod(self.shape[2:]))

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` makes the same of."""
        return {**super().to_json(), "values": self.values and list(self.values)}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Make it of what `to_json` returned.

        Raises
        ------
        ValueError
            If that is no shape, or no range.
        """
        return cls(_read_shape(fields), _read_range(fields.get("values")))


def _read_shape(fields: dict[str, Any]) -> tuple[int, ...]:
    match fields:
        case {"shape": [_, _, *_] as shape} if all(type(side) is int and side > 0 for side in shape):
            return tuple(shape)
    raise ValueError("its shape of images is none")


def _black_and_white(looks: Collection[Look]) -> tuple[float, float]:
    """Choose one range for wide images, so that what is brighter in one than in another stays so.

    Whole numbers from 0 on have the range of the bits that they need, as 0 to 4095 of 12 bits; floats within 0 to
    1 that. Others are black at 0 and white at the highest value, or black at the lowest where that is far from 0
    or below.
    """
    lowest = min(look.lowest for look in looks if look.lowest is not None)
    highest = max(look.highest for look in looks if look.highest is not None)
    whole = all(look.whole for look in looks)
    if whole and lowest >= 0 and highest < _SIXTEEN_BITS:
        return 0.0, (1 << max(8, int(highest).bit_length())) - 1.0
    if lowest < 0 or lowest > _FAR * (highest - lowest):
        return lowest, highest
    return 0.0, max(1.0, highest) if not whole else highest


def _read_range(values: Any) -> tuple[float, float] | None:
    match values:
        case None:
            return None
        case [float(black), float(white)] if math.isfinite(black) and math.isfinite(white) and black <= white:
            return black, white
    raise ValueError("its range of values of images is none")
