"""What a data set is, once it is loaded, and the error of one that is not."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


class DatasetError(ValueError):
    """A data set that cannot be had: the message names the file or address and says what to try."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows and what is known about them.

    Attributes
    ----------
    name : str
        The name under which it was loaded.
    x : ndarray or scipy.sparse.csr_array of shape (n, d)
        The rows: a dense array in its own compact dtype (uint8 pixels, say), or CSR of float32.
    y : ndarray of int64 of shape (n,), or None
        Known classes from 0, for scores alone: labels never enter a fit.
    n_clusters : int
        How many classes there are.
    image_shape : tuple of int or None
        Height, width (and channels) of the picture in each row; None where rows are no pictures.
    title : str
        Name and size, as a table shows them.
    source : str
        A sentence that says which data these really are.
    stand_in : bool
        True where the data of that name were not there and others were taken in their place.
    """

    name: str
    x: Any
    y: NDArray[np.int64] | None
    n_clusters: int
    image_shape: tuple[int, ...] | None
    title: str
    source: str
    stand_in: bool = False
