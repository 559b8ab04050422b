import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from torchdec.rows._arrays import DenseRows

DTYPES = [
    "bool", "int8", "uint8", "int16", "uint16", "int32", "int64", "uint64", "float16", "float32", "float64",
    "longdouble", ">f4", ">f8", ">i2", ">u4",
]  # fmt: skip
VALUES = np.array([[0, 1, 7], [100, 3, 0], [1, 1, 2], [5, 4, 9], [12, 0, 6]])


def _read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "rows reversed": lambda array: array[::-1].copy()[::-1],
    "columns reversed": lambda array: array[:, ::-1].copy()[:, ::-1],
    "every second row": lambda array: np.repeat(array, 2, axis=0)[::2],
    "transposed": lambda array: array.T.copy().T,
    "read-only": _read_only,
}


def on_disk(array, path):
    np.save(path, array)
    return np.load(path, mmap_mode="r")


# What float32 does not hold is handed out in what does.
WIDE = {"int64": "int64", "uint64": "uint64"} | dict.fromkeys(
    ["int32", "float64", "longdouble", ">f8", ">u4"], "float64"
)


def assert_fresh(got, source, dtype):
    assert type(got) is np.ndarray
    assert got.dtype == dtype
    assert got.dtype.isnative
    assert got.flags.c_contiguous
    assert got.flags.writeable
    assert not np.shares_memory(got, source)


@pytest.mark.parametrize("mapped", [False, True], ids=["in memory", "memmap"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_are_the_values_in_a_dtype_that_holds_them_whatever_the_layout(dtype, layout, mapped, tmp_path):
    array = LAYOUTS[layout](VALUES.astype(dtype))
    if mapped:
        array = on_disk(array, tmp_path / "x.npy")
    wanted, handed_out = VALUES.astype(dtype), WIDE.get(dtype, "float32")
    rows = DenseRows(array)
    index = np.array([4, 0, 0, 3])
    taken = rows.take(index)
    assert_fresh(taken, array, handed_out)
    np.testing.assert_array_equal(taken, wanted[index])
    for start, chunk in zip([0, 2, 4], rows.chunks(2), strict=True):
        assert_fresh(chunk, array, handed_out)
        np.testing.assert_array_equal(chunk, wanted[start : start + 2])


def test_writing_to_what_was_handed_out_leaves_the_array_alone():
    array = VALUES.astype(np.float32)
    rows = DenseRows(array)
    rows.take(np.arange(5))[:] = -1
    next(rows.chunks(5))[:] = -1
    np.testing.assert_array_equal(array, VALUES)


@given(
    array=hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)),
    size=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_chunks_joined_equal_all_rows_taken_and_the_array(array, size, seed):
    rows = DenseRows(array)
    chunks = list(rows.chunks(size))
    assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)
    assert 1 <= len(chunks[-1]) <= size
    np.testing.assert_array_equal(np.concatenate(chunks), array)
    index = np.random.default_rng(seed).integers(0, len(rows), 2 * len(rows))
    np.testing.assert_array_equal(rows.take(index), array[index])


@pytest.mark.parametrize("mapped", [False, True], ids=["in memory", "memmap"])
def test_taking_no_rows_gives_an_empty_array_of_the_right_width(mapped, tmp_path):
    array = on_disk(VALUES, tmp_path / "x.npy") if mapped else VALUES
    assert DenseRows(array).take(np.array([], dtype=np.int64)).shape == (0, 3)


@pytest.mark.parametrize("mapped", [False, True], ids=["in memory", "memmap"])
def test_a_row_beyond_the_last_is_an_index_error(mapped, tmp_path):
    array = on_disk(VALUES, tmp_path / "x.npy") if mapped else VALUES
    with pytest.raises(IndexError):
        DenseRows(array).take(np.array([5]))


def test_shape_length_and_names_are_those_given():
    rows = DenseRows(VALUES, ["a", "b", "c"])
    assert rows.shape == (5, 3)
    assert len(rows) == 5
    assert rows.feature_names == ["a", "b", "c"]
    assert DenseRows(VALUES).feature_names is None


def test_values_beyond_float64_become_infinite_without_a_warning(tmp_path):
    array = np.array([["1e3000", "-1e3000"]]).astype(np.longdouble)
    for source in (array, on_disk(array, tmp_path / "x.npy")):
        rows = DenseRows(source)
        np.testing.assert_array_equal(rows.take(np.array([0])), [[np.inf, -np.inf]])
        np.testing.assert_array_equal(next(rows.chunks(1)), [[np.inf, -np.inf]])


@pytest.mark.parametrize("mapped", [False, True], ids=["in memory", "memmap"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_batches_are_made_without_a_copy_of_the_whole_array(order, mapped, tmp_path):
    array = np.asarray(np.random.default_rng(0).random((8000, 200)), order=order)  # 12.8 MB
    if mapped:
        array = on_disk(array, tmp_path / "x.npy")
    index = np.random.default_rng(1).permutation(8000)
    tracemalloc.start()
    try:
        rows = DenseRows(array)
        for start in range(0, 8000, 400):
            rows.take(index[start : start + 400])
        for _ in rows.chunks(400):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    one_batch = 400 * 200 * 8
    assert one_batch / 2 < peak < 3 * one_batch  # the lower bound: the batches were seen at all
    assert peak < array.nbytes / 6
