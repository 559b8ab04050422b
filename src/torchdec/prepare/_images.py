"""Images as rows: brought to one shape, a row of pixels each."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

# Images of one size are kept as they are up to this many pixels; others become squares of SIDE.
_MOST_PIXELS = 64 * 64
SIDE = 32
_GREY_MODES = {"1", "L", "LA", "I", "I;16", "F"}


@dataclass(frozen=True)
class Images:
    """The shape that images are brought to: height and width, and 3 where they are in colour."""

    kind: ClassVar = "images"
    shape: tuple[int, ...]

    @classmethod
    def fit(cls, found: Collection[tuple[tuple[int, int], str]]) -> Self:
        """Choose a shape for images of these sizes (width, height) and modes, as Pillow names them."""
        sizes = {size for size, _ in found}
        width, height = next(iter(sizes))
        if len(sizes) > 1 or width * height > _MOST_PIXELS:
            width = height = SIDE
        grey = all(mode in _GREY_MODES for _, mode in found)
        return cls((height, width) if grey else (height, width, 3))

    @property
    def width(self) -> int:
        """Number of values of a row."""
        return math.prod(self.shape)

    def transform(self, image: Any) -> NDArray[np.uint8]:
        """Return the pixels of a Pillow image."""
        if image.mode in {"I", "I;16", "F"}:  # more than 8 bits: on the scale of the image's own values
            image = _as_eight_bits(image)
        image = image.convert("L" if len(self.shape) == 2 else "RGB")
        return np.asarray(image.resize((self.shape[1], self.shape[0])), dtype=np.uint8).ravel()

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
        match fields:
            case {"shape": [_, _, *_] as shape} if all(type(side) is int and side > 0 for side in shape):
                return cls(tuple(shape))
        raise ValueError("its shape of images is none")


def _as_eight_bits(image: Any) -> Any:
    from PIL import Image

    values = np.asarray(image, dtype=np.float64)
    low, high = values.min(), values.max()
    return Image.fromarray(np.round((values - low) / max(high - low, 1e-12) * 255).astype(np.uint8))
