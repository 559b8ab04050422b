"""A picture as viewers show it: upright, and on white where it is transparent. Pictures are Pillow's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Modes of whole numbers of 16 or 32 bits, and of float32.
_WIDE_MODES = {"I", "I;16", "I;16B", "I;16L", "I;16N", "F"}
_GREY_MODES = _WIDE_MODES | {"1", "L", "LA"}
# Tags of TIFF, and what they say.
_PHOTOMETRIC, _SAMPLE_FORMAT, _BITS, _NO_DATA = 262, 339, 258, 42113
_WHITE_IS_ZERO, _UNSIGNED, _SIGNED = 0, 1, 2
# EXIF's tag of the orientation, and those that lie on a side.
_ORIENTATION, _SIDEWAYS = 0x0112, (5, 6, 7, 8)
# What a grey level of 2 or 4 bits is multiplied by to become one of 8.
_TO_EIGHT_BITS = {"L;2": 85, "L;4": 17}


def is_grey(image: Any) -> bool:
    """Whether a picture has no colours by its mode."""
    return image.mode in _GREY_MODES


def has_colours(image: Any) -> bool:
    """Whether any pixel of a picture has another red than green or blue."""
    if is_grey(image):
        return False
    pixels = np.asarray(shown(image).convert("RGB"))
    return bool((pixels != pixels[:, :, :1]).any())


def is_wide(image: Any) -> bool:
    """Whether the values of a picture go beyond 0 to 255: it has more than 8 bits, or a sign."""
    return image.mode in _WIDE_MODES or (image.mode == "L" and _tag(image, _SAMPLE_FORMAT, _UNSIGNED) == _SIGNED)


def is_narrowed(image: Any) -> bool:
    """Whether a picture has channels of 16 bits, of which Pillow reads the upper 8."""
    if is_wide(image):
        return False
    stored = str(image.tile[0][3]) if image.format == "PNG" and image.tile else ""
    return stored.endswith(";16B") or bool(_tag(image, _BITS, 0) == 16)


def is_whole(image: Any) -> bool:
    """Whether the values of a picture are whole numbers by their type."""
    return bool(image.mode != "F")


def upright_size(image: Any) -> tuple[int, int]:
    """Return width and height once the picture is turned as its EXIF data say."""
    width, height = image.size
    if width == height or image.format == "TIFF":  # Pillow turns TIFF by itself
        return width, height
    return (height, width) if image.getexif().get(_ORIENTATION) in _SIDEWAYS else (width, height)


def shown(image: Any) -> Any:
    """Return a picture of 8 bits, of mode L or RGB: upright, and laid on white.

    White is what most viewers, pages and printers have behind a picture, and icons are drawn for it. Colours that
    are hidden below full transparency count for nothing.
    """
    from PIL import Image, ImageOps

    _mend_transparent_colour(image)
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if image.mode == "LAB":
        return _from_lab(image)
    return image.convert("L" if is_grey(image) else "RGB")


def wide_values(image: Any) -> "np.ma.MaskedArray[Any, np.dtype[np.float64]]":
    """Return the values of a wide picture, upright, of shape (height, width); what is transparent is masked."""
    from PIL import ImageOps

    signed = _tag(image, _SAMPLE_FORMAT, _UNSIGNED) == _SIGNED
    unsigned_32 = not signed and _tag(image, _BITS, 0) == 32
    inverted = _tag(image, _PHOTOMETRIC, None) == _WHITE_IS_ZERO
    values: NDArray[Any] = np.asarray(ImageOps.exif_transpose(image))
    if values.dtype == np.int32 and unsigned_32:  # Pillow takes the upper half for negative numbers
        values = values.view(np.uint32)
    if values.dtype == np.uint8 and signed:
        values = values.view(np.int8)
    if inverted:
        values = -values if values.dtype.kind == "f" else ~values
    key = image.info.get("transparency", _no_data(image))
    return np.ma.MaskedArray(values.astype(np.float64), mask=False if key is None else values == key)


def _no_data(image: Any) -> float | None:
    """Return the value that a map has where nothing was measured, as GDAL writes it; None where none is named."""
    try:
        return float(_tag(image, _NO_DATA, ""))
    except ValueError:
        return None


def _mend_transparent_colour(image: Any) -> None:
    """Bring the transparent colour of a PNG, which is in the bits of the file, to the 8 bits of the pixels."""
    key = image.info.get("transparency")
    stored = image.tile[0][3] if image.format == "PNG" and image.tile else None
    if key is not None and stored in _TO_EIGHT_BITS:
        image.info["transparency"] = key * _TO_EIGHT_BITS[stored]
    if key is not None and stored == "RGB;16B":
        image.info["transparency"] = tuple(level >> 8 for level in key)


def _from_lab(image: Any) -> Any:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")


def _tag(image: Any, number: int, otherwise: Any) -> Any:
    """Return the first value of a tag of a TIFF; other files have none."""
    found = getattr(image, "tag_v2", {}).get(number, otherwise)
    return found[0] if isinstance(found, tuple) else found
