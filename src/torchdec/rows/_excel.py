"""Sheets of Excel: the first one of an `.xlsx` that holds a table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from torchdec.rows._frame_columns import of_numpy
from torchdec.rows._protocol import RowsError, tell
from torchdec.rows._reading import Reading

# Rows at the top that are looked through for the names of the columns.
_TOP = 20


@dataclass(frozen=True)
class Sheet:
    """The table of a sheet, and whether its columns have names."""

    table: pa.Table
    named: bool


def read_sheet(path: Path, reading: Reading) -> Sheet:
    """Read the first sheet of an `.xlsx` that holds more than one cell; others are told.

    Raises
    ------
    RowsError
        If openpyxl is missing, or the file holds no table or a cell that is neither number, text, date nor gap.
    """
    try:
        import openpyxl
    except ImportError:
        raise RowsError(f"{path}: needs openpyxl, which is not installed; pip install 'torchdec[excel]'") from None
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        for sheet in book.worksheets:
            lines = [line for line in sheet.iter_rows(values_only=True) if any(map(_is_filled, line))]
            if lines and max(len(line) for line in lines) * len(lines) > 1:
                break
        else:
            raise RowsError(f"{path}: holds no table; write it again")
        title, others = sheet.title, [other.title for other in book.worksheets if other is not sheet]
    finally:
        book.close()
    if others:
        tell(f"{path}: sheet {title!r} is read, and {', '.join(map(repr, others))} not")
    return _table(lines, reading.header, path)


def _table(lines: list[tuple[Any, ...]], header: bool | None, path: Path) -> Sheet:
    """Make a table of lines: the widest of the first that are all texts has the names of the columns."""
    width = max(sum(map(_is_filled, line)) for line in lines)
    first = next(n for n, line in enumerate(lines) if sum(map(_is_filled, line)) > width // 2 or n == _TOP)
    if first:
        tell(f"{path}: {first} line{'s' * (first > 1)} above the table, left out: {_text(lines[0])[:40]!r}")
    head, body = lines[first], lines[first + 1 :]
    places = [
        j
        for j in range(max(map(len, lines)))
        if any(j < len(line) and _is_filled(line[j]) for line in lines[first:])
    ]
    named = (
        header if header is not None else all(isinstance(head[j], str) or not _is_filled(head[j]) for j in places)
    )
    if not named:
        body = lines[first:]
    names = (
        _names([head[j] if j < len(head) else None for j in places])
        if named
        else [str(n) for n in range(len(places))]
    )
    if not body:
        raise RowsError(f"{path}: has names of columns and no rows; write it again")
    columns = {}
    for name, j in zip(names, places, strict=True):
        cells = np.empty(len(body), dtype=object)
        cells[:] = [_cell(line[j]) if j < len(line) else None for line in body]
        column = of_numpy(name, cells)
        if column.refused is not None:
            raise RowsError(f"{path}: column {name!r} holds {column.refused.kind}; leave it out or mend it")
        values = column.values()
        columns[name] = (
            pa.chunked_array([pa.array(values, from_pandas=True)]) if isinstance(values, np.ndarray) else values
        )
    return Sheet(pa.table(columns), named)


def _names(cells: list[Any]) -> list[str]:
    names: list[str] = []
    for number, cell in enumerate(cells):
        name = str(cell).strip() if _is_filled(cell) else f"Unnamed: {number}"
        times = sum(other == name or other.rpartition(".")[0] == name for other in names)
        names.append(f"{name}.{times}" if times else name)
    return names


def _cell(value: Any) -> Any:
    return value if _is_filled(value) else None


def _is_filled(value: Any) -> bool:
    return value is not None and not (isinstance(value, str) and not value.strip())


def _text(line: tuple[Any, ...]) -> str:
    return " ".join(str(cell) for cell in line if _is_filled(cell))
