import numpy as np

from torchdec.rows import Rows, as_rows
from torchdec.rows._standardized import standardized

X = np.arange(12, dtype=np.float32).reshape(4, 3)
MEANS, DEVIATIONS = np.array([1, 2, 3], np.float32), np.array([2, 1, 4], np.float32)
EXPECTED = (X - MEANS) / DEVIATIONS


def test_rows_are_standardised_however_they_are_asked_for():
    rows = standardized(as_rows(X.copy()), MEANS, DEVIATIONS)
    assert isinstance(rows, Rows)
    assert (rows.shape, len(rows), rows.feature_names) == ((4, 3), 4, None)
    np.testing.assert_array_equal(rows.take(np.array([3, 0, 3])), EXPECTED[[3, 0, 3]])
    np.testing.assert_array_equal(np.concatenate(list(rows.chunks(3))), EXPECTED)


def test_the_source_stays_as_it_was():
    source = X.copy()
    rows = standardized(as_rows(source), MEANS, DEVIATIONS)
    rows.take(np.array([0, 1, 2, 3]))
    list(rows.chunks(2))
    np.testing.assert_array_equal(source, X)


def test_how_rows_lie_on_a_disk_is_still_known():
    source = as_rows(X)
    source.block_starts = [0, 2, 4]
    assert standardized(source, MEANS, DEVIATIONS).block_starts == [0, 2, 4]
    assert not hasattr(standardized(source, MEANS, DEVIATIONS), "n_kept")


def test_without_means_rows_are_handed_back():
    source = as_rows(X)
    assert standardized(source, None, None) is source
