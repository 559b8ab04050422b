"""The one check that needs to read all values."""

import numpy as np
from numpy.typing import NDArray

from torchdec.rows._protocol import Rows, RowsError

# Values in one chunk: 16 MB as float32 and 32 MB as float64, whatever the number of features.
_CHUNK_VALUES = 1 << 22
# Rows, or columns, that a message names.
_NAMED = 5
_LARGEST = float(np.finfo(np.float32).max)


def check_finite(rows: Rows, name: str = "X") -> NDArray[np.int64]:
    """Find the rows that hold nothing, and refuse others that hold NaN or infinite values.

    A row holds nothing if all its values are NaN, as those of an empty text. A fit leaves it out.

    Parameters
    ----------
    rows : Rows of shape (n, d)
        Read once, in order; only one chunk of some 16 to 32 MB is in memory at a time.
    name : str, default="X"
        What the message calls the data: an argument or a file.

    Returns
    -------
    ndarray of shape (m,), int64
        Numbers of the rows that hold nothing, in order.

    Raises
    ------
    RowsError
        A ValueError that says how many values are NaN, how many are infinite, in how many rows, which
        rows are the first, and which columns hold them where they are few. A value beyond the range of float32
        counts as infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from torchdec.rows import as_rows, check_finite
    >>> check_finite(as_rows(np.array([[1.0, 2.0], [np.nan, np.nan]])))
    array([1])
    >>> check_finite(as_rows(np.array([[1.0, 2.0], [3.0, np.nan]])))
    Traceback (most recent call last):
        ...
    torchdec.rows._protocol.RowsError: X holds 1 NaN and 0 infinite values, in 1 of 2 rows (row 1, \
counted from 0), all in column 1; drop or fill these rows
    """
    n_nan = n_infinite = n_bad_rows = start = 0
    first: list[int] = []
    empty = [np.empty(0, dtype=np.int64)]
    in_column = np.zeros(rows.shape[1], dtype=np.int64)
    for chunk in rows.chunks(max(1, _CHUNK_VALUES // rows.shape[1])):
        finite = (chunk >= -_LARGEST) & (chunk <= _LARGEST)
        if not finite.all():
            nan = np.isnan(chunk)
            hollow = nan.all(axis=1)
            empty.append(start + np.flatnonzero(hollow))
            bad = ~finite.all(axis=1) & ~hollow
            first += (start + np.flatnonzero(bad)[: _NAMED - len(first)]).tolist()
            n_bad_rows += int(bad.sum())
            n_nan += int(nan[bad].sum())
            n_infinite += int((~finite & ~nan)[bad].sum())
            in_column += (~finite)[bad].sum(axis=0)
        start += len(chunk)
    found = np.concatenate(empty)
    if n_bad_rows:
        n_filled = len(rows) - len(found)
        raise RowsError(_message(name, n_nan, n_infinite, n_bad_rows, first, in_column, rows, n_filled))
    return found


def _message(
    name: str,
    n_nan: int,
    n_infinite: int,
    n_bad_rows: int,
    first: list[int],
    in_column: NDArray[np.int64],
    rows: Rows,
    n_filled: int,
) -> str:
    numbers = ", ".join(map(str, first))
    which = (
        f"row {numbers}"
        if n_bad_rows == 1
        else f"rows {numbers}"
        if n_bad_rows == len(first)
        else f"first rows {numbers}"
    )
    where, advice = _in_columns(in_column, rows.feature_names, n_filled)
    message = (
        f"{name} holds {n_nan} NaN and {n_infinite} infinite values, in {n_bad_rows} of {len(rows)} rows "
        f"({which}, counted from 0){where}; {advice}"
    )
    if n_infinite:
        message += "; a value beyond 3.4e38, the range of float32, counts as infinite: divide the data first"
    return message


def _in_columns(n_bad: NDArray[np.int64], names: list[str] | None, n_filled: int) -> tuple[str, str]:
    """Name the columns of bad values where they are few, and say whether rows or columns are to be dropped."""
    bad, empty = np.flatnonzero(n_bad), np.flatnonzero(n_bad == n_filled)
    few = len(bad) <= _NAMED and len(bad) < len(n_bad)
    where = f", all in {_columns(bad, names)}" if few else ""
    if n_filled == 1 or len(empty) in (0, len(n_bad)):
        return where, "drop or fill these rows"
    advice = f"drop or fill {_columns(empty, names)}, where no value is finite"
    return where, advice if len(empty) == len(bad) else f"{advice}, before you drop or fill rows"


def _columns(which: NDArray[np.int64], names: list[str] | None) -> str:
    shown = ", ".join(repr(names[j]) if names and names[j] else str(j) for j in which[:_NAMED])
    more = f" and {len(which) - _NAMED:,} more" if len(which) > _NAMED else ""
    return f"column{'s' if len(which) > 1 else ''} {shown}{more}"
