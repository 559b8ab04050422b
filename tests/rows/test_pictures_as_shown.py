"""A picture makes the row that viewers show: upright, and on white where it is transparent."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from tiny_pictures import first_row, save_png

from torchdec.rows import RowsWarning, read_rows

SHADES = np.array([[0, 60, 128], [200, 255, 30]], dtype=np.uint8)


def row_of(path: Path) -> np.ndarray:
    return first_row(read_rows(path))


def black_ink(mode: str) -> Image.Image:
    """Ink of these opacities: on white, it looks like 255 less them."""
    alpha = Image.fromarray(SHADES)
    if mode == "LA":
        return Image.merge("LA", (Image.new("L", alpha.size, 0), alpha))
    ink = Image.new("RGBA", alpha.size, (0, 0, 0, 0))
    ink.putalpha(alpha)
    return ink


@pytest.mark.parametrize(("mode", "suffix"), [("RGBA", "png"), ("LA", "png"), ("RGBA", "webp"), ("RGBA", "tif")])
def test_black_ink_on_transparent_is_the_picture_of_black_ink_on_white(mode, suffix, tmp_path):
    black_ink(mode).save(tmp_path / f"a.{suffix}", lossless=True)
    np.testing.assert_array_equal(row_of(tmp_path / f"a.{suffix}"), 255 - SHADES.ravel())


def test_colours_hidden_below_full_transparency_do_not_count(tmp_path):
    for number, hidden in enumerate([(0, 0, 0, 0), (255, 0, 90, 0)]):
        picture = Image.new("RGBA", (3, 2), hidden)
        picture.putpixel((1, 1), (0, 0, 0, 255))
        picture.save(tmp_path / f"{number}.png")
    rows = read_rows(tmp_path).take(np.arange(2))
    np.testing.assert_array_equal(rows[0], [255, 255, 255, 255, 0, 255])
    np.testing.assert_array_equal(rows[0], rows[1])


@pytest.mark.parametrize(
    ("suffix", "transparency"),
    [("png", 1), ("png", b"\xff\x00\xff"), ("gif", 1)],
    ids=["index", "opacities", "gif"],
)
def test_a_palette_with_a_transparent_colour_is_laid_on_white(transparency, suffix, tmp_path):
    picture = Image.new("P", (3, 1))
    picture.putpalette([10, 10, 10, 77, 0, 200, 90, 90, 90])
    picture.putdata([0, 1, 2])
    picture.save(tmp_path / f"a.{suffix}", transparency=transparency)
    np.testing.assert_array_equal(row_of(tmp_path / f"a.{suffix}"), [10, 255, 90])


@pytest.mark.parametrize(
    ("bits", "kind", "line", "key", "shown"),
    [
        (8, 2, bytes([1, 1, 1, 4, 5, 6]), struct.pack(">HHH", 4, 5, 6), [1, 255]),
        (16, 2, struct.pack(">6H", 768, 768, 768, 9000, 0, 256), struct.pack(">HHH", 9000, 0, 256), [3, 255]),
        (8, 0, bytes([7, 9]), struct.pack(">H", 9), [7, 255]),
        (4, 0, bytes([0x29]), struct.pack(">H", 9), [34, 255]),
        (2, 0, bytes([0b10010000]), struct.pack(">H", 1), [170, 255]),
        (1, 0, bytes([0b10000000]), struct.pack(">H", 0), [255, 255]),
    ],
)
def test_the_transparent_colour_of_a_png_is_white(bits, kind, line, key, shown, tmp_path):
    save_png(tmp_path / "a.png", (2, 1), bits, kind, [line], key)
    np.testing.assert_array_equal(row_of(tmp_path / "a.png"), shown)


TURNED = [
    Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_90, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_270,
]  # fmt: skip


@pytest.mark.parametrize(
    ("suffix", "mode", "settings"),
    [
        ("png", "L", {}),
        ("png", "I;16", {}),
        ("tif", "L", {}),
        ("tif", "L", {"compression": "tiff_lzw"}),
        ("tif", "RGB", {}),
        ("tif", "I;16", {}),
        ("tif", "F", {}),
        ("webp", "RGB", {"lossless": True}),
        ("avif", "RGB", {"quality": 100}),
        ("jpg", "L", {"quality": 100}),
    ],
)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.filterwarnings("ignore:.*have more than 8 bits")
def test_pictures_are_turned_as_their_exif_data_say(orientation, suffix, mode, settings, tmp_path):
    upright = Image.fromarray(np.kron(SHADES, np.ones((8, 8), dtype=np.uint8)))
    picture = Image.fromarray(np.asarray(upright) * np.uint16(257)) if mode == "I;16" else upright.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = picture if orientation == 1 else picture.transpose(TURNED[orientation - 2])
    stored.save(tmp_path / f"a.{suffix}", exif=exif, **settings)
    rows = read_rows(tmp_path)
    assert rows.image_shape == (16, 24)
    np.testing.assert_allclose(first_row(rows), np.asarray(upright).ravel(), atol=3)


def test_each_page_of_a_tiff_is_turned_by_itself(tmp_path):
    upright, pages = Image.fromarray(SHADES), []
    for orientation in (1, 6, 3, 8):
        pages.append(upright.copy() if orientation == 1 else upright.transpose(TURNED[orientation - 2]))
        pages[-1].encoderinfo = {"tiffinfo": {274: orientation}}
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.warns(RowsWarning, match="each of the 4 pages"):
        rows = read_rows(tmp_path)
    np.testing.assert_array_equal(rows.take(np.arange(4)), [SHADES.ravel()] * 4)


def test_a_picture_stored_on_its_side_has_the_size_of_the_upright_ones(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (6, 4), 9).save(tmp_path / "a.png")
    Image.new("L", (4, 6), 9).save(tmp_path / "b.png", exif=exif)
    assert read_rows(tmp_path).image_shape == (4, 6)


def lab() -> Image.Image:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(Image.new("RGB", (2, 2), (200, 40, 90)), *profiles, outputMode="LAB")


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "YCbCr", "LAB", "P"])
def test_colours_are_the_same_in_every_colour_space(mode, tmp_path):
    colour = Image.new("RGB", (2, 2), (200, 40, 90))
    (lab() if mode == "LAB" else colour.convert(mode)).save(tmp_path / "a.tif")
    np.testing.assert_allclose(row_of(tmp_path / "a.tif"), [200, 40, 90] * 4, atol=26 if mode == "P" else 2)


def test_inverted_colours_of_adobe_are_turned_back(tmp_path):
    Image.new("RGB", (8, 8), (200, 40, 90)).convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    np.testing.assert_allclose(row_of(tmp_path / "a.jpg"), [200, 40, 90] * 64, atol=3)


def test_pictures_without_colours_make_rows_without_channels_however_they_are_stored(tmp_path):
    grey = Image.fromarray(SHADES)
    for mode in ("L", "RGB", "P", "RGBA", "1"):
        (tmp_path / mode).mkdir()
        (grey if mode == "L" else grey.convert(mode)).save(tmp_path / mode / "a.png")
        rows = read_rows(tmp_path / mode)
        assert rows.image_shape == (2, 3), mode
        if mode != "1":
            np.testing.assert_array_equal(first_row(rows), SHADES.ravel())


@pytest.mark.parametrize("size", [(1, 1), (4096, 1), (5000, 1), (1, 3000)])
def test_odd_sizes_are_rows(size, tmp_path):
    Image.new("L", size, 77).save(tmp_path / "a.png")
    rows = read_rows(tmp_path)
    assert rows.image_shape == ((size[1], size[0]) if size[0] * size[1] <= 4096 else (32, 32))
    assert set(first_row(rows)) == {77}
