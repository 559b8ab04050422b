"""Rows made of those of another source: some of them, transformed, or as a network takes them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec.rows._precision import differences, row_dtype
from torchdec.rows._protocol import Rows, RowsError, image_shape_of, kinds_of, spans, tell


class PartOfRows:
    """The rows at some row numbers, in the order of these, read from their source when they are asked for."""

    def __init__(self, rows: Rows, index: NDArray[np.int64]) -> None:
        self._rows, self._index = rows, index
        self.shape, self.feature_names = (len(index), rows.shape[1]), rows.feature_names
        self.kinds, self.image_shape = kinds_of(rows), image_shape_of(rows)

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
    """The rows that hold something, in the order of their source; `empty` are the numbers of the others.

    Where the source lies in blocks on a disk, so do they: a pass in any order still reads each block once.
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


class StandardizedRows:
    """A source of rows as float32, each column less its mean and divided by its deviation if there are any.

    These are of the rows of the fit, whichever rows these are. Means of float64 leave before the values are cast.
    """

    def __init__(self, rows: Rows, means: NDArray[Any] | None, deviations: NDArray[Any] | None) -> None:
        self._rows, self._means, self._deviations = rows, means, deviations
        self.shape, self.feature_names = rows.shape, rows.feature_names

    def __getattr__(self, name: str) -> Any:
        """Have all else that the source has: names of its rows, how they lie on a disk."""
        if name.startswith("_"):  # of a copy that has no source yet
            raise AttributeError(name)
        return getattr(self._rows, name)

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the rows at `index`, in that order."""
        return self._standardized(self._rows.take(index))

    def chunks(self, size: int) -> Iterator[NDArray[np.float32]]:
        """Yield all rows in order, `size` at a time."""
        for chunk in self._rows.chunks(size):
            yield self._standardized(chunk)

    def _standardized(self, values: NDArray[Any]) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):  # check_finite and the predictor report what is too large
            if self._means is None or self._deviations is None:
                return values.astype(np.float32, copy=False)
            if self._means.dtype == np.float64:
                values = differences(values, self._means)
            else:
                values = values.astype(np.float32, copy=False)
                values -= self._means
            values /= self._deviations
            return values.astype(np.float32, copy=False)


class TransformedRows:
    """A source of rows, each as a fitted transformer makes it."""

    feature_names = None

    def __init__(self, rows: Rows, transformer: Any) -> None:
        self._rows, self._transformer = rows, transformer
        self.shape = len(rows), self._made(rows.take(np.zeros(1, dtype=np.int64))).shape[1]

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """Return the rows at `index`, in that order."""
        return self._made(self._rows.take(index))

    def chunks(self, size: int) -> Iterator[NDArray[Any]]:
        """Yield all rows in order, `size` at a time."""
        for chunk in self._rows.chunks(size):
            yield self._made(chunk)

    def _made(self, values: NDArray[Any]) -> NDArray[Any]:
        nothing = np.asarray(np.isnan(values).all(axis=1))
        if nothing.any():  # transformers refuse NaN
            values = np.where(nothing[:, None], 0, values)
        made = self._transformer.transform(values)
        made = np.asarray(made.toarray() if hasattr(made, "toarray") else made)
        # As other rows are handed out: what lies far from 0 loses its offset before the cast to float32.
        dense = np.array(made, dtype=row_dtype(made.dtype), order="C")
        dense[nothing] = np.nan
        return dense
