"""Rows as a network takes them: float32, each column less its mean and in its unit where a model says so."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec.rows._precision import differences
from torchdec.rows._protocol import Rows


class StandardizedRows:
    """A source of rows as float32, each column less its mean and divided by its deviation if there are any.

    Parameters
    ----------
    rows : Rows of shape (n, d)
    means, deviations : ndarray of shape (d,), float32 or float64, or both None
        Of the rows of the fit, whichever rows these are. Means of float64 leave before the values are cast.
    """

    def __init__(self, rows: Rows, means: NDArray[Any] | None, deviations: NDArray[Any] | None) -> None:
        self._rows, self._means, self._deviations = rows, means, deviations

    def __getattr__(self, name: str) -> Any:
        """Have all else that the source has: its shape, its names, how its rows lie on a disk."""
        if name.startswith("_"):  # of a copy that has no source yet
            raise AttributeError(name)
        return getattr(self._rows, name)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and number of features, (n, d)."""
        return self._rows.shape

    @property
    def feature_names(self) -> list[str] | None:
        """The d names of the features, or None."""
        return self._rows.feature_names

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


def standardized(rows: Rows, means: NDArray[Any] | None, deviations: NDArray[Any] | None) -> Rows:
    """Return rows as float32, standardised where there are means and deviations."""
    return StandardizedRows(rows, means, deviations)
