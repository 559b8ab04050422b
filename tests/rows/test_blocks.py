"""Rows that are read a block at a time are those of the array that was written."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from PIL import Image

from torchdec.rows import Rows, RowsError, as_rows, read_rows
from torchdec.rows._blocks import BlockRows

X = np.random.default_rng(0).integers(0, 9, size=(53, 4)).astype(np.float64)
NAMES = ["d", "a", "c", "b"]


def write_parquet(folder, dtype=np.float32, nested=False):
    for number, start in enumerate(range(0, len(X), 20)):
        part = X[start : start + 20].astype(dtype)
        columns = {"row": list(part)} if nested else dict(zip(NAMES, part.T, strict=True))
        pq.write_table(pa.table(columns), folder / f"part-{number}.parquet", row_group_size=7)


def write_npz(folder):
    for number, start in enumerate(range(0, len(X), 20)):
        sp.save_npz(folder / f"part-{number}.npz", sp.csr_array(X[start : start + 20]))


def same_as_array(rows, dtype=np.float32):
    assert isinstance(rows, Rows)
    assert rows.shape == X.shape
    assert len(rows) == len(X)
    for size in (1, 9, 53, 100):
        chunks = list(rows.chunks(size))
        assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)
        np.testing.assert_array_equal(np.concatenate(chunks), X)
    index = np.random.default_rng(1).integers(0, len(X), size=200)
    taken = rows.take(index)
    np.testing.assert_array_equal(taken, X[index])
    assert taken.dtype == dtype
    assert taken.flags["C_CONTIGUOUS"]
    assert rows.take(index[:0]).shape == (0, 4)
    with pytest.raises(ValueError, match="size=0"):
        next(rows.chunks(0))


def refusal(path):
    with pytest.raises(RowsError) as caught:
        for _ in read_rows(path).chunks(100):
            pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("n_kept", [1, 3, 64])
@pytest.mark.parametrize("dtype", ["u1", "i2", "i8", "f2", "f4", "f8"])
def test_a_folder_of_parquet_gives_the_rows_that_were_written(tmp_path, dtype, n_kept):
    write_parquet(tmp_path, dtype)
    rows = read_rows(tmp_path)
    rows.n_kept = n_kept
    assert rows.feature_names == NAMES
    assert rows.block_starts.tolist() == [0, 7, 14, 20, 27, 34, 40, 47, 53]
    same_as_array(rows, dtype if dtype in ("i8", "f8") else np.float32)


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_a_column_of_lists_gives_a_feature_each(tmp_path, dtype):
    write_parquet(tmp_path, dtype, nested=True)
    rows = read_rows(tmp_path)
    assert rows.feature_names is None
    same_as_array(rows, dtype if dtype == "f8" else np.float32)


def test_lists_of_a_fixed_size_are_features_too(tmp_path):
    lists = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 4)
    pq.write_table(pa.table({"row": lists}), tmp_path / "x.parquet", row_group_size=10)
    same_as_array(read_rows(tmp_path / "x.parquet"), np.float64)


def test_csr_parts_give_the_rows_that_were_written(tmp_path):
    write_npz(tmp_path)
    same_as_array(read_rows(tmp_path), np.float64)


def test_nulls_in_one_file_are_nan_and_leave_the_other_files_as_they_are(tmp_path):
    pq.write_table(pa.table({"a": pa.array([1, 2], pa.uint8())}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": pa.array([None, 4], pa.uint8())}), tmp_path / "2.parquet")
    np.testing.assert_array_equal(read_rows(tmp_path).take(np.arange(4)), [[1], [2], [np.nan], [4]])


def test_no_more_blocks_stay_in_memory_than_are_allowed(tmp_path):
    write_parquet(tmp_path)
    rows = read_rows(tmp_path)
    rows.n_kept = 2
    for number in range(0, 53, 5):
        rows.take(np.array([number, 52 - number]))
        assert len(rows._kept) <= 2
    for _ in rows.chunks(10):
        pass
    assert len(rows._kept) <= 2


def test_blocks_in_memory_are_not_read_again():
    class Counted(BlockRows):
        read = 0

        def _read(self, number):
            self.read += 1
            return X[10 * number : 10 * number + 10]

    rows = Counted([10, 10, 10], 4, 1)
    for _ in range(5):
        rows.take(np.arange(30)[::-1])
    assert rows.read == 3


def test_what_goes_wrong_in_the_reading_thread_reaches_the_caller():
    class Broken(BlockRows):
        def _read(self, number):
            if number:
                raise RowsError("block 1 is damaged")
            return X[:10]

    chunks = Broken([10, 10], 4, 1).chunks(10)
    next(chunks)
    with pytest.raises(RowsError, match="block 1 is damaged"):
        next(chunks)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"a": [1.0], "z": [1.0]}, "has the column 'z', which part-0.parquet lacks"),
        ({"a": [1.0]}, "lacks column 'b'; it has 'a'"),
        ({"a": [1.0], "b": ["x"]}, "column 'b' holds string, and numbers in the file of the fit"),
    ],
)
def test_a_file_of_other_columns_is_named(tmp_path, table, words):
    pq.write_table(pa.table({"a": [1.0], "b": [2.0]}), tmp_path / "part-0.parquet")
    pq.write_table(pa.table(table), tmp_path / "part-1.parquet")
    message = refusal(tmp_path)
    assert message.startswith(str(tmp_path / "part-1.parquet"))
    assert words in message


def test_lists_of_several_lengths_are_refused(tmp_path):
    pq.write_table(pa.table({"row": [[1.0, 2.0], [1.0]]}), tmp_path / "x.parquet")
    assert "column 'row' has 1 numbers in row 1, counted from 0, and 2 in others" in refusal(
        tmp_path / "x.parquet"
    )


def test_files_without_rows_are_passed_over(tmp_path):
    write_parquet(tmp_path, nested=True)
    pq.write_table(pq.read_table(tmp_path / "part-0.parquet").slice(0, 0), tmp_path / "a-first.parquet")
    same_as_array(read_rows(tmp_path))


@pytest.mark.parametrize("suffix", [".parquet", ".npz"])
@pytest.mark.parametrize("content", [b"", b"damaged" * 99])
def test_a_damaged_or_empty_file_of_a_folder_is_named(tmp_path, suffix, content):
    (write_parquet if suffix == ".parquet" else write_npz)(tmp_path)
    (tmp_path / f"part-1{suffix}").write_bytes(content)
    assert refusal(tmp_path).startswith(str(tmp_path / f"part-1{suffix}"))


def test_parts_of_other_widths_are_named(tmp_path):
    write_npz(tmp_path)
    sp.save_npz(tmp_path / "part-9.npz", sp.csr_array(np.eye(3)))
    assert "part-9.npz: has 3 features, and part-0.npz 4" in refusal(tmp_path)


def test_an_archive_without_a_csr_matrix_is_no_part(tmp_path):
    np.savez(tmp_path / "a.npz", x=X)
    assert "the files of a folder are CSR parts" in refusal(tmp_path)


def test_a_folder_of_several_kinds_is_refused(tmp_path):
    write_parquet(tmp_path)
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    assert "several kinds: 3 .parquet (part-0.parquet), 1 images (a.png)" in refusal(tmp_path)


def test_hidden_files_and_marks_of_other_programs_are_no_rows(tmp_path):
    write_parquet(tmp_path)
    for name in ("_SUCCESS", ".part-0.parquet.crc", ".hidden.parquet"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "_temporary").mkdir()
    same_as_array(read_rows(tmp_path))


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    write_parquet(inside)
    pd.DataFrame(X, columns=NAMES).to_parquet(tmp_path / "outside.parquet")
    (inside / "z.parquet").symlink_to(tmp_path / "outside.parquet")
    assert "z.parquet: is a link that leads out of" in refusal(inside)


def test_blocks_can_be_taken_from_as_rows_of_any_kind(tmp_path):
    write_parquet(tmp_path)
    rows = read_rows(tmp_path)
    assert as_rows(rows) is rows
