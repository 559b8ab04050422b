"""Some of the rows of a source, as a source of their own."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec.rows._protocol import Rows, spans


class PartOfRows:
    """The rows at some row numbers, read from their source when they are asked for.

    Parameters
    ----------
    rows : Rows of shape (n, d)
    index : ndarray of int64 of shape (m,)
        Row numbers of the source, in the order that the part is to have.
    """

    def __init__(self, rows: Rows, index: NDArray[np.int64]) -> None:
        self._rows, self._index = rows, index

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and number of features, (m, d)."""
        return len(self._index), self._rows.shape[1]

    @property
    def feature_names(self) -> list[str] | None:
        """The d names of the features, or None."""
        return self._rows.feature_names

    def __len__(self) -> int:
        return len(self._index)

    def take(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """Return the rows at `index` of the part, in that order."""
        return self._rows.take(self._index[index])

    def chunks(self, size: int) -> Iterator[NDArray[Any]]:
        """Yield all rows in order, `size` at a time."""
        for span in spans(len(self), size):
            yield self._rows.take(self._index[span])
