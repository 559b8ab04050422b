"""When rows are from: the first column of dates that they have, or that stands beside them."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchdec.prepare._column_reader import encoded, floats_of
from torchdec.prepare._dates import Dates
from torchdec.prepare._roles import is_text

# Texts that show whether all are dates.
_TELLING = 1000


class Dated(NamedTuple):
    """The name of a column, and its dates: days since 1970-01-01 of n rows, NaN where there is none."""

    name: str
    days: NDArray[np.float64]


def date_column(table: pa.Table) -> str | None:
    """Return the name of the first column of a table that holds dates."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        if is_date(column.type) or (is_text(column.type) and _written(encoded(column[:_TELLING])[0])):
            return str(name)
    return None


def dated(name: str, column: pa.ChunkedArray) -> Dated:
    """Read a column of dates; a text that is none has no date."""
    if is_date(column.type):
        return Dated(name, floats_of(column))
    words, codes = encoded(column)
    dates = _written(words) or Dates("day first")
    return Dated(name, np.append(dates.read(words), np.nan)[codes])


def is_date(kind: pa.DataType) -> bool:
    """Tell whether values of an Arrow type are days or moments."""
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def _written(words: list[str]) -> Dates | None:
    """Return how dates are written; None of no dates, and where day and month can't be told apart."""
    try:
        found = Dates.fit(words[:_TELLING])
    except ValueError:
        return None
    return None if found is None else found[0]
