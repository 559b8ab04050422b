"""Dates as people write them, in any order of day, month and year, with or without a time."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from torchdec.prepare._parsed import FEW, plain

_SECONDS_A_DAY = 86_400
_EPOCH = dt.date(1970, 1, 1).toordinal()
# Years of two digits up to it are of this century, as POSIX reads them.
_LAST_OF_CENTURY = 68
# The first letters of each month: English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Turkish,
# Russian.
_MONTHS = (
    "jan ene gen sty oca янв",
    "feb fév fev lut şub фев",
    "mar mär mrz maa мар",
    "apr avr abr kwi nis апр",
    "may mai mag mei maj май мая",
    "jun juin giu cze haz июн",
    "jul juil lug lip tem июл",
    "aug aoû aou ago sie ağu авг",
    "sep set wrz eyl сен",
    "oct okt ott out paź eki окт",
    "nov lis kas ноя",
    "dec dez déc dic gru ara дек",
)
_MONTH_OF = {start: number for number, starts in enumerate(_MONTHS, 1) for start in starts.split()}
_TIME = (
    r"(?:[T\s,]+(?:at\s+)?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>Z|UTC|GMT|[-+]\d{2}(?::?\d{2})?)?)?"
)
_DAY, _WORD, _YEAR = (
    r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|º)?",
    r"(?P<word>[^\W\d_]{3,10})",
    r"(?P<year>\d{4}|['’]?\d{2})",
)
_WEEKDAY = r"(?:[^\W\d_]{2,10}\.?,?\s+)?"
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"(?P<year>\d{{4}})(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}}){_TIME}",
        rf"(?P<year>\d{{4}})(?P<month>\d{{2}})(?P<day>\d{{2}}){_TIME}",
        rf"{_WEEKDAY}(?P<one>\d{{1,2}})(?P<mark>[-/.])\s?(?P<two>\d{{1,2}})(?P=mark)\s?(?P<year>\d{{4}}|\d{{2}}){_TIME}",
        rf"{_WEEKDAY}{_DAY}\.?[\s-]*(?:de\s+)?{_WORD}\.?,?[\s-]*(?:de\s+)?{_YEAR}{_TIME}",
        rf"{_WEEKDAY}{_WORD}\.?\s+{_DAY},?\s+{_YEAR}{_TIME}",
        rf"{_WORD}\.?[\s/-]+{_YEAR}",
        rf"(?P<year>\d{{4}})[年년]\s?(?P<month>\d{{1,2}})[月월]\s?(?:(?P<day>\d{{1,2}})[日일])?{_TIME}",
        r"(?P<year>\d{4})-(?P<month>\d{2})",
        r"(?P<month>\d{1,2})/(?P<year>\d{4})",
        r"(?P<year>\d{4})[\s/-]?Q(?P<quarter>[1-4])",
        r"Q(?P<quarter>[1-4])[\s/-](?P<year>\d{4})",
    )
)
Order = Literal["day first", "month first"]


@dataclass(frozen=True)
class Dates:
    """How dates of numbers are ordered where the year does not stand first, and whether they have a time.

    The order is None where the dates of the fit had none to show, as 2026-10-31. Values are days since 1970-01-01,
    in UTC where a date names its zone.
    """

    kind: ClassVar = "dates"
    order: Order | None = None
    with_time: bool = False

    @classmethod
    def fit(cls, texts: Sequence[str], order: Order | None = None) -> tuple[Self, str] | None:
        """Find out how dates are written, and what is to be told of it; None where fewer than half are dates.

        Raises
        ------
        ValueError
            If some have the day first and others the month.
        """
        matches = [match for match in map(_match, texts) if match is not None]
        if not matches or 2 * len(matches) < len(texts):
            return None
        pairs = [(int(m["one"]), int(m["two"]), m["mark"], m[0]) for m in matches if "one" in m.groupdict()]
        days = [text for one, two, _, text in pairs if one > 12 and two <= 12]
        months = [text for one, two, _, text in pairs if two > 12 and one <= 12]
        if order is None and min(len(days), len(months)) > FEW * len(days + months):
            raise ValueError(f"holds {days[0]!r}, with the day first, and {months[0]!r}, with the month first")
        told = ""
        if order is None and pairs and not days and not months and any(mark != "." for *_, mark, _ in pairs):
            told = (
                f"holds dates such as {pairs[0][3]!r}, which are taken to have the day first; say --role "
                "'COLUMN=month-first date' if they have not"
            )
        shown: Order | None = ("month first" if len(months) > len(days) else "day first") if pairs else None
        made = cls(order or shown, any(match.groupdict().get("hour") for match in matches))
        return None if np.isnan(made.read(texts)).sum() * 2 > len(texts) else (made, told)

    def read(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the day of each text, NaN where it is no date.

        Raises
        ------
        ValueError
            If one may have the day or the month first, and those of the fit don't tell which.
        """
        return np.array([self._day(_match(text)) for text in texts], dtype=np.float64)

    def _day(self, match: re.Match[str] | None) -> float:
        if match is None:
            return np.nan
        part = match.groupdict()
        digits = part["year"].lstrip("'’")
        year = int(digits)
        if len(digits) == 2:
            year += 2000 if year <= _LAST_OF_CENTURY else 1900
        if part.get("one"):
            day, month = int(part["one"]), int(part["two"])
            if self.order is None and day != month and max(day, month) <= 12 and part["mark"] != ".":
                raise ValueError(
                    f"holds {match[0]!r}, which may have the day or the month first, and those of the fit don't "
                    "tell; write the year first, as in 2026-10-31"
                )
            if self.order == "month first" or (self.order is None and month > 12):
                day, month = month, day
        else:
            day = int(part.get("day") or 1)
            quarter = part.get("quarter")
            named = _month(part["word"]) if part.get("word") else 0
            month = named or (3 * int(quarter) - 2 if quarter else int(part["month"]))
        try:
            return dt.date(year, month, day).toordinal() - _EPOCH + _seconds(part) / _SECONDS_A_DAY
        except ValueError:
            return np.nan

    def show(self, number: float) -> str:
        """Write a day as 2026-10-31, with the time where the column has times."""
        return show_day(number, with_time=self.with_time)


def show_day(number: float, *, with_time: bool = False) -> str:
    """Write days since 1970-01-01 as a date."""
    day = np.datetime64("1970-01-01T00:00") + np.timedelta64(round(number * 1440), "m")
    return str(day).replace("T", " ") if with_time else str(day)[:-6]


def _match(text: str) -> re.Match[str] | None:
    text = plain(text)
    match = next((match for form in _FORMS if (match := form.fullmatch(text)) is not None), None)
    if match is None or (match.groupdict().get("word") and not _month(match["word"])):
        return None
    return match


def _month(word: str) -> int:
    """Return the number of a month by its name, 0 if there is none."""
    word = word.casefold()
    return next((_MONTH_OF[word[:length]] for length in (4, 3) if word[:length] in _MONTH_OF), 0)


def _seconds(part: dict[str, str | None]) -> float:
    """Return the seconds since midnight, in UTC where the zone is named; those of no time are 0."""
    if not part.get("hour"):
        return 0.0
    hour, half = int(part["hour"] or 0), (part["half"] or "")[:1].casefold()
    if half:
        hour = hour % 12 + 12 * (half == "p")
    seconds = 3600.0 * hour + 60 * int(part["minute"] or 0) + int(part["second"] or 0)
    seconds += float(f"0.{part['fraction'] or 0}")
    zone = part["zone"] or ""
    if zone[:1] in ("-", "+"):
        offset = 3600 * int(zone[1:3]) + 60 * int(zone[3:].lstrip(":") or 0)
        seconds -= offset if zone[0] == "+" else -offset
    return seconds
