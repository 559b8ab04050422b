"""What every source of rows offers, and the error that it raises."""

import math
import sys
import warnings
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class RowsError(ValueError):
    """Data that cannot serve as rows: the message says what was got, what was wanted and what to try."""


class RowsWarning(UserWarning):
    """What was guessed, left out or changed while rows were read, and how to choose otherwise."""


def tell(message: str) -> None:
    """Tell what was guessed, left out or changed, as a warning of the line outside this package that asked."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("torchdec."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, RowsWarning, stacklevel=level)


@runtime_checkable
class Rows(Protocol):
    """A table of n rows with d numeric features, handed out a piece at a time.

    The package reads all data through this protocol, so any object that has these members can be fitted,
    whatever lies behind it. Values are returned as stored: scaling is the estimator's task, and so is the cast to
    float32. Hand out float32 where it holds the values of the source; float64 (or int64, uint64) where it may not,
    as for unix seconds: the estimator takes the offset of such columns away before the cast.

    Rows of a table of numbers and kinds, prepared so that all of its columns count alike, may have an attribute
    ``kinds``: for each kind the columns (start, stop) that hold its levels, the largest at the level of the row.
    Such rows are clustered by latent classes.

    Rows of pixels may have an attribute ``image_shape``, (height, width) or (height, width, channels): pictures
    that are alike once they are moved a little are then neighbours too.

    Examples
    --------
    >>> import numpy as np
    >>> from torchdec.rows import as_rows
    >>> rows = as_rows(np.arange(6, dtype=np.uint8).reshape(3, 2))
    >>> rows.take(np.array([2, 0]))
    array([[4., 5.],
           [0., 1.]], dtype=float32)
    >>> as_rows([[1_700_000_000.5]]).take(np.array([0]))
    array([[1.7e+09]])
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and number of features, (n, d)."""
        ...

    @property
    def feature_names(self) -> list[str] | None:
        """The d names of the features, or None where the source has none."""
        ...

    def __len__(self) -> int: ...

    def take(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """Return the rows at `index`, in that order, as a fresh C-contiguous array.

        Parameters
        ----------
        index : ndarray of int64 of shape (m,)
            Row numbers from 0 to n - 1, in any order; a number may occur more than once.

        Returns
        -------
        ndarray of float32, float64, int64 or uint64, of shape (m, d)
        """
        ...

    def chunks(self, size: int) -> Iterator[NDArray[Any]]:
        """Yield all rows in order, as fresh C-contiguous arrays.

        Parameters
        ----------
        size : int
            Rows in each chunk, at least 1. The last chunk may be shorter; none is empty.

        Yields
        ------
        ndarray of float32, float64, int64 or uint64, of shape (size or fewer, d)
        """
        ...


def kinds_of(rows: Rows) -> tuple[tuple[int, int], ...] | None:
    """Return the columns of the levels of each kind where rows are those of a prepared table; else None."""
    kinds: tuple[tuple[int, int], ...] | None = getattr(rows, "kinds", None)
    return kinds


def image_shape_of(rows: Rows) -> tuple[int, ...] | None:
    """Return height, width and perhaps channels of the picture that each row is; None where rows are none.

    Raises
    ------
    RowsError
        If a picture of that shape has another number of values than a row.
    """
    shape: tuple[int, ...] | None = getattr(rows, "image_shape", None)
    if shape is not None and math.prod(shape) != rows.shape[1]:
        raise RowsError(f"image_shape={shape} makes {math.prod(shape)} values, but rows have {rows.shape[1]}")
    return shape


def spans(n_rows: int, size: int) -> Iterator[slice]:
    """Yield the slices that cut `n_rows` rows into chunks of `size`, the last one shorter where needed."""
    if size < 1:
        raise ValueError(f"size={size!r} rows in a chunk; give a whole number of at least 1")
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))
