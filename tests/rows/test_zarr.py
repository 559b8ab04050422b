"""Arrays of Zarr are rows, and none of them can make this process run code."""

import json
import pickle

import numpy as np
import pytest

from small import small_dec
from torchdec.rows import RowsError, _blocks, _zarr, read_rows

zarr = pytest.importorskip("zarr")

X = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)


def write(path, x=X, chunks=(8, 4), **options):
    zarr.create_array(path, shape=x.shape, chunks=chunks, dtype=x.dtype, **options)[:] = x
    return path


@pytest.mark.parametrize("options", [{}, {"zarr_format": 2}, {"shards": (16, 4)}, {"chunks": (8, 3)}])
@pytest.mark.parametrize("values_a_block", [1 << 23, 40])
def test_an_array_is_read_in_blocks_of_whole_chunks(options, values_a_block, tmp_path, monkeypatch):
    monkeypatch.setattr(_zarr, "_BLOCK_VALUES", values_a_block)
    rows = read_rows(write(tmp_path / "x.zarr", **options))
    assert rows.shape == (50, 4)
    assert rows.block_starts[1] == (50 if values_a_block > 1000 else 8)
    np.testing.assert_array_equal(np.concatenate(list(rows.chunks(7))), X)
    np.testing.assert_array_equal(rows.take(np.array([49, 0, 9])), X[[49, 0, 9]])


def test_predict_reads_block_after_block_and_keeps_none(tmp_path, monkeypatch):
    monkeypatch.setattr(_zarr, "_BLOCK_VALUES", 40)
    monkeypatch.setattr(_blocks, "KEPT_BYTES", 1)
    model = small_dec().fit(X)
    rows = read_rows(write(tmp_path / "x.zarr"))
    read = []
    one_block = rows._read
    monkeypatch.setattr(rows, "_read", lambda number: read.append(number) or one_block(number))
    np.testing.assert_array_equal(model.predict(rows), model.predict(X))
    assert read == 2 * list(range(7))  # the check for NaN, and the pass
    assert not rows._kept


def test_a_group_names_its_arrays(tmp_path):
    zarr.open_group(tmp_path / "g.zarr", mode="w")
    write(tmp_path / "g.zarr" / "a")
    write(tmp_path / "g.zarr" / "b")
    with pytest.raises(RowsError, match=r"g\.zarr: is a group; give the path of one of the arrays in it \(a, b\)"):
        read_rows(tmp_path / "g.zarr")


@pytest.mark.parametrize(
    "x", [X[0], X[None], X.astype(complex), np.zeros((0, 4))], ids=["1-D", "3-D", "complex", "0"]
)
def test_what_is_no_table_of_numbers_is_refused(x, tmp_path):
    path = write(tmp_path / "x.zarr", x, chunks=tuple(max(size, 1) for size in x.shape))
    with pytest.raises(RowsError, match=r"x\.zarr"):
        read_rows(path)


def test_a_folder_that_holds_no_zarr_is_refused(tmp_path):
    (tmp_path / "x.zarr").mkdir()
    with pytest.raises(RowsError, match=r"x\.zarr: cannot be read as \.zarr"):
        read_rows(tmp_path / "x.zarr")


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_a_codec_that_unpickles_is_never_run(place, tmp_path):
    path = write(tmp_path / "x.zarr", zarr_format=2)
    about = json.loads((path / ".zarray").read_text())
    about[place] = [{"id": "pickle"}] if place == "filters" else {"id": "pickle"}
    (path / ".zarray").write_text(json.dumps(about))
    for chunk in path.glob("[0-9]*"):
        chunk.write_bytes(pickle.dumps(Attack(tmp_path / "attacked")))
    with pytest.raises(RowsError, match="zarr"):
        list(read_rows(path).chunks(8))
    assert not (tmp_path / "attacked").exists()


def test_filters_that_are_harmless_are_still_not_decoded(tmp_path):
    path = write(tmp_path / "x.zarr", zarr_format=2)
    about = json.loads((path / ".zarray").read_text())
    about["filters"] = [{"id": "delta", "dtype": "<f4"}]
    (path / ".zarray").write_text(json.dumps(about))
    with pytest.raises(RowsError, match="is encoded by 'delta'"):
        read_rows(path)
