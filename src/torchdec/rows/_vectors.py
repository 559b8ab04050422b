"""Vectors as rows: tensors of torch, and lists, arrays or tensors that stand one a row in a column or a list."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_array

from torchdec.prepare._roles import is_text
from torchdec.rows._protocol import RowsError


def plain(X: Any) -> Any:
    """Return tensors, and lists or object arrays of vectors, as 2-D arrays, and a column of texts as a list.

    Anything else is returned as it is.
    """
    if is_tensor(X):
        return _as_array(X)
    if _is_column(X):
        column = pa.chunked_array(X) if hasattr(X, "__arrow_c_stream__") else pa.array(X)
        return column.to_pylist() if is_text(column.type) else X
    if isinstance(X, np.ndarray):
        held = X.tolist() if X.dtype.kind == "O" and X.ndim == 1 else []
    else:
        held = X if isinstance(X, list | tuple) else []
    some = next((value for value in held if value is not None), None)
    return stacked(held, "X") if is_vector(some) and all(v is None or is_vector(v) for v in held) else X


def _is_column(X: Any) -> bool:
    """Tell whether X is a column of polars or Arrow."""
    hands_out = hasattr(X, "__arrow_c_stream__") or hasattr(X, "__arrow_c_array__")
    return hands_out and hasattr(X, "__len__") and not (hasattr(X, "columns") or hasattr(X, "ndim"))


def unmasked(X: Any) -> Any:
    """Put NaN where a masked array, or a list of such, is masked: what lies under a mask is no value."""
    if isinstance(X, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in X):
        X = np.ma.asarray(X)
    if not isinstance(X, np.ma.MaskedArray):
        return X
    if X.dtype.kind in "biu" and np.ma.is_masked(X):
        X = X.astype(np.float64)
    return X.filled(np.nan) if X.dtype.kind in "fO" else X.data


def is_tensor(value: Any) -> bool:
    """Tell whether a value is a tensor of torch, without importing torch."""
    return any(kind.__module__ == "torch" and kind.__name__ == "Tensor" for kind in type(value).__mro__)


def is_vector(value: Any) -> bool:
    """Tell whether a value can be a row."""
    return (
        isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0) or is_tensor(value)
    )


def stacked(values: Sequence[Any], name: str) -> NDArray[Any]:
    """Put vectors of as many numbers each into one array; where one is missing (None, NaN) its row is NaN.

    Raises
    ------
    RowsError
        If they are not as long as each other, or hold something other than numbers.
    """
    there = [number for number, value in enumerate(values) if is_vector(value)]
    try:
        vectors = [
            np.asarray(_as_array(values[n]) if is_tensor(values[n]) else unmasked(values[n])) for n in there
        ]
    except ValueError as error:
        raise RowsError(
            f"{name} is a list that makes no array ({error}); give every row as many numbers"
        ) from error
    if not vectors:
        return np.full((len(values), 0), np.nan)
    other = next((i for i, vector in enumerate(vectors) if vector.shape != vectors[0].shape), None)
    if other is not None:
        raise unequal(name, there[0], _length(vectors[0]), there[other], _length(vectors[other]))
    whole = np.stack(vectors)
    return whole if len(there) == len(values) else spread(whole, np.array(there), len(values))


def spread(vectors: NDArray[Any], places: NDArray[Any], n_rows: int) -> NDArray[Any]:
    """Put vectors at their places among rows of NaN."""
    dtype = vectors.dtype if vectors.dtype.kind not in "biu" else np.float64
    whole = np.full((n_rows, *vectors.shape[1:]), np.nan, dtype=dtype)
    whole[places] = vectors
    return whole


def unequal(name: str, row: int, length: object, other_row: int, other_length: object) -> RowsError:
    """Return the error of vectors that are not as long as each other."""
    return RowsError(
        f"{name} has {length} numbers in row {row} and {other_length} in row {other_row}; give every row as many"
    )


def _length(vector: NDArray[Any]) -> object:
    return len(vector) if vector.ndim == 1 else f"{'x'.join(map(str, vector.shape))}"


def _as_array(tensor: Any) -> Any:
    """Return a tensor of any dtype, on any device, with or without a gradient; a sparse one as CSR of scipy."""
    if str(tensor.layout) != "torch.strided":
        if tensor.ndim != 2:
            raise RowsError(f"X is a sparse tensor of shape {tuple(tensor.shape)}; give one of two dimensions")
        entries = tensor.to_sparse_coo().coalesce()
        return coo_array((_as_array(entries.values()), _as_array(entries.indices())), tuple(tensor.shape)).tocsr()
    try:
        try:
            return tensor.numpy(force=True)
        except TypeError:  # NumPy has no bfloat16
            return tensor.float().numpy(force=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise RowsError(
            f"X is a tensor that NumPy can't hold ({reason}); give one of numbers, neither quantized nor nested"
        ) from error
