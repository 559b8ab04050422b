import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from torchdec.rows._arrays import DenseRows, SparseRows

DTYPES = ["bool", "int8", "uint8", "uint16", "int64", "float16", "float32", "float64", ">f4", ">f8", ">i4"]


def unsorted_with_duplicates(dtype=np.float64):
    # Row 0 has its columns in falling order, row 1 names column 2 twice.
    data = np.array([3, 1, 2, 4, 5], dtype=dtype)
    return sp.csr_array((data, np.array([2, 0, 2, 2, 1]), np.array([0, 2, 4, 4, 5])), shape=(4, 3))


UNSORTED_DENSE = np.array([[1, 0, 3], [0, 0, 6], [0, 0, 0], [0, 5, 0]], dtype=np.float32)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sparse_rows_are_the_values_in_a_dtype_that_holds_them(dtype):
    dense = np.array([[0, 1, 0], [3, 0, 0], [0, 0, 0], [2, 0, 1]], dtype=dtype)
    row, column = np.nonzero(dense)
    matrix = sp.csr_array((dense[row, column], column, np.array([0, 1, 2, 2, 4])), shape=(4, 3))
    rows = SparseRows(matrix)
    index = np.array([3, 0, 3])
    taken = rows.take(index)
    wide = {"int64": "int64", "float64": "float64", ">f8": "float64", ">i4": "float64"}
    assert taken.dtype == wide.get(dtype, "float32")
    assert taken.flags.c_contiguous
    assert taken.flags.writeable
    np.testing.assert_array_equal(taken, dense[index])
    np.testing.assert_array_equal(np.concatenate(list(rows.chunks(3))), dense)


@given(
    dense=hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int16, np.bool_]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
        fill=st.just(0),
    ),
    size=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_sparse_rows_equal_dense_rows(dense, size, seed):
    sparse, wanted = SparseRows(sp.csr_array(dense)), DenseRows(dense)
    index = np.random.default_rng(seed).integers(0, len(wanted), 2 * len(wanted))
    np.testing.assert_array_equal(sparse.take(index), wanted.take(index))
    for got, chunk in zip(sparse.chunks(size), wanted.chunks(size), strict=True):
        np.testing.assert_array_equal(got, chunk)


@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_unsorted_columns_are_put_right_and_duplicates_summed(dtype):
    rows = SparseRows(unsorted_with_duplicates(dtype))
    np.testing.assert_array_equal(rows.take(np.array([1, 0, 1])), UNSORTED_DENSE[[1, 0, 1]])
    np.testing.assert_array_equal(np.concatenate(list(rows.chunks(4))), UNSORTED_DENSE)


def test_the_callers_matrix_is_not_sorted_summed_or_written_to():
    matrix = unsorted_with_duplicates()
    before = [part.copy() for part in (matrix.data, matrix.indices, matrix.indptr)]
    rows = SparseRows(matrix)
    rows.take(np.arange(4))[:] = -1
    next(rows.chunks(4))[:] = -1
    for part, old in zip((matrix.data, matrix.indices, matrix.indptr), before, strict=True):
        np.testing.assert_array_equal(part, old)


def test_read_only_parts_can_be_read():
    matrix = unsorted_with_duplicates()
    for part in (matrix.data, matrix.indices, matrix.indptr):
        part.flags.writeable = False
    rows = SparseRows(matrix)
    np.testing.assert_array_equal(rows.take(np.arange(4)), UNSORTED_DENSE)
    np.testing.assert_array_equal(next(rows.chunks(4)), UNSORTED_DENSE)


def test_values_beyond_float32_are_kept_for_the_check_to_tell():
    rows = SparseRows(sp.csr_array([[1e300, 0.0]]))
    np.testing.assert_array_equal(rows.take(np.array([0])), [[1e300, 0]])


def test_shape_length_and_names_are_those_given():
    rows = SparseRows(unsorted_with_duplicates(), ["a", "b", "c"])
    assert rows.shape == (4, 3)
    assert len(rows) == 4
    assert rows.feature_names == ["a", "b", "c"]
    assert SparseRows(unsorted_with_duplicates()).feature_names is None


def test_taking_no_rows_gives_an_empty_array_of_the_right_width():
    assert SparseRows(unsorted_with_duplicates()).take(np.array([], dtype=np.int64)).shape == (0, 3)


@pytest.mark.parametrize("canonical", [True, False], ids=["sorted", "unsorted"])
def test_only_the_batch_asked_for_is_ever_dense_and_nothing_whole_is_copied(canonical):
    rng = np.random.default_rng(0)
    n_rows, width, stored = 20_000, 500, 40
    columns = np.argsort(rng.random((n_rows, width)), axis=1)[:, :stored]
    if canonical:
        columns.sort(axis=1)
    indptr = np.arange(0, n_rows * stored + 1, stored)
    matrix = sp.csr_array((rng.random(n_rows * stored), columns.ravel(), indptr), shape=(n_rows, width))
    stored_bytes = matrix.data.nbytes + matrix.indices.nbytes  # at least 9.6 MB; dense: 80 MB
    index = rng.permutation(n_rows)
    tracemalloc.start()
    try:
        rows = SparseRows(matrix)
        for start in range(0, 4000, 200):
            rows.take(index[start : start + 200])
        for _ in rows.chunks(200):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    one_batch = 200 * width * 8
    assert one_batch / 2 < peak < 4 * one_batch
    assert peak < stored_bytes / 2
