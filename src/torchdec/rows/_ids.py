"""What names the rows, which goes with them to the results, and when they are from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchdec.prepare._arrow import encoded, floats_of
from torchdec.prepare._dates import Dates
from torchdec.prepare._roles import is_text

# Texts that show whether all are dates.
_TELLING = 1000


def row_ids(rows: Any) -> pa.Table | None:
    """Return the columns that name rows: their `ids`, or else their `names` in a column `name`; None without."""
    ids = getattr(rows, "ids", None)
    if ids is not None:
        return ids
    names = getattr(rows, "names", None)
    return None if names is None else pa.table({"name": pa.array(names, pa.string())})


def row_name(ids: pa.Table | None, row: int) -> str:
    """Name a row by its ids, or else by its number."""
    if ids is None:
        return str(row)
    return " ".join(str(column[row].as_py()) for column in ids.columns)


def ids_in_files(paths: Sequence[Path], sizes: Sequence[int], folder: Path) -> pa.Table:
    """Name the rows of files, below each other, by the file and the number of the row in it, from 0."""
    names = pa.array([path.relative_to(folder).as_posix() for path in paths], pa.string())
    numbers = pa.array(np.repeat(np.arange(len(paths), dtype=np.int32), sizes))
    within = np.concatenate([np.arange(size, dtype=np.int64) for size in sizes])
    return pa.table({"file": pa.DictionaryArray.from_arrays(numbers, names), "row_in_file": within})


def beside(ids: pa.Table, taken: Sequence[str]) -> pa.Table:
    """Return ids with `id_` before each name that is taken, so that they can stand beside the columns of these."""
    names: list[str] = []
    for name in ids.column_names:
        while name in (*taken, *names):
            name = f"id_{name}"
        names.append(name)
    return ids.rename_columns(names)


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
