"""Lengths of time as people write them: "1:23:45", "2h 30m", "3 weeks", "1 day 02:03:04", "PT3H"."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from torchdec.prepare._parsed import plain

# Seconds of each unit; months and years are means of the Gregorian calendar.
_NAMES = {
    1e-3: "ms msec millisecond milliseconds",
    1.0: "s sec secs second seconds sek sekunde sekunden segundo segundos seconde secondes 秒 초",
    60.0: "m min mins minute minutes minuten minuto minutos minuti mn 分 分間 分钟 분",
    3600.0: "h hr hrs hour hours std stunde stunden hora horas heure heures ora ore uur godz 時間 小时 시간",
    86_400.0: "d day days tag tage tagen día días dia dias jour jours giorno giorni dni 日間 天",
    604_800.0: "w wk wks week weeks woche wochen semana semanas semaine semaines settimana settimane 週間 周",
    2_629_746.0: "mo mos month months monat monate monaten mes meses mois mês mese mesi maand maanden か月 개월",
    31_556_952.0: "y yr yrs year years jahr jahre jahren año años an ans année années ano anos anno anni 歳 岁 세",
}
UNITS = {name: seconds for seconds, names in _NAMES.items() for name in names.split()}
_PART = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*([^\W\d_]+)\.?(?:\s*,|\s+(?:and|und|et|y))?")
_CLOCK = re.compile(
    r"(?:(?P<days>\d+)\s*(?:d|days?|tage?)\s*,?\s*)?(?P<first>\d{1,4}):(?P<minute>[0-5]\d)(?P<rest>:[0-5]\d(?:\.\d+)?)?"
)
_ISO = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?"
)
_OF_ISO = ("y", "mo", "w", "d", "h", "min", "s")


@dataclass(frozen=True)
class Durations:
    """The unit that most durations of a column have, "" where they are as on a clock; values are seconds."""

    kind: ClassVar = "durations"
    unit: str = ""

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Self | None:
        """Find the unit of durations; None where fewer than half of the texts are such."""
        seconds = [_seconds(text) for text in texts]
        units = [unit for text in texts for _, unit in _parts(text)]
        # 5 m may be metres, and 3 y a name, but not beside hours or months.
        if units and set(units) <= {"m", "d", "w", "y", "s", "h"} and len(set(units)) == 1:
            return None
        if not texts or 2 * sum(value is not None for value in seconds) < len(texts):
            return None
        one_each = len(units) >= sum(value is not None for value in seconds)
        return cls(Counter(units).most_common(1)[0][0] if units and one_each else "")

    def read(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the seconds of each text, NaN where it is no duration."""
        return np.array([np.nan if (s := _seconds(text)) is None else s for text in texts], dtype=np.float64)

    def show(self, number: float) -> str:
        """Write seconds in the unit of the column, or as on a clock."""
        if self.unit:
            return f"{number / UNITS[self.unit]:.4g} {self.unit}"
        sign, whole = "-" if number < 0 else "", round(abs(number))
        return f"{sign}{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _parts(text: str) -> list[tuple[float, str]]:
    """Return the numbers and units that a text is made of; [] where there is anything else in it."""
    text, found, place = plain(text), list[tuple[float, str]](), 0
    while place < len(text):
        match = _PART.match(text, place)
        if match is None or match[2].casefold() not in UNITS:
            return []
        found.append((float(match[1].replace(",", ".")), match[2].casefold()))
        place = match.end()
    return found


def _seconds(text: str) -> float | None:
    text = plain(text)
    clock = _CLOCK.fullmatch(text)
    if clock:
        days, rest = int(clock["days"] or 0), float((clock["rest"] or ":0")[1:])
        return 86_400.0 * days + 3600 * int(clock["first"]) + 60 * int(clock["minute"]) + rest
    iso = _ISO.fullmatch(text)
    if iso and any(iso.groups()):
        return sum(float(part) * UNITS[unit] for part, unit in zip(iso.groups(), _OF_ISO, strict=True) if part)
    parts = _parts(text)
    return sum(number * UNITS[unit] for number, unit in parts) if parts else None
