"""Rows of a dense array, in memory or mapped from a file, or of a sparse matrix."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from torchdec.rows._precision import row_dtype
from torchdec.rows._protocol import spans
from torchdec.rows._reading import Preparation


class DenseRows:
    """Rows of a 2-D array of any real dtype, handed out a batch at a time: as float32 where that holds the dtype.

    The array, or memmap, is kept as it is, in any byte order and memory layout, never copied whole and never
    written to. `kinds` are of a prepared table of numbers and kinds: for each kind the columns that hold its
    levels.
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
        self.shape: tuple[int, int] = self._array.shape
        self.feature_names, self.names = feature_names, names
        self.kinds = kinds
        self.image_shape: tuple[int, ...] | None = None  # where each row is a picture
        self.preparation = Preparation()
        # The files of pictures that rows are vectors of, below a folder (`rows._beside`).
        self.pictures: Sequence[str] = ()
        self.folder_of_pictures: Path | None = None

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


class SparseRows:
    """Rows of a CSR matrix, of which only the batch that is asked for is ever dense.

    The matrix is kept as it is: its column indices may be unsorted, and entries at the same place count as their
    sum, as in ``matrix.toarray()``. Where scipy cannot compute with the dtype (float16 or another byte order), the
    stored values alone are converted.
    """

    def __init__(
        self, matrix: csr_array, feature_names: list[str] | None = None, names: list[str] | None = None
    ) -> None:
        if matrix.dtype == np.float16:
            matrix = matrix.astype(np.float32)
        elif not matrix.dtype.isnative:
            matrix = matrix.astype(matrix.dtype.newbyteorder("="))
        self._matrix, self.shape = matrix, (int(matrix.shape[0]), int(matrix.shape[1]))
        self.feature_names, self.names = feature_names, names
        self.image_shape: tuple[int, ...] | None = None  # where each row is a picture
        self.preparation = Preparation()

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """Return the rows at `index`, in that order: of shape (m, d), fresh and C-contiguous."""
        return self._dense(index)

    def chunks(self, size: int) -> Iterator[NDArray[Any]]:
        """Yield all rows in order, `size` at a time: fresh and C-contiguous."""
        for span in spans(len(self), size):
            yield self._dense(span)

    def _dense(self, index: NDArray[np.int64] | slice) -> NDArray[Any]:
        # Entries at the same place are summed here, in the matrix's own dtype, so that no sorted copy
        # of the matrix is needed.
        dense = self._matrix[index].toarray(order="C")
        with np.errstate(over="ignore"):  # check_finite reports what is beyond float64
            return np.asarray(dense, dtype=row_dtype(dense.dtype))
