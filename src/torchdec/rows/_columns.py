"""Columns of numbers, as CSV files and Parquet files hold them."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from torchdec.rows._arrays import DenseRows
from torchdec.rows._convert import dense_rows
from torchdec.rows._protocol import RowsError

# A CSV line must fit into one block, and Arrow's default of 1 MB is too little for very wide tables.
_CSV_BLOCK = 1 << 24
# What Arrow reads as a missing value.
_MISSING = frozenset(arrow_csv.ConvertOptions().null_values)


def read_csv(path: Path) -> DenseRows:
    """Return the rows of a CSV file, see `torchdec.rows.read_rows`."""
    first = _first_cells(path)
    has_header = not _is_numeric(first) or _is_numbering(first)
    if has_header and len(first) > 1 and not first[0].strip():
        raise RowsError(
            f"{path}: has a first column without a name, as pandas writes the numbers of the rows, which are no "
            "feature; write it with index=False, or name the column"
        )
    try:
        table = arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(block_size=_CSV_BLOCK, autogenerate_column_names=not has_header),
        )
        return _table_rows(table, path, named=has_header)
    except (pa.ArrowInvalid, RowsError) as error:
        mark = next((mark for mark in (";", "\t") if len(first) == 1 and mark in first[0]), None)
        if mark is None:
            raise
        raise RowsError(
            f"{path}: has {mark!r} between its columns; write it with commas between them, and with points as "
            "decimal marks"
        ) from error


def _first_cells(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return next((cells for cells in csv.reader(file) if cells), [])


def _is_numeric(cells: list[str]) -> bool:
    """Tell whether cells are a row, if perhaps one with missing values, rather than names."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    return bool(filled) and all(cell in _MISSING or _is_float(cell) for cell in filled)


def _is_float(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_numbering(cells: list[str]) -> bool:
    """Tell whether cells are the names 0, 1, 2, ... that pandas gives, perhaps after the empty one of its index.

    A single 0 is as likely a row.
    """
    numbers = cells if cells[0] else cells[1:]
    return len(cells) > 1 and numbers == [str(number) for number in range(len(numbers))]


def _table_rows(table: pa.Table, path: Path, named: bool) -> DenseRows:
    names: list[str] = table.schema.names
    if table.num_rows:
        refuse_text(table.schema, path)

    def values(j: int) -> NDArray[np.float64]:
        return as_floats(table.column(j), f"{path}: column {names[j]!r}")

    # What may be rounded, only a model knows: rows of one hour in a file of years differ by seconds.
    exact = all(_is_float32(values(j)) for j in range(len(names)))
    array = np.empty(table.shape, dtype=np.float32 if exact else np.float64)
    for j in range(len(names)):
        array[:, j] = values(j)
    return dense_rows(array, str(path), names if named else None)


def _is_float32(values: NDArray[np.float64]) -> bool:
    return np.array_equal(values, values.astype(np.float32), equal_nan=True)


def refuse_text(fields: Sequence[pa.Field], path: Path) -> None:
    """Name the columns that hold something other than numbers, if there are any."""
    others = [
        repr(field.name) if field.name else f"column {number} (counted from 0), which has no name"
        for number, field in enumerate(fields)
        if not is_number(field.type)
    ]
    if others:
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        raise RowsError(
            f"{path}: {len(others)} of {len(fields)} columns hold something other than numbers: "
            f"{', '.join(others[:5])}{more}; drop them, or give categories one column per value "
            "(pandas.get_dummies, or scikit-learn's OneHotEncoder) and dates as the days since the first one, or "
            "name one of texts as text_column (--text-column on the command line)"
        )


def is_number(kind: pa.DataType) -> bool:
    """Tell whether values of an Arrow type can be cast to floats."""
    tests = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_decimal,
        pa.types.is_null,
    )
    return any(test(kind) for test in tests)


def as_floats(column: Any, name: str) -> NDArray[np.float64]:
    """Cast an Arrow array of numbers to float64, null to NaN, or name what is beyond the range of float32."""
    values: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy(
        zero_copy_only=False
    )  # null becomes NaN
    beyond = (np.abs(values) > np.finfo(np.float32).max) & np.isfinite(values)
    if beyond.any():
        raise RowsError(f"{name} has values beyond 3.4e38, the range of float32; divide it first")
    return values
