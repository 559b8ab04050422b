import numpy as np
import pytest

from torchdec.rows import Rows, as_rows
from torchdec.rows._derived import StandardizedRows

X = np.arange(12, dtype=np.float32).reshape(4, 3)
MEANS, DEVIATIONS = np.array([1, 2, 3], np.float32), np.array([2, 1, 4], np.float32)
EXPECTED = (X - MEANS) / DEVIATIONS


def test_rows_are_standardised_however_they_are_asked_for():
    rows = StandardizedRows(as_rows(X.copy()), MEANS, DEVIATIONS)
    assert isinstance(rows, Rows)
    assert (rows.shape, len(rows), rows.feature_names) == ((4, 3), 4, None)
    np.testing.assert_array_equal(rows.take(np.array([3, 0, 3])), EXPECTED[[3, 0, 3]])
    np.testing.assert_array_equal(np.concatenate(list(rows.chunks(3))), EXPECTED)


def test_the_source_stays_as_it_was():
    source = X.copy()
    rows = StandardizedRows(as_rows(source), MEANS, DEVIATIONS)
    rows.take(np.array([0, 1, 2, 3]))
    list(rows.chunks(2))
    np.testing.assert_array_equal(source, X)


def test_how_rows_lie_on_a_disk_is_still_known():
    source = as_rows(X)
    source.block_starts = [0, 2, 4]
    assert StandardizedRows(source, MEANS, DEVIATIONS).block_starts == [0, 2, 4]
    assert not hasattr(StandardizedRows(source, MEANS, DEVIATIONS), "n_kept")


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_without_means_rows_are_cast_to_float32(dtype):
    rows = StandardizedRows(as_rows(X.astype(dtype)), None, None)
    for got, wanted in ((rows.take(np.array([2, 0])), X[[2, 0]]), (next(rows.chunks(4)), X)):
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(
    "far",
    [
        np.array([[1.7e9 + 0.25], [1.7e9 - 0.25]]),
        np.array([[1_700_000_000_000_000_001], [1_700_000_000_000_000_000]]),
        np.array([[18_446_744_073_709_551_615], [18_446_744_073_709_551_610]], np.uint64),
        np.array([[-9_223_372_036_854_775_808], [9_223_372_036_854_775_807]]),
        np.array([[2**31 - 1], [2**31 - 3]], np.int32),
    ],
    ids=["seconds", "nanoseconds", "uint64", "all of int64", "int32"],
)
def test_means_of_float64_leave_before_the_cast(far):
    means = far.mean(axis=0, dtype=np.float64)
    rows = StandardizedRows(as_rows(far), means, np.ones(1))
    got = rows.take(np.array([0, 1]))
    assert got.dtype == np.float32
    assert float(got[0, 0]) - float(got[1, 0]) == float(far[0, 0].item() - far[1, 0].item())
