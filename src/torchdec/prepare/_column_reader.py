"""What the cells of a column mean: numbers, amounts, dates, durations or kinds, and how each is read."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from torchdec.prepare._amounts import NOTHING, Amounts
from torchdec.prepare._arrow import categories, counted, encoded, floats_of
from torchdec.prepare._dates import Dates
from torchdec.prepare._durations import Durations
from torchdec.prepare._parsed import FEW, plain
from torchdec.prepare._roles import are_lists, first_of, is_number, is_text
from torchdec.prepare._scales import in_order, is_yes_no, side

# Texts that show how the others are written.
_TELLING = 1000
# So many texts of several values, and no more values than that, are combinations.
_COMBINATIONS = 3
# A level that fewer than five rows have, or than 1 %, is one with other rare ones; of few rows, than a tenth.
_FEWEST_ROWS, _FEWEST_SHARE, _FEWEST_OF_FEW = 5, 0.01, 0.1
OTHER = "(other)"
# Texts that are kinds although most of them are numbers: so few, each of which so many rows have.
_FEW_LEVELS, _REPEATS = 30, 5
# Words beside more numbers than those that stand for no number, however many rows have them.
_FEW_WORDS = 3
# Numbers that stand for no answer where they lie farther from so many others than these from each other.
_OTHERS = 5
_NO_NUMBERS = (-1, -9, -99, -999, -9999, 99, 999, 9999, 99999, 999999)
# Rows from which on values tell by how often they repeat; of three rows, any number may have two.
ENOUGH = 10
# Why texts that are lists are no feature, and what to do.
HOLDS_LISTS = "holds lists written as text (write them as lists into a .parquet to cluster them)"
# What whole numbers are dates of: 20261031.
_FIRST_DAY, _LAST_DAY = 19000101, 21001231
Written = Amounts | Dates | Durations
_WRITTEN: dict[str, type[Written]] = {kind.kind: kind for kind in (Amounts, Dates, Durations)}
_HAS_DIGIT, _WHOLE_NUMBER = re.compile(r"\d"), re.compile(r"-?\d+")
ROLES = ("number", "amount", "date", "day-first date", "month-first date", "duration", "yes/no", "kind")
KINDS = ("yes/no", "kind", "ordered kind")


class CellsError(ValueError):
    """Cells of a column that cannot be read as its others are; without the name of the column."""


@dataclass(frozen=True)
class Reader:
    """How the cells of a column are read."""

    # "number", "amount", "date", "duration", "yes/no", "kind", "ordered kind", "constant", "name" or "text"; of
    # the last three no feature is made.
    role: str
    why: str  # what shows it
    written: Written | None = None  # how texts are written
    # Of kinds, in their order if they have one; the last is "(other)" where rare ones are together.
    levels: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()  # what stands for a missing value in this column alone: "never", "999"

    @classmethod
    def fit(cls, column: pa.ChunkedArray, role: str | None = None, decimal: str | None = None) -> tuple[Self, str]:
        """Find out what a column means, or how it can be read in this role; and what is to be told of it.

        A role may be the order of levels: "Free<Basic<Pro".

        Raises
        ------
        CellsError
            If it cannot be read so, or most cells can be and others not.
        """
        kind = column.type
        if role is not None and "<" in role:
            return cls._ordered_as(column, [level.strip() for level in role.split("<")]), ""
        if pa.types.is_null(kind) or column.null_count == len(column):
            return cls("constant", "is empty"), ""
        if role in ("kind", "yes/no"):
            return cls._of_levels(column, "as you say", may_be_ordered=False)
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            return cls._checked(cls("date", "dates", Dates(with_time=pa.types.is_timestamp(kind))), column), ""
        if pa.types.is_time(kind) or pa.types.is_duration(kind):
            return cls._checked(cls("duration", "times", Durations()), column), ""
        if pa.types.is_dictionary(kind):
            ordered = tuple(str(level) for level in categories(column)) if kind.ordered else None
            return cls._of_levels(column, "categories", order=ordered)
        if is_number(kind):
            return cls._of_numbers(column, role)
        return cls._of_texts(column, role, decimal)

    @classmethod
    def _of_numbers(cls, column: pa.ChunkedArray, role: str | None) -> tuple[Self, str]:
        if role not in (None, "number"):
            if role == "amount":
                return cls("amount", "as you say", Amounts(".")), ""
            raise CellsError(f"holds numbers, which can't be read as {role}; name number, amount or kind")
        if pa.types.is_boolean(column.type):
            return cls._of_levels(column, "true or false")
        n_distinct = pc.count_distinct(column).as_py()
        if n_distinct == 1 and not column.null_count:
            return cls("constant", "is the same in all rows"), ""
        if n_distinct == 2 and role is None and len(column) >= ENOUGH:
            return cls._of_levels(column, "two values")
        if role is None and pa.types.is_integer(column.type) and _are_days(column):
            return cls("date", "whole numbers such as 20261031", Dates()), ""
        if role is None:
            counted = pc.value_counts(column.drop_null())
            gaps, told = _no_numbers(floats_of(counted.field(0)), counted.field(1).to_numpy())
            return cls("number", "numbers", gaps=gaps), told
        return cls("number", "as you say"), ""

    @classmethod
    def _of_texts(cls, column: pa.ChunkedArray, role: str | None, decimal: str | None) -> tuple[Self, str]:
        of_words = counted(*encoded(column))
        counts = {word: n for word, n in of_words.items() if _says(word)}
        known = list(counts)
        if not known:
            return cls("constant", "holds nothing but gaps"), ""
        written, told = _written(known[:: max(1, len(known) // _TELLING)], role, decimal)
        if written is None:
            if role is not None:
                raise CellsError(f"holds {known[0][:40]!r}, which is no {role}")
            return cls._of_levels(column, "texts that repeat")
        values = _values_of(written, known)
        unread = {word: counts[word] for word, value in zip(known, values, strict=True) if np.isnan(value)}
        what = written.kind.removesuffix("s")
        if not _are_gaps(unread, counts, role):
            if len(known) <= _FEW_LEVELS and min(counts.values()) >= _REPEATS and role is None:
                reader, told = cls._of_levels(column, "texts that repeat")
                if reader.role == "kind" and not told:
                    told = (
                        f"holds numbers and other words, such as {next(iter(unread))[:40]!r}, and is read as "
                        f"{len(known)} kinds; empty these cells if they say nothing"
                    )
                return reader, told
            raise CellsError(
                f"holds {_shown(unread)}, which are no {what}s as its other cells are; empty or mend these cells, "
                "or give the column the role kind (--role COLUMN=kind)"
            )
        if len(known) == 1:
            return cls("constant", "is the same in all rows"), ""
        found = "number" if isinstance(written, Amounts) and written.is_plain else what
        gaps = tuple(unread)[:_TELLING]
        if unread:
            told = f"holds {_shown(unread)}, taken for missing, as its other cells are {found}s"
        if found == "number" and role is None:
            is_read = ~np.isnan(values)
            numbers, note = _no_numbers(values[is_read], np.array(list(counts.values()))[is_read])
            gaps, told = gaps + numbers, " and ".join(filter(None, (told, note)))
        nothing = next((word for word in of_words if word and word not in counts), None)
        if nothing and not told:
            told = f"holds {nothing!r}, which is taken for a missing value"
        example = next(word for word in known if word not in unread)
        return cls(found, f"as {example[:20]!r} is", written, gaps=gaps), told

    @classmethod
    def _of_levels(
        cls, column: pa.ChunkedArray, why: str, *, order: Sequence[str] | None = None, may_be_ordered: bool = True
    ) -> tuple[Self, str]:
        words, counts = _known_levels(column)
        words, counts, told = (words, counts, "") if order is not None else _joined(words, counts)
        n_rows = sum(counts)
        if len(words) < 2 and n_rows == len(column):
            return cls("constant", "is the same in all rows"), ""
        if n_rows >= ENOUGH and 2 * len(words) > n_rows:
            if is_text(column.type) and are_lists(words[:_TELLING]):
                return cls("name", HOLDS_LISTS), ""
            if np.median([len(word.split()) for word in words[:_TELLING]]) > 3:
                return cls("text", "holds texts"), ""
            what = "texts" if is_text(column.type) else "kinds"
            return cls("name", f"holds {len(words):,} different {what} in {n_rows:,} rows"), ""
        if order is None and may_be_ordered:
            order = in_order(words)
            why = "steps of a scale" if order else why
        if order is not None:
            levels = tuple(level for level in order if level in set(words))
            return cls("ordered kind", why, levels=levels), told
        fewest = fewest_rows(len(column))
        kept = [word for word, count in zip(words, counts, strict=True) if count >= fewest]
        if len(kept) >= len(words) - 1 and len(words) > 1:  # one rare level can keep its name
            kept = words
        role = "yes/no" if len(words) == 2 and is_yes_no(words) else "kind"
        if may_be_ordered:  # nobody has said that they are kinds
            told = " and ".join(filter(None, (told, _several_in_a_cell(words))))
        return cls(role, why, levels=(*kept, *([OTHER] if len(kept) < len(words) else []))), told

    @classmethod
    def _ordered_as(cls, column: pa.ChunkedArray, order: Sequence[str]) -> Self:
        words, _ = _known_levels(column)
        unknown = [word for word in words if word not in order]
        if unknown:
            raise CellsError(f"holds {unknown[0][:40]!r}, which is not in the order {'<'.join(order)}")
        return cls("ordered kind", "as you say", levels=tuple(order))

    @classmethod
    def _checked(cls, reader: Self, column: pa.ChunkedArray) -> Self:
        one = pc.count_distinct(column).as_py() == 1 and not column.null_count
        return cls("constant", "is the same in all rows") if one else reader

    @property
    def is_kind(self) -> bool:
        """Whether values are levels without an order, which count as equally far from each other."""
        return self.role in ("yes/no", "kind")

    def read(self, column: pa.ChunkedArray, told: Callable[[str], None] | None = None) -> NDArray[Any]:
        """Return the values of a column, as `torchdec.prepare._parsed.Parsed` has them.

        Levels that the fit did not see are "(other)", or missing where there is none, which is `told`.

        Raises
        ------
        CellsError
            If a cell cannot be read.
        """
        if self.role in KINDS:
            return self._codes(column, told)
        texts = is_text(column.type) or pa.types.is_dictionary(column.type)
        values = self._numbers_of_texts(column, told) if texts else self._numbers(column, told)
        if np.isinf(values).any():
            raise CellsError(f"holds an infinite value in row {int(np.isinf(values).argmax())}, counted from 0")
        return values

    def _numbers(self, column: pa.ChunkedArray, told: Callable[[str], None] | None) -> NDArray[np.float64]:
        kind = column.type
        if column.null_count == len(column):  # of any type, since nothing is there to tell it
            return np.full(len(column), np.nan)
        if isinstance(self.written, Dates) and pa.types.is_integer(kind):
            return self._numbers_of_texts(column.cast(pa.string()), told)
        if not _KIND_OF.get(type(self.written), is_number)(kind):
            raise CellsError(f"holds {kind}, and {self.role}s in the fit; give {self.role}s")
        values = floats_of(column)
        if numbers := [float(gap) for gap in self.gaps if _WHOLE_NUMBER.fullmatch(gap)]:
            values = np.where(np.isin(values, numbers), np.nan, values)
        self._tell_of_bare([f"{value:g}" for value in values[np.isfinite(values) & (values != 0)][:1]], told)
        return values

    def _numbers_of_texts(
        self, column: pa.ChunkedArray, told: Callable[[str], None] | None
    ) -> NDArray[np.float64]:
        words, codes = encoded(column)
        counts = {word: n for word, n in counted(words, codes).items() if _says(word) and word not in self.gaps}
        known = list(counts)
        values = _values_of(self.written or Amounts("."), known) if known else np.empty(0)
        unread = {word: counts[word] for word, value in zip(known, values, strict=True) if np.isnan(value)}
        if 2 * sum(unread.values()) > sum(counts.values()):
            order = f" ({self.written.order})" if isinstance(self.written, Dates) and self.written.order else ""
            raise CellsError(
                f"holds {_shown(unread)}, and {self.role}s{order} in the fit; empty or mend the cells"
            )
        if unread and told is not None:
            told(f"holds {_shown(unread)}, taken for missing, as its cells were {self.role}s in the fit")
        self._tell_of_bare(known, told)
        value_of = dict(zip(known, values.tolist(), strict=True))
        table = np.array([value_of.get(word, np.nan) for word in words] + [np.nan])
        return table[codes]

    def _tell_of_bare(self, words: Sequence[str], told: Callable[[str], None] | None) -> None:
        """Tell where numbers had a unit in the fit and none has one now: 0.05 may be 5%."""
        if told is not None and isinstance(self.written, Amounts) and (bare := self.written.bare(words)):
            shown = self.written.show(1).replace("1", bare)
            told(f"holds {bare!r} and no unit, which is taken for {shown!r} as in the fit")

    def _codes(self, column: pa.ChunkedArray, told: Callable[[str], None] | None) -> NDArray[np.int32]:
        words, codes = encoded(column)
        place = {level: number for number, level in enumerate(self.levels)}
        meant: Callable[[str], str] = side if self.role == "yes/no" else str.casefold
        bare = {meant(level): number for level, number in place.items()}
        other = place.get(OTHER, -1)
        found = [
            -1 if word.casefold() in _NO_LEVEL else place.get(word, bare.get(meant(word), other)) for word in words
        ]
        strange = [
            number < 0 and word.casefold() not in _NO_LEVEL for word, number in zip(words, found, strict=True)
        ]
        if told is not None and any(strange):
            n_rows = int(np.array([*strange, False])[codes].sum())
            told(
                f"holds {words[strange.index(True)][:40]!r}, which the rows of the fit did not have, in "
                f"{n_rows:,} of {len(column):,} rows; there it counts as missing"
            )
        return np.array([*found, -1], dtype=np.int32)[codes]

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` makes the same of."""
        written = None if self.written is None else {"kind": self.written.kind, **asdict(self.written)}
        lists = {"levels": list(self.levels), "gaps": list(self.gaps)}
        return {"role": self.role, "why": self.why, "written": written, **lists}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Make it of what `to_json` returned.

        Raises
        ------
        ValueError, TypeError, KeyError
            If the fields are others.
        """
        written = None
        if fields["written"] is not None:
            parts = dict(fields["written"])
            written = _WRITTEN[parts.pop("kind")](**parts)
        levels, gaps = (tuple(map(str, fields.get(name, ()))) for name in ("levels", "gaps"))
        return cls(str(fields["role"]), str(fields["why"]), written, levels, gaps)


def fewest_rows(n_rows: int) -> float:
    """Return how many rows a level needs not to be one with other rare ones."""
    return max(min(_FEWEST_ROWS, _FEWEST_OF_FEW * n_rows), _FEWEST_SHARE * n_rows)


# Of kinds, words such as "none" and "unknown" are levels.
_NO_LEVEL = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "?", "-", "--", "—", "."})


# The types of Arrow that a column may have, other than text, by how it was written in the fit.
_KIND_OF: dict[type, Callable[[pa.DataType], bool]] = {
    Dates: lambda kind: pa.types.is_date(kind) or pa.types.is_timestamp(kind),
    Durations: lambda kind: pa.types.is_time(kind) or pa.types.is_duration(kind),
}


def _several_in_a_cell(words: Sequence[str]) -> str:
    """Return what is to be told of texts such as 'bag; desk' and 'desk; pen': few values, many combinations."""
    for mark in (";", "|", ","):
        together = [word for word in words if mark in word]
        values = {value.strip() for word in together for value in word.split(mark)}
        if len(together) >= _COMBINATIONS and len(values) <= len(together):
            return (
                f"holds several values in some cells, such as {together[0][:40]!r}, and each combination is one "
                "kind; give each value a yes/no column of its own for it to count alone"
            )
    return ""


def _values_of(written: Written, words: Sequence[str]) -> NDArray[np.float64]:
    try:
        return written.read(words)
    except ValueError as error:
        raise CellsError(str(error)) from None


def _written(words: Sequence[str], role: str | None, decimal: str | None) -> tuple[Written | None, str]:
    """Find how texts are written, and what is to be told of it."""
    order: Any = role.removesuffix(" date").replace("-", " ") if role and role.endswith(" date") else None
    if role in (None, "date") or order:
        try:
            dates = Dates.fit(words, order)
        except ValueError as error:
            raise CellsError(str(error)) from None
        if dates is not None:
            return dates
    if role in (None, "duration"):
        durations = Durations.fit(words)
        if durations is not None:
            return durations, ""
    if role is None and _are_codes(words):
        return None, ""
    if role in (None, "number", "amount"):
        try:
            amounts = Amounts.fit(words, decimal)
            return (None, "") if amounts is None else amounts
        except ValueError as error:
            raise CellsError(str(error)) from None
    return None, ""


def _are_codes(words: Sequence[str]) -> bool:
    """Tell whether digits are codes, of which some begin with 0: many of them, or all as long."""
    digits = [word for word in words if word.isdecimal()]
    leading = sum(len(word) > 1 and word[0] == "0" for word in digits)
    return leading > FEW * len(words) or (leading > 0 and len(set(map(len, digits))) == 1)


def _are_gaps(unread: Mapping[str, int], counts: Mapping[str, int], role: str | None) -> bool:
    """Tell whether cells that cannot be read as the others are so few, or of so few words, that they are missing.

    Steps such as "3+" beside few numbers are none: they say how many.
    """
    if role is None and len(counts) <= _FEW_LEVELS and any(map(_HAS_DIGIT.search, unread)):
        return False
    n_rows, n_unread = sum(counts.values()), sum(unread.values())
    many_numbers = len(counts) - len(unread) > _FEW_LEVELS
    return n_unread <= FEW * n_rows or (many_numbers and len(unread) <= _FEW_WORDS and 2 * n_unread <= n_rows)


def _no_numbers(values: NDArray[np.float64], counts: NDArray[Any]) -> tuple[tuple[str, ...], str]:
    """Find numbers such as 999 that stand for no answer among different ones, and what is to be told of it."""
    if not np.isfinite(values).all() or (values % 1).any():
        return (), ""
    for number in _NO_NUMBERS:
        others = values[values != number]
        n_rows = int(counts[values == number].sum())
        if n_rows < 2 or len(others) < _OTHERS:
            continue
        if others.min() >= 0 if number < 0 else number - others.max() > np.ptp(others):
            return (str(number),), (
                f"holds {number} in {n_rows:,} rows, far from its other values, which is taken for a missing "
                "value; --role COLUMN=number keeps it"
            )
    return (), ""


def _joined(words: Sequence[str], counts: Sequence[int]) -> tuple[list[str], list[int], str]:
    """Join the spellings of a level under the most frequent one, and return what is to be told of it."""
    meant: Callable[[str], str] = side if is_yes_no(words) else str.casefold
    together: dict[str, list[tuple[int, str]]] = {}
    for word, count in zip(words, counts, strict=True):
        together.setdefault(meant(word), []).append((count, word))
    spelt = [max(several)[1] for several in together.values()]
    several = next((level for level in together.values() if len(level) > 1), None)
    told = f"holds {first_of([word for _, word in several])}, which are taken for one kind" if several else ""
    return spelt, [sum(count for count, _ in level) for level in together.values()], told


def _shown(unread: Mapping[str, int]) -> str:
    """Return how many cells these are, and the first of them."""
    n_cells = sum(unread.values())
    words = first_of([word[:40] for word in unread])
    return words if n_cells == len(unread) == 1 else f"{words} in {n_cells:,} cells"


def _are_days(column: pa.ChunkedArray) -> bool:
    """Tell whether whole numbers are all dates such as 20261031."""
    ends = pc.min_max(column).as_py()
    if ends["min"] < _FIRST_DAY or ends["max"] > _LAST_DAY:
        return False
    words = [str(number) for number in pc.unique(column).drop_null().to_pylist()]
    return not np.isnan(Dates().read(words)).any()


def _says(word: str) -> bool:
    """Tell whether a word stands for more than a missing value."""
    return plain(word).casefold() not in NOTHING


def _known_levels(column: pa.ChunkedArray) -> tuple[list[str], list[int]]:
    """Return the levels of a column, the first to come first, and how many rows have each."""
    kept = {word: n for word, n in counted(*encoded(column)).items() if word.casefold() not in _NO_LEVEL}
    return list(kept), list(kept.values())
