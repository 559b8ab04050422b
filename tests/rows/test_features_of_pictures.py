"""Vectors of the pictures in a folder are rows that know their pictures; pixels of photographs are warned of."""

from pathlib import Path

import numpy as np
import pytest

from torchdec.rows import RowsError, read_rows
from torchdec.rows._ids import row_ids
from torchdec.rows._protocol import RowsWarning

Image = pytest.importorskip("PIL.Image")
VECTORS = np.arange(36, dtype=np.float32).reshape(12, 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos" / "more").mkdir(parents=True)
    np.save(tmp_path / "vectors.npy", VECTORS)
    for number in range(12):
        name = f"more/{number}.png" if number == 11 else f"{number}.png"
        Image.new("RGB", (9, 9), (20 * number, 0, 0)).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


def test_each_picture_has_its_vector_in_natural_order(folder: Path) -> None:
    with pytest.warns(RowsWarning, match=r"this order: 0\.png, 1\.png, \.\.\., more/11\.png"):
        rows = read_rows(folder, features=folder.parent / "vectors.npy")
    np.testing.assert_array_equal(rows.take(np.array([2, 10])), VECTORS[[2, 10]])
    names = row_ids(rows)["name"].to_pylist()
    assert names[2] == "2.png"
    assert (rows.folder_of_pictures / rows.pictures[10]).name == "10.png"


def test_an_npz_and_what_does_not_fit_together(folder: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", x=VECTORS)
    with pytest.warns(RowsWarning):
        assert len(read_rows(folder, features=tmp_path / "v.npz")) == 12
    np.save(tmp_path / "few.npy", VECTORS[1:])
    (tmp_path / "v.csv").write_text("a\n1\n")
    np.savez(tmp_path / "sparse.npz", data=np.ones(1), indices=[0], indptr=[0] * 12 + [1], shape=[12, 3])
    for path, features, message in (
        (folder, "few.npy", "holds 11 rows, but .* 12 pictures; give one row for each"),
        (folder, "v.csv", "features of pictures are read from a .npy or .npz"),
        (folder, "sparse.npz", "isn't one array of vectors"),
        (folder / "0.png", "vectors.npy", "isn't a folder of pictures"),
        (folder, "none.npy", "there is no such file"),
    ):
        with pytest.raises(RowsError, match=message):
            read_rows(path, features=tmp_path / features)


@pytest.mark.parametrize(("mode", "side", "is_told"), [("RGB", 200, True), ("L", 200, False), ("RGB", 60, False)])
def test_pixels_of_photographs_are_warned_of(
    tmp_path: Path, recwarn: pytest.WarningsRecorder, mode: str, side: int, is_told: bool
) -> None:
    for number in range(3):
        Image.effect_noise((side, side), 50).convert(mode).save(tmp_path / f"{number}.png")
        picture = Image.open(tmp_path / f"{number}.png")
        picture.putpixel((0, 0), (255, 0, 0) if mode == "RGB" else 0)
        picture.save(tmp_path / f"{number}.png")
    read_rows(tmp_path)
    told = [str(warning.message) for warning in recwarn]
    assert told == ([] if not is_told else [one for one in told if "--features" in one and "200 x 200" in one])
    assert bool(told) == is_told
