"""Rows of a dense array, in memory or mapped from a file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec.rows._precision import row_dtype
from torchdec.rows._protocol import spans
from torchdec.rows._reading import Preparation


class DenseRows:
    """Rows of a 2-D array of any real dtype, handed out a batch at a time: as float32 where that holds the dtype.

    The array is kept as it is, never copied whole and never written to.

    Parameters
    ----------
    array : ndarray or memmap of shape (n, d)
        Booleans, integers or floats, in any byte order and memory layout.
    feature_names : list of str or None, default=None
        The d names of the features.
    names : list of str or None, default=None
        The n names of the rows.
    kinds : tuple of (start, stop) or None, default=None
        Of a prepared table of numbers and kinds: for each kind the columns that hold its levels. All other columns
        are numbers. None where the array isn't such a table.
    """

    def __init__(
        self,
        array: NDArray[Any],
        feature_names: list[str] | None = None,
        names: list[str] | None = None,
        kinds: tuple[tuple[int, int], ...] | None = None,
    ) -> None:
        self._on_disk = isinstance(array, np.memmap)
        self._array = np.asarray(array)
        self._dtype = row_dtype(self._array.dtype)
        self._feature_names = feature_names
        self.names = names
        self.kinds = kinds
        self.image_shape: tuple[int, ...] | None = None  # where each row is a picture
        self.preparation = Preparation()
        # The files of pictures that rows are vectors of, below a folder (`rows._beside`).
        self.pictures: Sequence[str] = ()
        self.folder_of_pictures: Path | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and number of features, (n, d)."""
        n_rows, n_features = self._array.shape
        return n_rows, n_features

    @property
    def feature_names(self) -> list[str] | None:
        """The d names of the features, or None."""
        return self._feature_names

    def __len__(self) -> int:
        return len(self._array)

    def take(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """Return the rows at `index`, in that order: of shape (m, d), fresh and C-contiguous."""
        with np.errstate(over="ignore"):  # check_finite reports what is beyond float64
            if not self._on_disk:
                return np.asarray(self._array[index], dtype=self._dtype, order="C")
            # In the order of the file: each jump back and forth costs a seek and spoils the read-ahead.
            order = np.argsort(index)
            rows = np.empty((len(index), self.shape[1]), dtype=self._dtype)
            rows[order] = self._array[index[order]]
        return rows

    def chunks(self, size: int) -> Iterator[NDArray[Any]]:
        """Yield all rows in order, `size` at a time: fresh and C-contiguous."""
        for span in spans(len(self), size):
            # A copy even of float32: the source may be read-only, which torch.from_numpy warns about.
            with np.errstate(over="ignore"):
                chunk = np.array(self._array[span], dtype=self._dtype, order="C")
            yield chunk
