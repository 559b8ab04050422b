"""Sheets of Excel, written a chunk of rows at a time."""

import datetime as dt
import math
from pathlib import Path
from typing import Any

import pyarrow as pa

from torchdec.runs._record import RunError

# Rows that a sheet has room for, its header among them.
MOST_ROWS = 1_048_576


class SheetWriter:
    """Writes tables below each other into a sheet of an `.xlsx`, and then into further ones.

    Raises
    ------
    RunError
        If openpyxl is missing, or there are more rows than a sheet has room for.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        try:
            from openpyxl import Workbook
        except ImportError:
            raise RunError(
                f"{path.name}: openpyxl, which writes it, is not installed; try pip install 'torchdec[excel]'."
            ) from None
        self._path, self._book = path, Workbook(write_only=True)
        self.begin("clusters", schema)

    def begin(self, title: str, schema: pa.Schema) -> None:
        """Begin another sheet."""
        self._sheet, self._n_rows = self._book.create_sheet(title), 1
        self._sheet.append(schema.names)

    def write_table(self, table: pa.Table, _: int) -> None:
        """Write the rows of a table."""
        self._n_rows += len(table)
        if self._n_rows > MOST_ROWS:
            raise RunError(f"{self._path.name} would have more than {MOST_ROWS:,} rows; name a .parquet or .csv.")
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            self._sheet.append([self._cell(value) for value in row])

    def close(self) -> None:
        """Write the file."""
        self._book.save(self._path)

    def _cell(self, value: Any) -> Any:
        """Return a value as Excel has it: times without a zone, and text for what it has no values for."""
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

        if isinstance(value, dt.datetime):
            return value.replace(tzinfo=None)
        if isinstance(value, float) and not math.isfinite(value):
            return None
        if value is None or isinstance(value, bool | int | float | dt.date | dt.time | dt.timedelta):
            return value
        cell = WriteOnlyCell(self._sheet, ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", str(value)))
        cell.data_type = "s"  # a text that begins with = is no formula
        return cell
