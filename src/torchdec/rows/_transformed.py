"""Rows as a transformer of scikit-learn makes them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec.rows._precision import row_dtype
from torchdec.rows._protocol import Rows


class TransformedRows:
    """A source of rows, each as a transformer makes it.

    Parameters
    ----------
    rows : Rows of shape (n, d)
    transformer : estimator
        Fitted.
    """

    feature_names = None

    def __init__(self, rows: Rows, transformer: Any) -> None:
        self._rows, self._transformer = rows, transformer
        self._width = self._made(rows.take(np.zeros(1, dtype=np.int64))).shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows, and of what the transformer makes of each."""
        return len(self._rows), self._width

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
