"""A folder of images becomes rows of pixels, and other images the same kind of rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from torchdec.prepare._images import Images
from torchdec.rows import Preparation, RowsError, _images, read_rows


def save(path: Path, pixels: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path)


def test_images_of_one_small_size_are_kept_as_they_are(tmp_path: Path) -> None:
    first, second = np.arange(20).reshape(4, 5), np.arange(20, 40).reshape(4, 5)
    save(tmp_path / "b.png", second)
    save(tmp_path / "a" / "x.png", first)
    (tmp_path / "notes.txt").write_text("no image")
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


def test_sixteen_bits_keep_their_contrast(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 30_000], [60_000, 60_000]], dtype=np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_rows(tmp_path).take(np.array([0]))[0], [0, 128, 255, 255])


def test_new_images_are_brought_to_the_shape_of_the_recipe(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.full((50, 50, 3), 40))
    rows = read_rows(tmp_path, preparation=Preparation(prepared=Images((4, 4))))
    assert rows.shape == (1, 16)
    assert set(rows.take(np.array([0]))[0]) == {40}


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.zeros((40, 40)))
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RowsError, match=r"a\.png: is damaged|a\.png: is no image"):
        read_rows(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no image at all")
    with pytest.raises(RowsError, match=r"a\.png: is no image that can be read"):
        read_rows(tmp_path)


def test_an_image_that_claims_to_be_huge_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_images, "_BOMB", 100)
    save(tmp_path / "a.png", np.zeros((20, 20)))
    with pytest.raises(RowsError, match="has 20 x 20 pixels, too many to decode"):
        read_rows(tmp_path)


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "secret.png", np.zeros((2, 2)))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(RowsError, match="is a link that leads out of"):
        read_rows(tmp_path / "photos")


def test_a_folder_without_images_says_so(tmp_path: Path) -> None:
    with pytest.raises(RowsError, match=r"is a directory without .*images"):
        read_rows(tmp_path)
