"""A column of a table as it was understood: values to compute with, and how one of them is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

# Cells that cannot be read as those of their column are missing where they are at most this share of it.
FEW = 0.1
# Digits, letters and marks as wide as a sign of Chinese, which Japanese tables have in place of the usual ones.
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " ", 0xFFE1: "£", 0xFFE5: "¥"}


def plain(text: str) -> str:
    """Return the text of a cell without blanks around it, in marks of the usual width.

    >>> plain(" ￥１，２００ ")
    '¥1,200'
    """
    return text.translate(_WIDE).strip()


def show_number(number: float) -> str:
    """Write a number with four digits, or from 10,000 on all of those before the point.

    >>> [show_number(number) for number in (1234567.8, 30.0, 0.123456, 2e-7)]
    ['1,234,568', '30', '0.1235', '2e-07']
    """
    return f"{number:,.0f}" if 10_000 <= abs(number) < 1e15 else f"{number:.4g}"


@dataclass(frozen=True)
class Parsed:
    """A column of n rows as it was understood."""

    name: str
    # "number", "skewed number", "amount", "date", "duration", "yes/no", "kind", "ordered kind" or "text".
    role: str
    # float64 with NaN for a missing value (dates are days since 1970-01-01, durations seconds); of kinds, yes/no
    # and ordered kinds the number of a level as int32, -1 for a missing value; of text an object array of str, or
    # None.
    values: NDArray[Any]
    levels: tuple[str, ...] = ()  # of kinds, as they are written in the table
    # Writes a number as the table's user would: "$1,234", "34 %", "2026-10-31".
    show: Callable[[float], str] = show_number
    has_season: bool = False  # whether the time of the year of its dates counts too
