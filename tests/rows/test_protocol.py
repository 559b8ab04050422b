import numpy as np
import pytest

from torchdec.rows import Rows, RowsError
from torchdec.rows._protocol import spans


class Generated:
    """Rows that exist nowhere: what a caller's own source may look like."""

    shape = (5, 2)
    feature_names = None

    def __len__(self):
        return 5

    def take(self, index):
        return np.stack([index, index**2], axis=1).astype(np.float32)

    def chunks(self, size):
        for span in spans(5, size):
            yield self.take(np.arange(5)[span])


def test_any_object_with_the_members_is_rows():
    assert isinstance(Generated(), Rows)


@pytest.mark.parametrize("other", [np.eye(3), [[1.0]], "rows.npy", None])
def test_an_object_without_the_members_is_not_rows(other):
    assert not isinstance(other, Rows)


def test_an_error_about_rows_is_a_value_error():
    assert issubclass(RowsError, ValueError)


@pytest.mark.parametrize(
    ("n_rows", "size", "wanted"),
    [
        (0, 3, []),
        (2, 3, [slice(0, 2)]),
        (6, 3, [slice(0, 3), slice(3, 6)]),
        (7, 3, [slice(0, 3), slice(3, 6), slice(6, 7)]),
    ],
)
def test_spans_cover_all_rows_and_none_is_empty(n_rows, size, wanted):
    assert list(spans(n_rows, size)) == wanted


@pytest.mark.parametrize("size", [0, -1])
def test_a_chunk_has_at_least_one_row(size):
    with pytest.raises(ValueError, match=f"size={size} rows in a chunk; give a whole number of at least 1"):
        list(spans(5, size))
