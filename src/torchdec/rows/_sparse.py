"""Rows of a sparse matrix, made dense a batch at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from torchdec.rows._precision import row_dtype
from torchdec.rows._protocol import spans
from torchdec.rows._reading import Preparation


class SparseRows:
    """Rows of a CSR matrix, of which only the batch that is asked for is ever dense.

    The matrix is kept as it is: its column indices may be unsorted, and entries at the same place
    count as their sum, as in ``matrix.toarray()``.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array or csr_matrix of shape (n, d)
        Booleans, integers or floats. Where scipy cannot compute with the dtype (float16 or another
        byte order), the stored values alone are converted.
    feature_names : list of str or None, default=None
        The d names of the features.
    names : list of str or None, default=None
        The n names of the rows.
    """

    def __init__(
        self, matrix: csr_array, feature_names: list[str] | None = None, names: list[str] | None = None
    ) -> None:
        if matrix.dtype == np.float16:
            matrix = matrix.astype(np.float32)
        elif not matrix.dtype.isnative:
            matrix = matrix.astype(matrix.dtype.newbyteorder("="))
        self._matrix = matrix
        self._feature_names = feature_names
        self.names = names
        self.image_shape: tuple[int, ...] | None = None  # where each row is a picture
        self.preparation = Preparation()

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and number of features, (n, d)."""
        n_rows, n_features = self._matrix.shape
        return n_rows, n_features

    @property
    def feature_names(self) -> list[str] | None:
        """The d names of the features, or None."""
        return self._feature_names

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
