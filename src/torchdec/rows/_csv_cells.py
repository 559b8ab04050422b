"""What single cells of a text of columns are: missing values, numbers, and what they tell of the decimal mark."""

import re
from collections.abc import Sequence

from pyarrow import csv as arrow_csv

# What Arrow reads as a missing value.
MISSING = frozenset(arrow_csv.ConvertOptions().null_values)
# Cells that the decimal mark, and the mark between columns, are told from.
MOST_CELLS = 20_000

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


def is_comment(line: str) -> bool:
    """Tell whether a line is a comment, and no missing value as Excel writes it."""
    return line.startswith("#") and not line.startswith("#N")


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
