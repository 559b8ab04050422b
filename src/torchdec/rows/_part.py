"""Some of the rows of a source, as a source of their own."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec.rows._protocol import Rows, RowsError, kinds_of, spans, tell


class PartOfRows:
    """The rows at some row numbers, read from their source when they are asked for.

    Parameters
    ----------
    rows : Rows of shape (n, d)
    index : ndarray of int64 of shape (m,)
        Row numbers of the source, in the order that the part is to have.

    Attributes
    ----------
    kinds : tuple of (start, stop) or None
        As the source has them.
    """

    def __init__(self, rows: Rows, index: NDArray[np.int64]) -> None:
        self._rows, self._index = rows, index
        self.kinds = kinds_of(rows)

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


class FilledRows(PartOfRows):
    """The rows that hold something, in the order of their source.

    Where the source lies in blocks on a disk, so do they: a pass in any order still reads each block once.

    Parameters
    ----------
    rows : Rows of shape (n, d)
    empty : ndarray of int64 of shape (m,)
        Numbers of the rows that hold nothing, in order.

    Attributes
    ----------
    kinds : tuple of (start, stop) or None
        As the source has them.
    block_starts : ndarray of int64, or None
        As `torchdec.rows._blocks.BlockRows` has it; None where the source has no blocks.
    n_kept : int
        Blocks that stay in memory.
    """

    def __init__(self, rows: Rows, empty: NDArray[np.int64]) -> None:
        index = np.delete(np.arange(len(rows)), empty)
        super().__init__(rows, index)
        starts = getattr(rows, "block_starts", None)
        self.block_starts = None if starts is None else np.unique(np.searchsorted(index, starts))
        self.n_kept: int = getattr(rows, "n_kept", 0)


def filled_rows(rows: Rows, empty: NDArray[np.int64]) -> Rows:
    """Leave out the rows that hold nothing, and tell which they are.

    Raises
    ------
    RowsError
        If no row holds anything.
    """
    if not len(empty):
        return rows
    if len(empty) == len(rows):
        raise RowsError(f"X has {len(rows):,} rows that hold nothing, and no others; check how they were read")
    verbs = ("holds", "is") if len(empty) == 1 else ("hold", "are")
    tell(
        f"{len(empty):,} of {len(rows):,} rows {verbs[0]} nothing and {verbs[1]} left out of the fit "
        f"({numbered(empty)}, counted from 0)"
    )
    return FilledRows(rows, empty)


def numbered(rows: NDArray[np.int64], most: int = 5) -> str:
    """Name rows by their numbers, the first of many."""
    more = ", ..." if len(rows) > most else ""
    return f"{'row' if len(rows) == 1 else 'rows'} {', '.join(map(str, rows[:most]))}{more}"
