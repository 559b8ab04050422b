"""Rows whose columns were brought to mean 0 and standard deviation 1."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec.rows._protocol import Rows


class StandardizedRows:
    """A source of rows, each column less its mean and divided by its deviation.

    Parameters
    ----------
    rows : Rows of shape (n, d)
    means, deviations : ndarray of shape (d,), float32
        Of the rows of the fit, whichever rows these are.
    """

    def __init__(self, rows: Rows, means: NDArray[np.float32], deviations: NDArray[np.float32]) -> None:
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

    def _standardized(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        values -= self._means
        values /= self._deviations
        return values


def standardized(rows: Rows, means: NDArray[np.float32] | None, deviations: NDArray[np.float32] | None) -> Rows:
    """Standardise rows, or leave them as they are where there are no means and deviations."""
    return rows if means is None or deviations is None else StandardizedRows(rows, means, deviations)
