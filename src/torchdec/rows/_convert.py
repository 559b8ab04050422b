"""What a caller may pass as X, turned into rows."""

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from torchdec.prepare._images import Pictures
from torchdec.rows._arrays import DenseRows, SparseRows
from torchdec.rows._protocol import Rows, RowsError
from torchdec.rows._reading import Preparation
from torchdec.rows._shown import shown
from torchdec.rows._vectors import plain, unmasked

_REAL_KINDS = "biuf"
# One number a category would put categories in an order that they have not, and the clusters follow it.
INSTEAD_OF_TEXT = (
    "give a data frame, pandas.DataFrame(X).convert_dtypes(), whose columns are read by what they hold"
)
INSTEAD_OF_DATES = "give a data frame, pandas.DataFrame(X), whose dates become days"


def as_rows(
    X: Any, *, use: Collection[str] = (), ignore: Collection[str] = (), roles: Mapping[str, str] | None = None
) -> Rows:
    """Turn what a caller has into rows.

    A numeric array, a memmap and a CSR matrix are kept as they are, in their own dtype. Nothing checks
    here that the values are finite: see `check_finite`.

    Parameters
    ----------
    X : Rows, ndarray, scipy sparse matrix, data frame, AnnData or sequence, of shape (n, d)
        - Rows are returned unchanged.
        - An ndarray or memmap of booleans, integers or floats is not copied; what is masked in a masked array
          becomes NaN.
        - A sparse matrix of another format than CSR is converted to CSR.
        - A data frame may be one of pandas, polars, pyarrow or DuckDB, or anything that hands out Arrow's C stream
          or has ``columns`` and ``to_numpy()``. If all columns are numbers, none is missing and few hold two
          values, they are the features as they stand; else each is read by its role (number, amount, date,
          duration, kind), and prepared so that it counts once, as `torchdec.prepare.Columns` does. Columns that
          look like labels or ids are left out with a `RowsWarning`.
        - One column of lists, arrays or tensors of as many numbers each, in a data frame or alone (a Series, an
          object array, a list), holds the rows; one that is missing becomes a row of NaN. Columns beside it are
          left out with a `RowsWarning`.
        - A tensor of torch may have any dtype and device, and need gradients.
        - An AnnData, in memory or backed, gives its ``X``; ``var_names`` become ``feature_names``, and
          ``obs_names`` the ``names`` of the rows.
        - A sequence of texts, such as a list or a Series of them, is read as the lines of a ``.txt`` are
          (`torchdec.rows.read_rows`); None is an empty text.
        - An array of pictures, (n, height, width) or (n, height, width, channels), has a row of pixels for each.
        - Any other sequence of rows goes through ``numpy.asarray``.
    use, ignore : collection of str, default=()
        Columns of a data frame that are features, and that are none, whatever they look like.
    roles : mapping of str to str, optional
        What columns of a data frame mean, where their values do not show it; see `torchdec.rows.read_rows`.

    Returns
    -------
    Rows
        Of shape (n, d), with n and d at least 1.

    Raises
    ------
    RowsError
        A ValueError, if X is not 2-D, has no rows or no columns, or holds what cannot be read: each such column of
        a data frame is named, with what to do.

    Warns
    -----
    RowsWarning
        If columns of a data frame are left out; names them.

    Examples
    --------
    >>> import pandas as pd
    >>> from torchdec.rows import as_rows
    >>> rows = as_rows(pd.DataFrame({"width": [1, 2, 3], "height": [0.5, 0.1, 0.2]}))
    >>> rows.shape
    (3, 2)
    >>> rows.feature_names
    ['width', 'height']
    """
    from torchdec.rows._frames import frame_rows, is_frame

    X = plain(unmasked(X))
    if is_texts(X):
        from torchdec.rows._texts import text_rows

        return text_rows(X)
    if is_pictures(X):
        return picture_rows(X, "X")
    if not (isinstance(X, Rows) or issparse(X) or hasattr(X, "obs_names")) and is_frame(X):
        return frame_rows(X, use, ignore, roles)
    if use or ignore or roles:
        raise RowsError(
            f"X is a {type(X).__name__}, which has no columns to choose by name; leave out use, ignore and roles"
        )
    if isinstance(X, Rows):
        return X
    if issparse(X):
        refuse_unseen(X)
        return sparse_rows(X, "X")
    if hasattr(X, "obs_names") and hasattr(X, "var_names"):
        from torchdec.rows._anndata import anndata_rows

        return anndata_rows(X, "X")
    return dense_rows(_as_array(X), "X")


def dense_rows(
    array: NDArray[Any], name: str, feature_names: list[str] | None = None, names: list[str] | None = None
) -> DenseRows:
    """Return the rows of an array, or an error that calls it `name`."""
    if array.dtype.kind == "O" and array.ndim == 2:
        array = _as_floats(array, name)
    refuse_unusable(array.shape, array.dtype, name)
    return DenseRows(array, feature_names, names)


def sparse_rows(
    matrix: Any, name: str, feature_names: list[str] | None = None, names: list[str] | None = None
) -> SparseRows:
    """Return the rows of a sparse matrix of any format, or an error that calls it `name`."""
    refuse_unusable(matrix.shape, matrix.dtype, name)
    return SparseRows(matrix.tocsr(), feature_names, names)


def as_table(X: Any, name: str = "X") -> Any:
    """Make sequences an array, and refuse what isn't a table of real numbers; scikit-learn would print its values.

    Frames, sparse matrices and `numpy.matrix` are returned as they are.
    """
    if issparse(X) or isinstance(X, np.matrix) or (hasattr(X, "columns") and hasattr(X, "to_numpy")):
        return X
    array = X if isinstance(X, np.ndarray) and X.dtype.names is None else _as_array(X, name)
    if array.dtype.kind == "O" and array.ndim == 2:
        array = _as_floats(array, name)
    refuse_unusable(array.shape, array.dtype, name)
    return array


def as_dense(X: Any, name: str) -> NDArray[Any]:
    """Return a table of real numbers of any kind as an array, or an error that calls it `name`."""
    table = as_table(X.to_numpy() if hasattr(X, "to_numpy") else X, name)
    return np.asarray(table.toarray() if issparse(table) else table)


def _as_array(X: ArrayLike, name: str = "X") -> NDArray[Any]:
    if isinstance(X, str | bytes | PathLike):
        raise RowsError(f"{name} is {shown(X)}, not rows; torchdec.rows.read_rows(path) reads a file")
    if isinstance(X, np.memmap):  # still to be known as one by DenseRows
        return X
    first = X[0] if isinstance(X, list | tuple) and X else X
    if isinstance(first, dict) or getattr(getattr(X, "dtype", None), "names", None):
        raise RowsError(f"{name} is a {type(X).__name__} with names of columns; give pandas.DataFrame({name})")
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise RowsError(
            f"{name} is a {type(X).__name__} that makes no array ({error}); give every row as many numbers"
        ) from error
    if array.ndim == 0 and array.dtype == object:
        raise RowsError(f"{name} is a {type(X).__name__}, which isn't a table; give an array or a data frame")
    return array


def _as_floats(array: NDArray[Any], name: str) -> NDArray[np.float64]:
    if any(isinstance(value, complex | np.complexfloating) for value in array.flat):
        raise RowsError(_complex_message(name))
    _refuse_text(array, name)
    if any(isinstance(value, np.datetime64 | np.timedelta64) for value in array.flat):
        raise RowsError(f"{name} holds dates or durations of NumPy; {INSTEAD_OF_DATES}")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        row, column = next(place for place, value in np.ndenumerate(array) if not _is_number(value))
        raise TypeError(
            f"{name} holds {shown(array[row, column])} in row {row}, column {column} ({error}); give "
            "numbers, and dates as the days since one of them"
        ) from None


def _is_number(value: Any) -> bool:
    try:
        float(np.array(value, dtype=object).astype(np.float64))
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _refuse_text(values: NDArray[Any], name: str) -> None:
    text = next((value for value in values.flat if isinstance(value, str | bytes)), None)
    if text is not None:
        raise RowsError(f"{name} holds text such as {text[:40]!r}; {INSTEAD_OF_TEXT}, or drop it")


def is_texts(X: Any) -> bool:
    """Tell whether X is a sequence of texts, such as a list or a Series of them."""
    is_flat = isinstance(X, list | tuple) or getattr(X, "ndim", 2) == 1
    return is_flat and any(isinstance(value, str) for value in X)


def is_pictures(X: Any) -> bool:
    """Tell whether X is an array of pictures, (n, height, width) or (n, height, width, channels)."""
    return isinstance(X, np.ndarray) and X.ndim in (3, 4)


def picture_rows(pictures: NDArray[Any], name: str) -> DenseRows:
    """Return the pixels of each picture as a row that knows its shape, or an error that calls them `name`."""
    rows = dense_rows(pictures.reshape(len(pictures), math.prod(pictures.shape[1:])), name)
    as_pictures(rows, pictures.shape[1:])
    return rows


def as_pictures(rows: Any, shape: tuple[int, ...]) -> None:
    """Have rows know the shape of the picture that each is, and their model too unless it keeps their columns."""
    rows.image_shape = shape
    preparation = getattr(rows, "preparation", Preparation())
    if preparation.prepared is None:
        rows.preparation = replace(preparation, prepared=Pictures.of(shape))


def refuse_unseen(X: Any) -> None:
    """Refuse what scikit-learn takes unseen: dates as seconds, text of digits, damaged sparse matrices.

    The parts of a sparse matrix can be set to anything, and compiled code would read beyond them.
    """
    from torchdec.rows._frames import Frame, is_frame

    if getattr(getattr(X, "dtype", None), "kind", "-") in "mM":
        raise RowsError(f"X holds values of dtype {X.dtype}, but numbers are needed; {INSTEAD_OF_DATES}")
    if issparse(X) and X.format in ("csr", "csc"):
        try:
            X.check_format(full_check=True)
        except ValueError as error:
            raise RowsError(f"X is a sparse matrix whose parts do not fit ({error}); make it again") from error
    elif not issparse(X) and is_frame(X):
        Frame(X).refuse_all_but_numbers()


def refuse_unusable(shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> None:
    """Refuse what isn't a table of real numbers with at least one row and one column."""
    if len(shape) != 2:
        raise RowsError(
            f"{name} has shape {shape}, but one row per observation and one column per feature are needed. "
            "Reshape your data: X.reshape(len(X), -1) flattens what each row holds."
        )
    n_rows, n_features = shape
    if n_rows == 0 or n_features == 0:
        what, got = ("sample", n_rows) if n_rows == 0 else ("feature", n_features)
        raise RowsError(
            f"{name} is empty: {got} {what}(s) (shape={shape}) while a minimum of 1 is required. "
            "Check how it was read or selected."
        )
    if dtype.kind == "c":
        raise RowsError(_complex_message(name))
    if dtype.kind not in _REAL_KINDS:
        advice = {"U": INSTEAD_OF_TEXT, "S": INSTEAD_OF_TEXT, "M": INSTEAD_OF_DATES, "m": INSTEAD_OF_DATES}
        instead = advice.get(dtype.kind, "give numbers")
        raise RowsError(f"{name} holds values of dtype {dtype}, but numbers are needed; {instead}")


def _complex_message(name: str) -> str:
    return (
        f"{name} holds complex numbers. Complex data not supported: "
        "give their real and imaginary parts as separate columns"
    )
