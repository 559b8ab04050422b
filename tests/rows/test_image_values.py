"""Pictures of more than 8 bits have one range of values, that of all pictures of the fit."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_pictures import first_row, save_png, save_tiff

from torchdec.prepare._images import Images
from torchdec.rows import Preparation, RowsError, RowsWarning, check_finite, read_rows


def save(folder: Path, *pictures: np.ndarray, suffix: str = "png") -> Path:
    folder.mkdir(exist_ok=True)
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / f"{number}.{suffix}")
    return folder


def constant(value: float, dtype: type = np.uint16) -> np.ndarray:
    return np.full((3, 2), value, dtype=dtype)


def read(folder: Path, tells: str = "have more than 8 bits", **options):
    with pytest.warns(RowsWarning, match=tells):
        return read_rows(folder, **options)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm", "jp2"])
def test_what_is_brighter_in_one_picture_than_in_another_stays_so(suffix, tmp_path):
    folder = save(
        tmp_path / "a", *[np.full((8, 8), v, dtype=np.uint16) for v in (20_000, 40_000, 60_000)], suffix=suffix
    )
    rows = read(folder, "3 of 3 pictures have more than 8 bits: 0 .black. to 65535 .white. becomes 0 to 255")
    means = rows.take(np.arange(3)).mean(axis=1)
    np.testing.assert_allclose(means, np.array([20_000, 40_000, 60_000]) / 65_535 * 255, rtol=1e-6)


def test_sixteen_bits_make_the_rows_of_the_same_picture_in_eight(tmp_path):
    eight = np.arange(256, dtype=np.uint8).reshape(16, 16)
    rows = read(save(tmp_path / "a", eight.astype(np.uint16) * 257))
    np.testing.assert_allclose(first_row(rows), eight.ravel(), atol=1e-4)


def test_differences_below_one_in_256_levels_are_kept(tmp_path):
    rows = read(save(tmp_path / "a", constant(30_000), constant(30_001)))
    dark, bright = rows.take(np.arange(2)).mean(axis=1)
    assert bright - dark == pytest.approx(255 / 32_767, rel=0.01)


def test_whole_numbers_have_the_range_of_their_bits(tmp_path):
    rows = read(save(tmp_path / "a", constant(100), constant(3000)), "0 .black. to 4095 .white.")
    assert rows.preparation.prepared == Images((3, 2), (0.0, 4095.0))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.25, 0.5), (0.0, 1.0)),
        ((0.0, 80.0), (0.0, 80.0)),
        ((-1000.0, 3000.0), (-1000.0, 3000.0)),
        ((1e6, 1e6 + 8), (1e6, 1e6 + 8)),
        ((0.0, 0.0), (0.0, 1.0)),
    ],
)
def test_floats_have_the_range_that_they_fill(values, expected, tmp_path):
    rows = read(save(tmp_path / "a", *(constant(value, np.float32) for value in values), suffix="tif"))
    assert rows.preparation.prepared.values == expected
    black, white = expected
    scaled = (np.array(values) - black) / (white - black) * 255
    np.testing.assert_allclose(rows.take(np.arange(2)).mean(axis=1), scaled, rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        (np.uint32, (3_000_000_000, 4_000_000_000)),
        (np.int32, (-7, 70_000)),
        (np.int16, (-7, 9)),
        (np.int8, (-3, 3)),
    ],
)
def test_numbers_of_any_type_keep_their_order(dtype, values, tmp_path):
    for number, value in enumerate(values):
        save_tiff(tmp_path / f"{number}.tif", [constant(value, dtype)])
    low, high = read(tmp_path).take(np.arange(2)).mean(axis=1)
    assert 0 <= low < high == pytest.approx(255)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_in_which_white_is_zero_is_turned_round(dtype, tmp_path):
    white = np.iinfo(dtype).max
    save_tiff(tmp_path / "a.tif", [np.array([[0, white]], dtype=dtype)], t262=0)
    rows = read_rows(tmp_path) if dtype == np.uint8 else read(tmp_path)
    np.testing.assert_array_equal(first_row(rows), [255, 0])


def test_the_transparent_level_of_sixteen_bits_is_white_and_does_not_widen_the_range(tmp_path):
    save_png(tmp_path / "a.png", (2, 1), 16, 0, [struct.pack(">HH", 1023, 60_000)], struct.pack(">H", 60_000))
    rows = read(tmp_path, "to 1023 .white.")
    np.testing.assert_array_equal(first_row(rows), [255, 255])


@pytest.mark.parametrize(
    ("value", "written", "dtype"),
    [
        (-9999, "-9999", np.float32),
        (-3.4028234663852886e38, "-3.4028234663852886e+38", np.float32),
        (65_535, "65535", np.uint16),
        (-32_768, " -32768 ", np.int32),
        (0, "0", np.uint16),
    ],
)
def test_what_a_map_names_as_no_data_is_white_and_does_not_widen_the_range(value, written, dtype, tmp_path):
    pixels = np.array([[51, 255], [value, 102]], dtype=dtype)
    Image.fromarray(pixels).save(tmp_path / "a.tif", tiffinfo={42113: written})
    np.testing.assert_allclose(first_row(read(tmp_path, "0 .black. to 255 .white.")), [51, 255, 255, 102])


def test_pictures_of_eight_bits_beside_those_of_more_stay_as_they_are(tmp_path):
    eight, sixteen = constant(200, np.uint8), constant(200 * 257)
    rows = read(save(tmp_path / "a", eight, sixteen), "1 of 2 pictures.*of the 8-bit ones stays as it is")
    np.testing.assert_allclose(rows.take(np.arange(2)), 200, rtol=1e-6)


def test_a_grey_picture_of_more_bits_beside_colours_has_three_equal_channels(tmp_path):
    save(tmp_path / "a", constant(65_535))
    Image.new("RGB", (2, 3), (1, 2, 3)).save(tmp_path / "a" / "1.png")
    rows = read(tmp_path / "a")
    assert rows.image_shape == (3, 2, 3)
    np.testing.assert_array_equal(rows.take(np.arange(2)), [[255] * 18, [1, 2, 3] * 6])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_picture_with_a_value_that_is_no_number_holds_nothing(bad, tmp_path):
    pictures = [np.random.default_rng(number).random((8, 8), dtype=np.float32) for number in range(3)]
    pictures[1][0, 0] = bad
    folder = save(tmp_path / "a", *pictures, suffix="tif")
    with pytest.warns(RowsWarning) as told:
        rows = read_rows(folder)
    says = "1 of 3 pictures hold NaN or infinite values, so their rows are all NaN (1.tif)"
    assert any(says in str(note.message) for note in told)
    found = rows.take(np.arange(3))
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(found[[0, 2]], 255 * np.array([pictures[0], pictures[2]]).reshape(2, 64), rtol=1e-5)
    assert check_finite(rows).tolist() == [1]


def test_later_pictures_have_the_range_of_the_fit_and_what_is_beyond_is_told(tmp_path):
    fitted = read(save(tmp_path / "a", constant(0), constant(1000))).preparation
    inside = read_rows(save(tmp_path / "b", constant(500)), preparation=fitted)
    np.testing.assert_allclose(first_row(inside), 500 / 1023 * 255, rtol=1e-6)
    folder = save(tmp_path / "c", constant(5000), constant(7))
    beyond = read(
        folder, r"1 of 2 pictures have values outside the range of the model.*\(0\.png\)", preparation=fitted
    )
    np.testing.assert_allclose(beyond.take(np.arange(2)).mean(axis=1), [255, 7 / 1023 * 255], rtol=1e-6)


def test_sixteen_bits_after_a_fit_of_eight_are_as_viewers_show_them(tmp_path):
    fitted = read_rows(save(tmp_path / "a", constant(7, np.uint8))).preparation
    rows = read(
        save(tmp_path / "b", constant(257 * 7)), "more than 8 bits, of which the fit had none", preparation=fitted
    )
    np.testing.assert_allclose(first_row(rows), 7, rtol=1e-6)


def test_pictures_of_more_bits_and_of_several_sizes_are_scaled(tmp_path):
    folder = save(tmp_path / "a", np.full((40, 50), 60_000, np.uint16), np.full((9, 3), 30_000, np.uint16))
    rows = read(folder)
    assert rows.image_shape == (32, 32)
    np.testing.assert_allclose(rows.take(np.arange(2)).mean(axis=1), np.array([60_000, 30_000]) / 257, rtol=1e-5)


@pytest.mark.parametrize("values", [None, (0.0, 4095.0), (-7.5, 1e9)])
def test_the_range_is_kept_in_json(values):
    images = Images((4, 5), values)
    assert Images.from_json(images.to_json()) == images
    assert Preparation.from_json(Preparation(prepared=images).to_json(), 20).prepared == images


@pytest.mark.parametrize("values", [[1.0, 0.0], [0.0, float("nan")], [0.0], "wide", [0.0, "1"]])
def test_a_damaged_range_is_refused(values):
    with pytest.raises(ValueError, match="its range of values of images is none"):
        Images.from_json({"shape": [4, 5], "values": values})


def test_colour_of_16_bits_is_told_as_read_with_8(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    for number, value in enumerate((5000, 60000)):
        pixels = np.full((8, 8, 3), value, dtype=np.uint16)
        tifffile.imwrite(tmp_path / f"{number}.tif", pixels, photometric="rgb")
    with pytest.warns(RowsWarning, match="2 of 2 pictures in colour have 16 bits per channel; the upper 8"):
        rows = read_rows(tmp_path)
    assert rows.take(np.arange(2))[:, 0].tolist() == [19, 234]


@pytest.mark.parametrize(("dtype", "shape"), [(np.float64, (8, 8)), (np.float16, (8, 8)), (np.uint8, (5, 8, 8))])
def test_a_tiff_of_values_or_channels_that_pillow_does_not_read_is_named_so(dtype, shape, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    how = {"planarconfig": "separate"} if len(shape) == 3 else {}
    tifffile.imwrite(tmp_path / "x.tif", np.zeros(shape, dtype=dtype), photometric="minisblack", **how)
    with pytest.raises(
        RowsError, match=r"a TIFF of values or channels that Pillow does not read; save it as grey float32"
    ):
        read_rows(tmp_path)
