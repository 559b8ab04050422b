"""Amounts as people write them: "$1,234.00", "34 %", "1.234,50 EUR", "(120)", "3.5k", "12 kg"."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from torchdec.prepare._parsed import FEW, plain, show_number

_MONEY = """
$ € £ ¥ ₹ ₽ ₩ ₺ ₴ ₫ ₪ ฿ ₦ ₱ ₡ ₲ ₵ ₸ us$ a$ c$ ca$ au$ nz$ hk$ s$ r$ mx$ nt$
usd eur gbp chf jpy cny rmb inr rub krw try uah vnd ils thb ngn php brl mxn ars clp cop pen sek nok dkk isk pln czk
huf ron bgn aud cad nzd hkd sgd twd zar aed sar egp kes btc eth kr kč zł ft fr rs lei tl
円 元 圓 원
dollar dollars euro euros pound pounds yen franken bitcoin
"""
_CURRENCIES = frozenset(_MONEY.split())
# Units that may stand right behind a number; others need a blank, as "3 rooms" has it, for "4WD" is a kind.
_MEASURES = """
% ‰ ° °c °f mg g kg t lb lbs oz mm cm m km mi ft in inch yd m² m2 m³ m3 km² ha l ml cl gal w kw mw kwh mwh wh v kv
mv ma ah mah hz khz mhz ghz kb mb gb tb kib mib gib mpg mph kmh km/h m/s kn bar hpa pa kpa psi rpm ps hp cc ccm
kcal cal kj nm db dpi px pt pp bp
"""
_UNITS = frozenset(_MEASURES.split())
_TIMES = {
    **dict.fromkeys(("k", "tsd", "tausend", "thousand", "mil"), 1e3),
    **dict.fromkeys(("m", "mm", "mn", "mio", "million", "millions", "millionen", "millones"), 1e6),
    **dict.fromkeys(("b", "bn", "mrd", "md", "billion", "billions", "milliarden"), 1e9),
    **dict.fromkeys(("lakh", "lakhs", "lac"), 1e5),
    **dict.fromkeys(("crore", "crores", "cr"), 1e7),
    **dict.fromkeys("万萬만", 1e4),
    **dict.fromkeys("億亿억", 1e8),
}
# Letters that are units where no currency stands before the number: 5 m may be metres.
_UNITS_TOO = {"m", "mm", "b", "mil", "md", "mn"}
# Units of which one column may have several, by the size of each.
_FAMILIES = (
    {"mg": 1e-3, "g": 1.0, "kg": 1e3, "t": 1e6, "oz": 28.349523125, "lb": 453.59237, "lbs": 453.59237},
    {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "km": 1e3, "in": 0.0254, "ft": 0.3048, "yd": 0.9144, "mi": 1609.344},
    {"ml": 1e-3, "cl": 1e-2, "l": 1.0},
    {"b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12},
    {"wh": 1.0, "kwh": 1e3, "mwh": 1e6},
)
_BLANKS = "\u00a0\u202f\u2009 "
_GROUPS = rf"'’{_BLANKS}"
_CELL = re.compile(
    r"(?P<open>\()?\s*(?P<sign>[-+−–]?)\s*(?P<prefix>[^\d\s.,()+−–-][^\d()+−–-]{0,4}?)?\s*(?P<inner>[-+−–]?)\s*"
    rf"(?P<digits>\d+(?:[.,{_GROUPS}]\d+)*[.,]?|[.,]\d+)(?P<exponent>[eE][-+]?\d+)?"
    r"(?P<gap>\s*)(?P<suffix>/\s?\d+|[^\d\s()+−–-][^\d()+−–]{0,24}?)?\s*(?P<behind>[-−–]?)\s*(?P<close>\))?"
)
# Digits by the thousand, or as in India.
_GROUPED = re.compile(r"\d{1,3}(?:\D\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}")
# Numbers of three digits behind a mark from which on these are thousands, where shorter ones have none.
_MANY = 30
# Words that stand where a number is not known.
_NO_ANSWERS = """
na n/a #n/a nan null nil none - -- — – ? . .. … missing unknown undefined unspecified tbd n.a. nd n.d. (blank)
k.a. unbekannt keine entfällt inconnu inconnue desconocido desconhecido sconosciuto brak b.d. bilinmiyor
不明 なし 未入力 未知 无 無 없음 #value! #div/0! #ref! #num! #name?
"""
_SENTENCES = """
not available, not known, not specified, not provided, not applicable, no data, no answer, nicht bekannt, k. a.,
keine angabe, keine daten, non renseigné, non disponible, non disponibile, sin datos, no aplica, não informado,
sem dados, brak danych
"""
NOTHING = frozenset({*_NO_ANSWERS.split(), "", *re.split(r",\s+", _SENTENCES.strip())})


class _Written(NamedTuple):
    """One number as it is written: what decides its sign and marks, and its unit."""

    negative: bool
    digits: str
    exponent: str
    prefix: str
    unit: str
    spelt: str
    times: float


@dataclass(frozen=True)
class Amounts:
    """How the numbers of a column are written."""

    kind: ClassVar = "amounts"
    decimal: str  # "." or ","
    # What stands before and behind most numbers, with its blank: "$", " kg".
    prefix: str = ""
    suffix: str = ""
    unit: str = ""  # that numbers are brought to: the suffix in small letters

    @classmethod
    def fit(cls, texts: Sequence[str], decimal: str | None = None) -> tuple[Self, str] | None:
        """Find how these numbers are written, and what is to be told of it.

        None where fewer than half of the texts are numbers of one unit.

        Raises
        ------
        ValueError
            If a mark may stand before decimals or between thousands, or several currencies are mixed.
        """
        found = [cell for cell in map(_written, texts) if cell is not None]
        if not found or 2 * len(found) < len(texts):
            return None
        bare = [cell for cell in found if not (cell.prefix or cell.unit)]
        if 2 * len(bare) >= len(found):  # "5%" among plain numbers may be 5 or .05
            made = cls(decimal or _decimal(bare, is_money=False))
            are_codes = 2 * np.isnan(made.read([cell.digits for cell in bare])).sum() > len(bare)  # 192.168.0.1
            return None if are_codes else (made, "")
        units = Counter(cell.unit for cell in found if cell.unit)
        prefixes = Counter(cell.prefix for cell in found if cell.prefix)
        money = {
            name
            for name, count in (*units.items(), *prefixes.items())
            if name.casefold().rstrip(".") in _CURRENCIES and count > FEW * len(found)
        }
        if len(money) > 1 and not (set(units) & money and set(prefixes) & money and len(money) == 2):
            raise ValueError(f"mixes {' and '.join(map(repr, sorted(money)[:3]))}")
        unit = _most(units, len(found))
        convertible = sum(count for other, count in units.items() if _factor(other, unit) is not None)
        if unit and 2 * convertible <= sum(units.values()):
            return None
        spelt = Counter(cell.spelt for cell in found if cell.unit == unit and cell.spelt)
        suffix = spelt.most_common(1)[0][0] if spelt and unit else ""
        prefix = _most(prefixes, len(found))
        if not (unit or prefix):
            return None
        prefix += " " * prefix[-1:].isalpha()
        made = cls(decimal or _decimal(found, is_money=bool(money)), prefix, suffix, unit)
        others = [cell.digits for cell in bare if cell.digits.strip("0.,")]
        told = (
            f"holds {others[0]!r}, which is taken for {made.show(1).replace('1', others[0])!r}" if others else ""
        )
        return made, told

    @property
    def is_plain(self) -> bool:
        """Whether numbers stand alone."""
        return not (self.prefix or self.suffix)

    def bare(self, texts: Sequence[str]) -> str:
        """Return one that is not 0 where none of these has a unit, as those of the fit had; else ""."""
        if self.is_plain or any(cell and (cell.prefix or cell.unit) for cell in map(_written, texts)):
            return ""
        return next((text for text in texts if text.strip("0.,")), "")

    def read(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the number that each text is, NaN where it is none."""
        return np.array([self._number(_written(text)) for text in texts], dtype=np.float64)

    def _number(self, cell: _Written | None) -> float:
        prefix = cell.prefix.casefold() if cell else ""
        if cell is None or (prefix and prefix != self.prefix.strip().casefold()) or (cell.unit and not self.unit):
            return np.nan
        factor = _factor(cell.unit, self.unit) if cell.unit else 1.0
        thousands = _GROUPS + ("," if self.decimal == "." else ".")
        whole, mark, part = cell.digits.partition(self.decimal)
        if factor is None or any(sign in thousands or sign == self.decimal for sign in part):
            return np.nan
        if not (whole.isdecimal() or not whole or _GROUPED.fullmatch(whole)):
            return np.nan
        digits = re.sub(r"\D", "", whole)
        value = float(f"{digits}{'.' if mark else ''}{part}{cell.exponent}") * cell.times * factor
        return -value if cell.negative else value

    def show(self, number: float) -> str:
        """Write a number as the column has it."""
        size = abs(number)
        text = show_number(size) if self.is_plain or not 10 <= size < 1e15 else f"{size:,.0f}"
        if self.decimal == ",":
            text = text.translate(str.maketrans(",.", ".,"))
        return f"{'-' if number < 0 else ''}{self.prefix}{text}{self.suffix}"


def _most(counts: Counter[str], n_found: int) -> str:
    """Return what at least half of the numbers have, "" where none is so frequent."""
    name, count = counts.most_common(1)[0] if counts else ("", 0)
    return name if 2 * count >= n_found else ""


def _written(text: str) -> _Written | None:
    """Take a number apart; None where the text is none."""
    match = _CELL.fullmatch(plain(text))
    if match is None or bool(match["open"]) != bool(match["close"]):
        return None
    prefix, suffix = (match["prefix"] or "").strip(), (match["suffix"] or "").strip()
    is_money = prefix.casefold().rstrip(".") in _CURRENCIES
    if prefix and not is_money:
        return None
    signs = [sign for sign in (match["sign"], match["inner"], match["behind"]) if sign]
    if len(signs) + bool(match["open"]) > 1:
        return None
    times, unit, spelt = _times_and_unit(suffix, is_money=is_money)
    known = unit in _UNITS or unit.rstrip(".") in _CURRENCIES or unit[:1] == "/"  # 4/5 is 4 of 5
    if unit and not known and not (match["gap"] and len(unit.split()) <= 3 and unit[0].isalpha()):
        return None
    negative = bool(match["open"]) or (bool(signs) and signs[0] != "+")
    gap = " " if match["gap"] and unit else ""
    return _Written(negative, match["digits"], match["exponent"] or "", prefix, unit, gap + spelt, times)


def _times_and_unit(suffix: str, *, is_money: bool) -> tuple[float, str, str]:
    """Split what stands behind a number into what it is to be multiplied by, and its unit."""
    word = re.match(r"[^\W\d_]+\.?", suffix)
    key = word[0].rstrip(".").casefold() if word else ""
    rest = suffix[len(word[0]) :].strip() if word else ""
    of_money = is_money or rest.casefold().rstrip(".") in _CURRENCIES
    if key in _TIMES and (not rest or of_money or not rest[0].isalpha()) and (of_money or key not in _UNITS_TOO):
        return _TIMES[key], rest.casefold(), rest
    if suffix == "M":
        return 1e6, "", ""
    if suffix[:1] in (*"kM万萬만億亿억",) and suffix[1:].casefold() in _CURRENCIES:
        return _TIMES[suffix[0].casefold()], suffix[1:].casefold(), suffix[1:]
    return 1.0, suffix.casefold(), suffix


def _factor(unit: str, wanted: str) -> float | None:
    """Return what brings a number to another unit; None where nothing does."""
    if unit == wanted or unit.rstrip("s.") == wanted.rstrip("s."):
        return 1.0
    family = next((family for family in _FAMILIES if unit in family and wanted in family), None)
    return family[unit] / family[wanted] if family else None


def _decimal(cells: Sequence[_Written], *, is_money: bool) -> str:
    """Return the decimal mark that numbers show; a mark before three digits alone may be of thousands."""
    points = commas = n_unclear = most_digits = 0
    unclear: dict[str, str] = {}
    for cell in cells:
        marks = [mark for mark in cell.digits if mark in ".,"]
        if not marks:
            most_digits = max(most_digits, len(cell.digits))
            continue
        last = marks[-1]
        whole, _, part = cell.digits.rpartition(last)
        if len(set(marks)) == 2:
            is_decimal = True
        elif len(marks) > 1:
            is_decimal = False
        elif len(part) != 3 or not 1 <= len(whole) <= 3 or whole.startswith("0"):
            is_decimal = True
        else:
            unclear.setdefault(last, cell.digits)
            n_unclear += 1
            continue
        points += (last == ".") == is_decimal
        commas += (last == ",") == is_decimal
    if points or commas or not unclear:
        return "," if commas > points else "."
    mark, example = next(iter(unclear.items()))
    if is_money and len(unclear) == 1:
        return "." if mark == "," else ","
    # Of many decimals, some would be shorter; and all numbers beyond 999 have the mark.
    are_thousands = n_unclear >= _MANY and 1 <= most_digits <= 3
    if len(unclear) == 1 and (mark == "." or are_thousands):
        return "."
    raise ValueError(
        f"holds {example!r}, which may be {example.replace(mark, '')} or {example.replace(',', '.')}; say which "
        "with --decimal . or --decimal ,"
    )
