"""What cells of a text of columns are: missing, numbers, of which decimal mark, and in the first line names."""

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from torchdec.prepare._roles import is_id_name, is_label_name, is_text
from torchdec.rows._protocol import tell
from torchdec.rows._reading import Reading

# What Arrow reads as a missing value.
MISSING = frozenset(arrow_csv.ConvertOptions().null_values)
# Cells that the decimal mark, and the mark between columns, are told from.
MOST_CELLS = 20_000

# What a last row says that adds up the others; of few rows, it may be a word as any.
_TOTALS = re.compile(
    "total|totals|totale|toplam|sum|summe|gesamt|insgesamt|somme|suma|razem|итого|合計|合计|총계", re.IGNORECASE
)
_ROWS_OF_TOTAL = 10

_NUMBER = re.compile(
    r"[-+]?(?:\d[\d.,'\u00a0\u202f]*|[.,]\d+)(?:[eE][-+]?\d+)?|[-+]?(?:inf|infinity)", re.IGNORECASE
)
# Evidence for a decimal mark: a number that the other mark, as one of thousands, would not allow.
_POINT = re.compile(
    r"[-+]?(?:\d{1,3}(?:,\d{3})+\.\d*|[1-9]\d{0,2}(?:,\d{3}){2,}|(?![1-9]\d{0,2}\.\d{3}$)\d*\.\d+(?:[eE][-+]?\d+)?)"
)
_COMMA = re.compile(
    r"[-+]?(?:\d{1,3}(?:\.\d{3})+,\d*|[1-9]\d{0,2}(?:\.\d{3}){2,}|(?![1-9]\d{0,2},\d{3}$)\d*,\d+(?:[eE][-+]?\d+)?)"
)
# A number that either mark allows: 1.234 may be 1234.
_EITHER = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")

# Numbers from which on rising ones, not evenly spaced, are no chance: one row in 120.
_RISING = 5
# Lines of decimals below whole numbers from which on these are names.
_ENOUGH_BELOW = 3
_YEAR = re.compile(r"(?:18|19|20)\d\d")
_WHOLE = re.compile(r"[-+]?\d+")


def is_comment(line: str) -> bool:
    """Tell whether a line is a comment, and no missing value as Excel writes it."""
    return line.startswith("#") and not line.startswith("#N")


def without_total(table: pa.Table, name: str) -> pa.Table:
    """Return the rows above one that says that it adds them up, which is told; else all."""
    last = len(table) - 1
    if last < _ROWS_OF_TOTAL or not any(map(_ends_with_total, table.columns)):
        return table
    tell(f"{name}: its last row adds up the others, and is taken for one that holds nothing")
    table = table.slice(0, last)
    for number, column in enumerate(table.columns):
        for kind in (pa.float64(), pa.int64()) if is_text(column.type) else ():
            with suppress(pa.ArrowInvalid):  # of what was read as text for the word alone
                table = table.set_column(number, table.column_names[number], _numbers_of(column, kind))
    return table


def _ends_with_total(column: pa.ChunkedArray) -> bool:
    """Tell whether the last cell of a column is a word for a total, and the only such."""
    last = len(column) - 1
    if not is_text(column.type) or pa.types.is_dictionary(column.type):
        return False
    word = column[last].as_py() or ""
    return _TOTALS.fullmatch(word.strip(" :")) is not None and pc.index(column, word).as_py() == last


def _numbers_of(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return pc.if_else(pc.is_in(column, pa.array(sorted(MISSING))), None, column).cast(kind)


def is_number(cell: str) -> bool:
    """Tell whether a cell is a number in any spelling, or a missing value."""
    return cell in MISSING or _NUMBER.fullmatch(cell.strip()) is not None


def decimal_mark(rows: Sequence[Sequence[str]]) -> str | None:
    """Return the decimal mark that the numbers in these cells have, None where they do not tell."""
    cells = _first(rows)
    points, commas = (sum(mark.fullmatch(cell) is not None for cell in cells) for mark in (_POINT, _COMMA))
    if points and commas:
        return "." if points >= commas else ","
    return "." if points else "," if commas else None


def of_either_mark(rows: Sequence[Sequence[str]]) -> str | None:
    """Return a cell with a point that may stand before decimals or between thousands, None without one."""
    return next((cell for cell in _first(rows) if _EITHER.fullmatch(cell)), None)


def _first(rows: Sequence[Sequence[str]]) -> list[str]:
    return [cell for row in rows for cell in row][:MOST_CELLS]


def has_header(
    first: list[str],
    below: Sequence[list[str]],
    path: Path,
    reading: Reading,
    known: Collection[str],
    *,
    is_quoted: bool,
) -> bool:
    """Tell whether the first line names the columns; where it may be a row, that is told.

    `below` are the cells of the next lines, `known` names that a header has if there is one; `is_quoted` tells
    whether it is in quotes, unlike the numbers below it.
    """
    if reading.header is not None:
        return reading.header
    if known and set(known) <= set(first):
        return True
    filled = [cell for cell in first if cell]
    numbers = [cell for cell in filled if is_number(cell) and cell not in MISSING]
    texts = [number for number, cell in enumerate(first) if cell and not is_number(cell)]
    if not filled or not numbers:
        return bool(texts) or not filled
    shown = ", ".join(cell[:20] for cell in first[:4]) + (", ..." if len(first) > 4 else "")
    if any(all(is_number(row[j]) for row in below) for j in texts if below and j < len(below[0])):
        return True  # words above numbers
    has_role = any(
        _names_a_role(first[j]) and all(row[j] != first[j] for row in below if j < len(row)) for j in texts
    )
    if has_role or is_quoted or _are_years(numbers, below) or _stands_above(first, numbers, below):
        tell(
            f"{path}: its first line ({shown}) holds numbers, and as the lines below tell, names the columns; "
            "--no-header makes it a row"
        )
        return True
    how = _rising(numbers)
    if how is not None:
        rows = [[row[j] for j, cell in enumerate(first) if cell in numbers and j < len(row)] for row in below]
        counts = len(numbers) > 2 and numbers == [str(number) for number in range(len(numbers))]
        is_header = numbers not in rows if counts else all(_rising(row) != how for row in rows)
        if len(numbers) == 2 and not is_header:
            return False  # two rising numbers are no more than that
        what = (
            "names the columns; --no-header makes it a row" if is_header else "is a row; --header makes it names"
        )
        rising = how.split()[1]
        tell(f"{path}: its first line ({shown}) holds {rising} numbers, and as the lines below tell, {what}")
        return is_header
    what = "is like those below" if texts else f"holds {len(first)} number{'s' if len(first) > 1 else ''}"
    commas = (
        "; if its commas are decimal marks, put ; between the columns" if _cut_decimals([first, *below]) else ""
    )
    # Names are distinct, and hold no fractions: any other line of numbers is a row without a doubt.
    could_be_names = len(set(first)) == len(first) and all(cell.lstrip("+-").isdigit() for cell in numbers)
    if texts or commas or could_be_names:
        tell(f"{path}: its first line ({shown}) {what} and is taken as a row; --header makes it names{commas}")
    return False


def _cut_decimals(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether whole numbers look like halves of decimals: each second one has no sign and leading zeros."""
    if len(rows[0]) % 2 or not all(_WHOLE.fullmatch(cell) for row in rows for cell in row):
        return False
    decimals = [cell for row in rows for cell in row[1::2]]
    lengths = {len(cell) for cell in decimals}
    return (
        all(cell.isdecimal() for cell in decimals)
        and not _has_leading_zeros([cell.lstrip("+-") for row in rows for cell in row[::2]])
        and (_has_leading_zeros(decimals) or (len(lengths) == 1 and lengths != {1}))
    )


def _has_leading_zeros(cells: Sequence[str]) -> bool:
    return any(len(cell) > 1 and cell.startswith("0") for cell in cells)


def _names_a_role(cell: str) -> bool:
    return is_id_name(cell) or is_label_name(cell)


def _are_years(numbers: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Tell whether numbers are years in their order, above lines without any."""
    in_order = len(set(numbers)) == len(numbers) > 1 and sorted(numbers) in (numbers, numbers[::-1])
    return (
        in_order
        and all(map(_YEAR.fullmatch, numbers))
        and not any(_YEAR.fullmatch(cell) for row in below for cell in row)
    )


def _stands_above(first: Sequence[str], numbers: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Tell whether numbers are names by the lines below: they stand above an index, or whole above decimals."""
    if len(set(numbers)) < len(numbers) or len(numbers) < len(first) - (not first[0]):
        return False
    if not first[0]:  # as pandas writes an index
        index = [row[0] for row in below]
        return len(set(index)) == len(index) > 1 and all(cell.isdecimal() or not is_number(cell) for cell in index)
    cells = [cell for row in below for cell in row]
    return (
        len(below) >= _ENOUGH_BELOW
        and len(numbers) > 1
        and _rising(numbers) is None
        and all(cell.isdecimal() for cell in numbers)
        and not any(_WHOLE.fullmatch(cell) for cell in cells)
    )


def _rising(cells: Sequence[str]) -> str | None:
    """Tell how numbers rise or fall, if as names do: evenly, or many of them; two by 1."""
    try:
        values = [float(cell.replace(",", ".")) for cell in cells]
    except ValueError:
        return None
    steps = [after - before for before, after in pairwise(values)]
    if not steps or not (min(steps) > 0 or max(steps) < 0):
        return None
    way = "rising" if steps[0] > 0 else "falling"
    if len(values) == 2:
        return f"evenly {way}" if steps == [1] and all(cell.isdecimal() for cell in cells) else None
    if max(steps) - min(steps) < 1e-6 * max(map(abs, steps)):
        return f"evenly {way}"
    return f"unevenly {way}" if len(values) >= _RISING else None
