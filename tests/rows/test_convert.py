import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from torchdec.rows import RowsError, as_rows

NUMERIC = ["bool", "int8", "uint8", "int32", "int64", "float16", "float32", "float64", ">f4", ">i8"]
FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]


def everything(rows):
    return np.concatenate(list(rows.chunks(3)))


class Frame:
    """A data frame of another library than pandas."""

    def __init__(self, columns, array):
        self.columns = columns
        self._array = array

    def to_numpy(self):
        return self._array


def test_rows_pass_through():
    rows = as_rows(np.eye(3))
    assert as_rows(rows) is rows


@pytest.mark.parametrize("dtype", NUMERIC)
def test_a_numeric_array_is_not_copied(dtype):
    array = np.ones((2000, 500), dtype=dtype)
    tracemalloc.start()
    try:
        rows = as_rows(array)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50_000
    array[0, 0] = 0
    assert rows.take(np.array([0]))[0, 0] == 0


def test_a_memmap_is_read_when_rows_are_asked_for_and_not_before(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 2)))
    array = np.load(tmp_path / "x.npy", mmap_mode="r+")
    rows = as_rows(array)
    array[3] = 5
    np.testing.assert_array_equal(rows.take(np.array([3, 0])), [[5, 5], [0, 0]])


@pytest.mark.parametrize("container", ["array", "matrix"])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_sparse_matrix_of_any_format_gives_the_dense_rows(kind, container):
    dense = np.array([[0, 1.5, 0], [2, 0, 0], [0, 0, 0], [3, 0, 4]])
    matrix = getattr(sp, f"{kind}_{container}")(dense)
    np.testing.assert_array_equal(everything(as_rows(matrix)), dense)


@given(
    dense=hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
        elements=st.floats(width=32),
        fill=st.just(0),
    )
)
def test_array_list_frame_and_sparse_give_equal_rows(dense):
    wanted = everything(as_rows(dense))
    np.testing.assert_array_equal(wanted, dense.astype(np.float32))
    for other in (dense.tolist(), pd.DataFrame(dense), sp.csr_array(dense), sp.coo_matrix(dense)):
        np.testing.assert_array_equal(everything(as_rows(other)), wanted)


def test_a_frame_gives_its_column_names():
    assert as_rows(pd.DataFrame({"a": [1], "b": [2.5]})).feature_names == ["a", "b"]
    assert as_rows(Frame(["u", "v"], np.eye(2))).feature_names == ["u", "v"]


def test_a_frame_whose_names_are_numbers_alone_has_none():
    assert as_rows(pd.DataFrame(np.eye(2), columns=[0, 1])).feature_names is None
    assert as_rows(pd.DataFrame(np.eye(2), columns=["a", 1])).feature_names == ["a", "1"]


@pytest.mark.parametrize("X", [np.eye(2), [[1, 2]], sp.eye_array(2)])
def test_what_has_no_names_gives_none(X):
    assert as_rows(X).feature_names is None


def test_rows_of_nullable_columns_without_a_value_become_nan():
    frame = pd.DataFrame({"a": pd.array([1, None, 3], "Int64"), "c": pd.array([0.5, None, 1.5], "Float64")})
    np.testing.assert_array_equal(everything(as_rows(frame)), [[1, 0.5], [np.nan, np.nan], [3, 1.5]])


def test_an_object_array_of_numbers_is_read_as_numbers():
    array = np.array([[1, 2.5], [None, True]], dtype=object)
    np.testing.assert_array_equal(everything(as_rows(array)), [[1, 2.5], [np.nan, 1]])


def test_an_object_that_is_no_number_is_a_type_error():
    with pytest.raises(TypeError, match=r"argument must be .* string.* number"):
        as_rows(np.array([[{"foo": "bar"}, 1.0]], dtype=object))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.arange(5.0), r"X has shape \(5,\), but one row per observation .* Reshape your data"),
        (np.zeros((4, 2, 2, 2, 1)), r"X has shape \(4, 2, 2, 2, 1\), .* X\.reshape\(len\(X\), -1\)"),
        (np.array(3.0), r"X has shape \(\)"),
        (sp.coo_array([1.0, 2.0]), r"X has shape \(2,\)"),
        (np.zeros((3, 0)), r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required"),
        (np.zeros((0, 3)), r"0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required"),
        (sp.csr_array((0, 3)), r"0 sample\(s\)"),
        (pd.DataFrame(), r"X is empty"),
        ([], r"X has shape \(0,\)"),
        (np.ones((2, 2), dtype=complex), r"X holds complex numbers\. Complex data not supported"),
        (sp.csr_array(np.eye(2, dtype=complex)), r"Complex data not supported"),
        (np.array([[1j, 2]], dtype=object), r"Complex data not supported"),
        (np.array([["a", "b"]]), r"X holds values of dtype <U1, but numbers are needed"),
        (
            np.array([["1.5", 2]], dtype=object),
            r"X holds text such as '1\.5'; give a data frame, pandas\.DataFrame\(X\)",
        ),
        (pd.DataFrame({"a": [1], "b": [b"red"]}), r"column 'b' of X holds bytes; drop it"),
        (np.array([["2020-01-01"]], dtype="M8[D]"), r"X holds values of dtype datetime64"),
        ([[1, 2], [3]], r"X has 2 numbers in row 0 and 1 in row 1; give every row as many"),
        ("rows.npy", r"X is 'rows\.npy', not rows; torchdec\.rows\.read_rows\(path\) reads a file"),
    ],
)
def test_what_is_no_table_of_real_numbers_is_refused_with_a_reason(X, message):
    with pytest.raises(RowsError, match=message):
        as_rows(X)
