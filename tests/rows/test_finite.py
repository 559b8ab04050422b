import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from torchdec.rows import RowsError, _finite, as_rows, check_finite


def refusal(X, **keywords):
    with pytest.raises(RowsError) as caught:
        check_finite(as_rows(X), **keywords)
    return str(caught.value)


@pytest.mark.parametrize("X", [np.eye(4), np.full((3, 1), 3.4e38), np.ones((2, 2), np.uint8), sp.eye_array(3)])
def test_finite_rows_are_accepted(X):
    assert not len(check_finite(as_rows(X)))


def test_rows_of_nan_alone_hold_nothing_and_are_found_in_every_chunk(monkeypatch):
    monkeypatch.setattr(_finite, "_CHUNK_VALUES", 6)
    X = np.ones((20, 3))
    X[[0, 7, 19]] = np.nan
    assert check_finite(as_rows(X)).tolist() == [0, 7, 19]
    X[7, 1] = 0
    assert "2 NaN and 0 infinite values, in 1 of 20 rows (row 7, counted from 0), all in columns 0, 2" in refusal(
        X
    )
    X[7] = [np.nan, np.nan, np.inf]
    assert "2 NaN and 1 infinite values, in 1 of 20 rows (row 7" in refusal(X)


def test_the_message_counts_values_and_rows_and_names_the_first_rows():
    X = np.ones((20, 3))
    X[[2, 4, 6, 8, 10, 12], 0] = np.nan
    X[4, 1:] = [np.inf, -np.inf]
    assert refusal(X) == (
        "X holds 6 NaN and 2 infinite values, in 6 of 20 rows (first rows 2, 4, 6, 8, 10, counted from 0); "
        "drop or fill these rows; a value beyond 3.4e38, the range of float32, counts as infinite: "
        "divide the data first"
    )


def test_a_single_row_is_named_as_one_and_nan_alone_gets_no_hint_about_range():
    assert refusal(np.array([[1.0, 1], [np.nan, 1]]), name="data.npy") == (
        "data.npy holds 1 NaN and 0 infinite values, in 1 of 2 rows (row 1, counted from 0), all in column 0; "
        "drop or fill these rows"
    )


def test_a_few_columns_are_named_by_name_or_else_by_number():
    X = np.ones((9, 7))
    X[[2, 4], [3, 6]] = np.nan
    assert "in 2 of 9 rows (rows 2, 4, counted from 0), all in columns 3, 6; drop or fill these rows" in refusal(X)
    X[4, 6] = 1
    X[2, 3] = np.inf
    assert "all in column 'd'; drop" in refusal(pd.DataFrame(X, columns=list("abcdefg")))


@pytest.mark.parametrize("bad", [[0, 1, 2, 3, 4, 5], range(1, 7)])
def test_many_columns_are_not_named(bad):
    X = np.ones((9, 7))
    X[2, bad] = np.nan
    assert "column" not in refusal(X)


def test_a_column_without_any_value_is_to_be_dropped_and_not_the_rows():
    X = np.ones((8, 3))
    X[:, 2] = np.nan
    assert refusal(X).endswith("all in column 2; drop or fill column 2, where no value is finite")
    X[1, 1] = np.nan
    assert refusal(X).endswith(
        "all in columns 1, 2; drop or fill column 2, where no value is finite, before you drop or fill rows"
    )
    assert refusal(X[:1]).endswith("; drop or fill these rows")
    X[2] = np.nan  # holds nothing, and is no reason to keep the column
    assert "drop or fill column 2, where no value is finite" in refusal(X)


def test_of_many_columns_without_any_value_five_are_named():
    X = np.full((3, 9), np.nan)
    X[:, 8] = 1
    assert "; drop or fill columns 0, 1, 2, 3, 4 and 3 more, where no value is finite" in refusal(X)


def test_five_rows_are_all_named():
    assert "in 5 of 5 rows (rows 0, 1, 2, 3, 4, counted from 0)" in refusal(np.full((5, 2), [np.nan, 0]))


def test_a_float64_beyond_float32_counts_as_infinite():
    message = refusal(np.array([[1.0], [-1e39]]))
    assert "0 NaN and 1 infinite values, in 1 of 2 rows (row 1" in message
    assert "beyond 3.4e38, the range of float32" in message


def test_stored_values_of_a_sparse_matrix_are_checked():
    assert "1 NaN and 1 infinite values, in 2 of 3 rows (rows 0, 2" in refusal(
        sp.csr_array([[np.nan, 0], [0, 1], [0, np.inf]])
    )


@given(
    X=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.sampled_from([0.0, 1.0, np.nan, np.inf]),
    ),
    values=st.integers(1, 30),
)
def test_the_counts_do_not_depend_on_the_chunks(X, values):
    hollow = np.isnan(X).all(axis=1)
    bad = np.flatnonzero(~np.isfinite(X).all(axis=1) & ~hollow)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_finite, "_CHUNK_VALUES", values)
        if not len(bad):
            np.testing.assert_array_equal(check_finite(as_rows(X)), np.flatnonzero(hollow))
            return
        message = refusal(X)
    n, X = len(X), X[~hollow]
    assert message.startswith(f"X holds {np.isnan(X).sum()} NaN and {np.isinf(X).sum()} infinite values")
    assert f"in {len(bad)} of {n} rows" in message
    assert f" {', '.join(map(str, bad[:5]))}, counted from 0" in message
    empty = np.flatnonzero(~np.isfinite(X).any(axis=0))
    told = f"{', '.join(map(str, empty[:5]))}{f' and {len(empty) - 5} more' if len(empty) > 5 else ''}, where no"
    assert (told in message) == (len(X) > 1 and 0 < len(empty) < X.shape[1])


def test_only_a_chunk_is_in_memory_at_a_time(monkeypatch):
    monkeypatch.setattr(_finite, "_CHUNK_VALUES", 1 << 16)
    X = np.zeros((20_000, 100))  # 16 MB
    tracemalloc.start()
    try:
        check_finite(as_rows(X))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (1 << 16) * 8 <= peak < (1 << 16) * 8 * 4
