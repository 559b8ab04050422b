"""How rows keep their digits: float32 has seven, too few for columns that lie far from 0, as unix seconds do."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Whole numbers below this are exact in float64.
_EXACT = 2.0**53


def row_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which values of a dtype are handed out: float32 where it holds them all.

    Whole numbers of 64 bits stay as they are, since float64 does not hold them all either; all else is float64.
    """
    if dtype.kind in "iu" and dtype.itemsize == 8:
        return dtype.newbyteorder("=")
    wide = np.result_type(dtype, np.float32)
    return wide if wide.itemsize <= 8 else np.dtype(np.float64)


def differences(values: NDArray[Any], offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values less an offset for each column, float64 of shape (n, d), without losing what they differ by.

    Whole numbers of 64 bits (nanoseconds since 1970) are subtracted as such: float64 has only every 256th of them.
    """
    rough: NDArray[np.float64] = values - offset
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8:
        return rough
    whole = np.rint(offset)
    with np.errstate(invalid="ignore"):  # of an offset beyond the dtype, from which no small difference comes
        exact = (values - whole.astype(values.dtype)).view(np.int64)  # modulo 2**64, right where it is small
    return np.where(np.abs(rough) < _EXACT, exact + (whole - offset), rough)
