"""Tables of numbers, kinds, dates and gaps: each column is read by its role, and counts once in the distances."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from torchdec.prepare._arrow import rounded
from torchdec.prepare._coding import Coding, Levels, Numbers, coding_from_json, coding_to_json
from torchdec.prepare._column_reader import OTHER, CellsError, Reader
from torchdec.prepare._features import HOLDS_TEXTS, ColumnsError, Features
from torchdec.prepare._parsed import Parsed, show_number
from torchdec.prepare._roles import LeftOut, is_code_name, is_whole

# What is told of a column without any value.
IS_EMPTY = "is empty in all rows, and had values in the fit"
# Gives the values of the column of a name.
Values = Callable[[str], pa.ChunkedArray]


@dataclass(frozen=True)
class Column:
    """A feature: how its cells are read, and what the matrix has of it."""

    name: str
    reader: Reader
    coding: Coding

    def read(self, values: Values, told: Callable[[str], None] | None = None) -> NDArray[Any]:
        """Return the values of the column in another table; `told` gets what is to be said of them.

        Raises
        ------
        ColumnsError
            If a cell cannot be read as those of the fit were.
        """
        try:
            of_column = None if told is None else lambda what: told(f"column {self.name!r} {what}")
            return self.reader.read(without_nan(values(self.name)), of_column)
        except CellsError as error:
            raise ColumnsError(f"column {self.name!r} {error}", [self.name]) from None

    def coded(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return what the matrix has of values that were read."""
        if isinstance(self.coding, Levels):
            return self.coding.transform(values)
        return self.coding.transform(_numbers(values))

    @property
    def names(self) -> list[str]:
        """The names of its columns of the matrix."""
        return self.coding.names(self.name, self.reader.levels)

    @property
    def parsed_role(self) -> str:
        """Its role, which of numbers says whether they are skewed."""
        skewed = isinstance(self.coding, Numbers) and self.coding.is_skewed
        return "skewed number" if skewed and self.reader.role == "number" else self.reader.role

    @property
    def show(self) -> Callable[[float], str]:
        """Writes a number as the table does."""
        return show_number if self.reader.written is None else self.reader.written.show

    def parsed(self, values: NDArray[Any]) -> Parsed:
        """Return values that were read, to be told in words."""
        has_season = isinstance(self.coding, Numbers) and self.coding.season is not None
        return Parsed(self.name, self.parsed_role, values, self.reader.levels, self.show, has_season)


@dataclass(frozen=True)
class Mixed:
    """How rows are made of a table whose columns are not all numbers, or have gaps."""

    kind: ClassVar = "mixed"
    features: Features  # which columns they are
    columns: tuple[Column, ...]  # how each of them is read and coded
    # What is to be said of how columns were read.
    told: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    @classmethod
    def fit(
        cls, features: Features, values: Values, roles: Mapping[str, str] | None = None, decimal: str | None = None
    ) -> Self:
        """Learn what each column means, where `roles` do not say it, and its transform, levels and shares.

        `values` gives the column of a name; `decimal` is the mark of numbers in texts, where that is known.

        Raises
        ------
        ColumnsError
            If the cells of a column cannot be read, or no column tells rows apart.
        """
        columns, left_out, told = [], [], []
        for name in features.features:
            column = without_nan(values(name))
            try:
                role = (roles or {}).get(name) or ("kind" if is_code_name(name) else None)
                reader, note = Reader.fit(column, role, decimal)
                read = None if reader.role in ("constant", "name", "text") else reader.read(column)
            except CellsError as error:
                raise ColumnsError(f"column {name!r} {error}", [name]) from None
            if note:
                told.append(f"column {name!r} {note}")
            if is_whole(column.type) and (note := rounded(column.drop_null().to_numpy())):
                told.append(f"column {name!r} {note}")
            coding = None if read is None else _coding(reader, read)
            if coding is None:
                left_out.append(LeftOut(name, _why(reader), reader.role, is_number=False))
            else:
                columns.append(Column(name, reader, coding))
        kept = tuple(column.name for column in columns)
        if not kept:
            raise ColumnsError(
                f"no column tells rows apart: {', '.join(f'{c.name!r} {c.why}' for c in left_out[:5])}",
                [column.name for column in left_out],
            )
        features = dataclasses.replace(features, features=kept, left_out=(*features.left_out, *left_out))
        return cls(features, tuple(columns), tuple(told))

    @property
    def width(self) -> int:
        """Number of columns of the matrix."""
        return sum(column.coding.width for column in self.columns)

    @property
    def names(self) -> list[str]:
        """The names of the columns of the matrix."""
        return [name for column in self.columns for name in column.names]

    @property
    def kinds(self) -> tuple[tuple[int, int], ...]:
        """The spans of columns of the matrix that are the levels of one kind, as (start, stop)."""
        spans, start = [], 0
        for column in self.columns:
            spans += [(start + first, start + stop) for first, stop in column.coding.kinds]
            start += column.coding.width
        return tuple(spans)

    def transform(self, values: Values, told: Callable[[str], None] | None = None) -> NDArray[np.float32]:
        """Return a row of the matrix for each row of a table, of NaN where no column has a value.

        What is to be said of levels that the fit did not have is `told`.

        Raises
        ------
        ColumnsError
            If cells cannot be read as those of the fit were.
        """
        blocks, nothing = [], None
        for column in self.columns:
            notes: list[str] = []
            read = column.read(values, None if told is None else notes.append)
            missing = is_missing(read)
            if told is not None:
                if not notes and len(missing) > 1 and missing.all():
                    notes = [f"column {column.name!r} {IS_EMPTY}"]
                for note in notes:
                    told(note)
            nothing = missing if nothing is None else nothing & missing
            blocks.append(column.coded(read))
        matrix = np.hstack(blocks)
        matrix[nothing] = np.nan
        return matrix

    def in_units(self, means: NDArray[np.float64]) -> list[tuple[float, str]]:
        """Return what means of the columns of the matrix are in the table: numbers or shares, and as written."""
        told, start = [], 0
        for column in self.columns:
            values = column.coding.in_units(means[start : start + column.coding.width]).tolist()
            told += [(value, _in_words(column, i, value)) for i, value in enumerate(values)]
            start += column.coding.width
        return told

    def parsed(self, values: Values) -> list[Parsed]:
        """Return the columns of a table as they are understood."""
        return [column.parsed(column.read(values)) for column in self.columns]

    def notes(self) -> list[str]:
        """Return what is to be told of the columns, a line each."""
        return [*self.features.notes(), *self.told]

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` makes the same of."""
        columns = [
            {"name": column.name, "reader": column.reader.to_json(), "coding": coding_to_json(column.coding)}
            for column in self.columns
        ]
        return {"features": self.features.to_json(), "columns": columns}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Make it of what `to_json` returned.

        Raises
        ------
        ValueError
            If the fields are others, or do not fit together.
        """
        try:
            columns = tuple(
                Column(column["name"], Reader.from_json(column["reader"]), coding_from_json(column["coding"]))
                for column in fields["columns"]
            )
            made = cls(Features.from_json(fields["features"]), columns)
            named = made.names
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"its columns do not fit together ({error})") from None
        if len(named) != made.width or made.features.features != tuple(column.name for column in columns):
            raise ValueError("its columns do not fit together")
        return made


def without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column in which what is missing is null."""
    if not pa.types.is_floating(column.type) or pa.types.is_float16(column.type):
        return column.cast(pa.float32()) if pa.types.is_float16(column.type) else column
    return pc.if_else(pc.is_nan(column), None, column) if pc.any(pc.is_nan(column)).as_py() else column


def is_missing(read: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which of the values that were read are missing."""
    missing: NDArray[np.bool_] = np.isnan(read) if read.dtype.kind == "f" else read < 0
    return missing


def _coding(reader: Reader, read: NDArray[Any]) -> Coding | None:
    if reader.is_kind:
        return Levels.fit(read, len(reader.levels))
    return Numbers.fit(_numbers(read), reader.role)


def _numbers(read: NDArray[Any]) -> NDArray[np.float64]:
    """Return values as numbers: of levels in an order, their places in it."""
    if read.dtype.kind == "f":
        return read
    return np.where(read < 0, np.nan, read.astype(np.float64))


def _in_words(column: Column, place: int, value: float) -> str:
    """Write what the mean of one of its columns of the matrix is."""
    if any(start <= place < stop for start, stop in column.coding.kinds):
        return f"{value:.1%}"
    return f"{value:.2f}" if place else column.show(value)


def _why(reader: Reader) -> str:
    if reader.role == "text":
        return HOLDS_TEXTS
    if reader.levels == (OTHER,):
        return "holds kinds that are each in too few rows"
    return reader.why if reader.role in ("constant", "name") else "is the same in nearly all rows that have it"
