"""A folder of images becomes rows of pixels, and other images the same kind of rows."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_pictures import save_tiff

from torchdec.prepare._images import Images
from torchdec.rows import Preparation, RowsError, RowsWarning, _images, read_rows


def save(path: Path, pixels: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)


def test_images_of_one_small_size_are_kept_as_they_are(tmp_path: Path) -> None:
    first, second = np.arange(20).reshape(4, 5), np.arange(20, 40).reshape(4, 5)
    save(tmp_path / "b.png", second)
    save(tmp_path / "a" / "x.png", first)
    rows = read_rows(tmp_path)
    np.testing.assert_array_equal(rows.take(np.array([0, 1])), [first.ravel(), second.ravel()])
    assert rows.names == ["a/x.png", "b.png"]  # type: ignore[attr-defined]
    assert rows.preparation.prepared == Images((4, 5))  # type: ignore[attr-defined]


def test_images_of_several_sizes_become_squares(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.full((4, 5), 7))
    save(tmp_path / "b.png", np.full((90, 10), 200))
    rows = read_rows(tmp_path)
    assert rows.shape == (2, 32 * 32)
    np.testing.assert_array_equal(rows.take(np.array([0, 1]))[:, 0], [7, 200])


def test_one_image_in_colour_makes_all_rows_colour(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.full((3, 3), 9))
    save(tmp_path / "b.png", np.tile(np.array([1, 2, 3]), (3, 3, 1)))
    rows = read_rows(tmp_path)
    assert rows.shape == (2, 27)
    np.testing.assert_array_equal(rows.take(np.array([0, 1]))[:, :3], [[9, 9, 9], [1, 2, 3]])


def test_new_images_are_brought_to_the_shape_of_the_recipe(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.full((50, 50, 3), 40))
    rows = read_rows(tmp_path, preparation=Preparation(prepared=Images((4, 4))))
    assert rows.shape == (1, 16)
    assert set(rows.take(np.array([0]))[0]) == {40}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp", ".gif", ".jp2", ".pgm"])
@pytest.mark.parametrize("kept", [0, 3, 0.5])
def test_a_damaged_image_is_named(suffix: str, kept: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 60))
    for number in range(2):
        save(tmp_path / f"{number}{suffix}", noise)
    path = tmp_path / f"1{suffix}"
    path.write_bytes(path.read_bytes()[: int(kept * len(path.read_bytes())) if kept < 1 else int(kept)])
    with pytest.raises(RowsError, match=rf"1 of 2 files are not pictures that can be read: 1\{suffix} \("):
        read_rows(tmp_path)
    with pytest.raises(RowsError, match=rf"1\{suffix}: is (not a picture that can be read|empty)"):
        read_rows(path)


def test_all_damaged_images_are_named_at_once_whether_their_header_or_their_pixels_are(tmp_path: Path) -> None:
    for number in range(20):
        save(tmp_path / f"{number:02}.png", np.zeros((40, 40)))
    for number in (3, 9):
        (tmp_path / f"{number:02}.png").write_bytes(b"\x89PNG not really")
    whole = (tmp_path / "15.png").read_bytes()
    (tmp_path / "15.png").write_bytes(whole[:-30])
    with pytest.raises(RowsError, match="3 of 20 files are not pictures that can be read: ") as error:
        read_rows(tmp_path)
    assert all(f"{number:02}.png" in str(error.value) for number in (3, 9, 15))
    assert "\n" not in str(error.value)


def test_ten_damaged_images_are_named_and_the_others_counted(tmp_path: Path) -> None:
    for number in range(14):
        (tmp_path / f"{number:02}.png").write_bytes(b"no picture")
    with pytest.raises(RowsError, match=r"14 of 14 files are not .*00\.png.*09\.png.* and 4 more; write") as error:
        read_rows(tmp_path)
    assert "10.png" not in str(error.value)


def test_an_image_that_claims_to_be_huge_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_images, "_BOMB", 100)
    save(tmp_path / "a.png", np.zeros((20, 20)))
    with pytest.raises(RowsError, match="20 x 20 pixels are too many to decode"):
        read_rows(tmp_path)


def test_files_of_other_programs_are_not_opened_whatever_their_suffix_says(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(RowsError, match="first bytes are not of a picture"):
        read_rows(tmp_path)


def test_no_file_stays_open(tmp_path: Path) -> None:
    for number in range(6):
        save(tmp_path / f"{number}.png", np.zeros((4, 4)))
    Image.new("L", (4, 4)).save(tmp_path / "6.tif", save_all=True, append_images=[Image.new("L", (4, 4))])
    (tmp_path / "7.png").write_bytes((tmp_path / "0.png").read_bytes()[:40])
    before = set(Path("/proc/self/fd").iterdir()) if Path("/proc/self/fd").exists() else set()
    with pytest.raises(RowsError, match=r"7\.png"):
        read_rows(tmp_path)
    assert len(set(Path("/proc/self/fd").iterdir()) if before else set()) == len(before)


def test_each_page_of_a_tiff_is_a_row(tmp_path: Path) -> None:
    pages = [Image.new("L", (4, 3), 10 * page) for page in range(3)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    save(tmp_path / "z.tif", np.full((3, 4), 200))
    with pytest.warns(
        RowsWarning, match=r"1 of 2 files are TIFFs.*each of the 3 pages is a row, named as stack.tif#2"
    ):
        rows = read_rows(tmp_path)
    assert rows.names == ["stack.tif#0", "stack.tif#1", "stack.tif#2", "z.tif"]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(rows.take(np.arange(4))[:, 0], [0, 10, 20, 200])


def test_pages_of_several_kinds_and_sizes_are_rows(tmp_path: Path) -> None:
    pages = [Image.new("L", (4, 3), 10), Image.new("RGB", (40, 30), (1, 2, 3)), Image.new("1", (2, 2), 1)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.warns(RowsWarning, match="each of the 3 pages is a row"):
        rows = read_rows(tmp_path / "a.tif")
    assert rows.shape == (3, 32 * 32 * 3)
    np.testing.assert_array_equal(rows.take(np.arange(3))[:, :3], [[10] * 3, [1, 2, 3], [255] * 3])


@pytest.mark.parametrize(
    "tag", [{"t254": 1}, {"t254": 4}, {"t255": 2}], ids=["thumbnail", "mask", "old thumbnail"]
)
def test_thumbnails_and_masks_within_a_tiff_are_left_out(tag: dict[str, int], tmp_path: Path) -> None:
    picture, thumbnail = np.full((4, 4), 9, np.uint8), np.full((2, 2), 9, np.uint8)
    save_tiff(tmp_path / "a.tif", [picture, thumbnail], **tag)
    with pytest.warns(RowsWarning, match=r"1 pages of TIFFs are marked as thumbnails or masks .*\(a\.tif\)"):
        rows = read_rows(tmp_path)
    assert (rows.shape, rows.names) == ((1, 16), ["a.tif"])  # type: ignore[attr-defined]


def test_a_damaged_page_is_named(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50), np.uint8)) for _ in range(2)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[:-100])
    with pytest.raises(RowsError, match=r"a\.tif: is not a picture that can be read \(page 1: "):
        read_rows(tmp_path)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "avif", "mpo"])
def test_of_an_animation_the_first_frame_is_taken(suffix: str, tmp_path: Path) -> None:
    frames = [Image.new("L", (16, 16), shade) for shade in (100, 200, 50)]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], lossless=True, quality=100)
    with pytest.warns(RowsWarning, match=rf"1 of 1 files hold several frames; the first is used \(a\.{suffix}\)"):
        rows = read_rows(tmp_path)
    assert rows.shape == (1, 256)
    np.testing.assert_allclose(rows.take(np.array([0])), 100, atol=1)


SUFFIXES = [
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "avif", "bmp", "gif", "ico", "tif", "tiff", "jp2", "j2k",
    "pgm", "pnm", "tga",
]  # fmt: skip


@pytest.mark.parametrize("suffix", [*SUFFIXES, "PNG", "JpG"])
def test_pictures_of_every_usual_suffix_are_read(suffix: str, tmp_path: Path) -> None:
    Image.new("L", (16, 16), 90).save(tmp_path / f"a.{suffix}")
    rows = read_rows(tmp_path)
    assert rows.shape == (1, 256)
    np.testing.assert_allclose(rows.take(np.array([0])), 90, atol=2)


def test_bits_and_colours_of_netpbm_are_read(tmp_path: Path) -> None:
    Image.new("1", (3, 2), 1).save(tmp_path / "a.pbm")
    Image.new("RGB", (3, 2), (1, 2, 3)).save(tmp_path / "b.ppm")
    np.testing.assert_array_equal(read_rows(tmp_path).take(np.arange(2)), [[255] * 18, [1, 2, 3] * 6])


def test_files_that_are_left_out_are_counted_by_suffix(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.zeros((2, 2)))
    for name in ("1.heic", "2.HEIC", "x.CR2", "notes.txt", "sub/README", "Thumbs.db", ".hidden", ".cache/b.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"?")
    told = r"left out: 2 \.heic, 1 \.cr2, 1 \.db, 1 \.txt, 1 without a suffix; save pictures among them as"
    with pytest.warns(RowsWarning, match=told):
        assert read_rows(tmp_path).shape == (1, 4)


def test_a_folder_of_unknown_pictures_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "1.heic").write_bytes(b"?")
    with pytest.raises(RowsError, match=r"is a directory without .*images.* of 1 \.heic; give one"):
        read_rows(tmp_path)


def test_pictures_whose_names_begin_with_an_underscore_are_read(tmp_path: Path) -> None:
    save(tmp_path / "_DSC0001.jpg", np.zeros((2, 2)))  # cameras name pictures in Adobe RGB so
    save(tmp_path / "DSC_0002.jpg", np.zeros((2, 2)))
    assert len(read_rows(tmp_path)) == 2


@pytest.mark.parametrize("system", ["@eaDir/1.png", "#recycle", "$RECYCLE.BIN/S-1-5", ".Trash"])
def test_pipes_and_what_systems_keep_beside_pictures_are_no_rows(system: str, tmp_path: Path) -> None:
    save(tmp_path / "1.png", np.zeros((2, 2)))
    (tmp_path / "photos" / system).mkdir(parents=True)
    save(tmp_path / "photos" / "2.png", np.zeros((2, 2)))
    save(tmp_path / "photos" / system / "2.png", np.zeros((2, 2)))
    os.mkfifo(tmp_path / "3.png")  # which would be waited for
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_rows(tmp_path).names == ["1.png", "photos/2.png"]  # type: ignore[attr-defined]


def test_one_picture_is_one_row(tmp_path: Path) -> None:
    save(tmp_path / "cat.PNG", np.full((5, 5), 40))
    rows = read_rows(tmp_path / "cat.PNG", preparation=Preparation(prepared=Images((4, 4))))
    assert (rows.shape, rows.names) == ((1, 16), ["cat.PNG"])  # type: ignore[attr-defined]
    np.testing.assert_array_equal(rows.take(np.array([0]))[0], [40] * 16)


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "secret.png", np.zeros((2, 2)))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(RowsError, match="is a link that leads out of"):
        read_rows(tmp_path / "photos")


def test_a_folder_without_images_says_so(tmp_path: Path) -> None:
    with pytest.raises(RowsError, match=r"is a directory without .*images"):
        read_rows(tmp_path)
