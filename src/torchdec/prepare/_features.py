"""Which columns of a table are features: known classes, and what only names the rows, are left out."""

import dataclasses
import difflib
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pyarrow as pa

from torchdec.prepare._roles import NAMED, LeftOut, Sorter, first_of, is_id_name, is_number, is_readable, is_vector

# Why a column of texts is left out of a table.
HOLDS_TEXTS = "holds texts"
# Roles of columns that are no features.
NO_FEATURES = {"id": "an id", "label": "a label", "text": "text"}


def id_columns(table: pa.Table) -> list[str]:
    """Return the columns of a table that name its rows."""
    sorter = Sorter(table.schema, table.column, lambda _: True, True, ())
    found = ((column.name, sorter.left_out(column)) for column in table.schema)
    return [name for name, what in found if what is not None and what.role == "id"]


class ColumnsError(ValueError):
    """Columns that can be no features; `columns` has their names."""

    def __init__(self, message: str, columns: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.columns = tuple(columns)


@dataclass(frozen=True)
class Features:
    """The columns of a table that are features, and those that are left out."""

    kind: ClassVar = "columns"
    features: tuple[str, ...]  # in their order; or the one column of lists whose values are the features
    left_out: tuple[LeftOut, ...]  # each with its name, why it is left out, and its role
    names: tuple[str, ...]  # all columns in their order
    named: bool = True  # whether the table had names of its own; else they are the places "0", "1",
    # Numbers in each list where the feature is a column of lists; the reader, who sees them, sets it.
    length: int | None = None
    # What to tell of features that were taken although their names or values leave a doubt.
    kept: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    @classmethod
    def of(
        cls,
        schema: pa.Schema,
        values: Callable[[str], Any],
        may_count: Callable[[str], bool] = lambda _: True,
        use: Collection[str] = (),
        ignore: Collection[str] = (),
        *,
        roles: Mapping[str, str] | None = None,
        named: bool = True,
        row_names: Collection[str] = (),
    ) -> Self:
        """Decide by names and types which columns are features, and by values only where those do not tell.

        `values` gives the column of a name, of texts as many as tell whether they repeat; `may_count` tells
        whether a column of numbers may count the rows, and has to be looked at. Columns of `use` are features and
        those of `ignore` none, whatever they look like; of `roles`, "id", "label" and "text" are left out. `named`
        tells whether the names are the table's own; `row_names` are known to name the rows, such as an index that
        pandas stored.

        Raises
        ------
        ColumnsError
            A ValueError, if a name is unknown or there twice, a column holds neither numbers nor what can be left
            out, or none remains.
        """
        roles = roles or {}
        _refuse_names(schema.names, use, ignore, roles)
        use = {*use, *(name for name, role in roles.items() if role not in NO_FEATURES)}
        sorter = Sorter(schema, values, may_count, named, row_names)
        vector = _vector(schema, use, ignore)
        features, left_out, refused = [], [], []
        for column in schema:
            name, number = column.name, is_number(column.type)
            what = None if name in use or name in ignore else sorter.left_out(column)
            if name in ignore:
                left_out.append(LeftOut(name, "is ignored", "ignored", number))
            elif roles.get(name) in NO_FEATURES:
                left_out.append(LeftOut(name, f"is {NO_FEATURES[roles[name]]}", roles[name], number))
            elif name == vector or (vector is None and what is None and is_readable(column.type)):
                features.append(name)
            elif vector is not None:  # lists are all of a row, so nothing beside them can be used
                what = what or LeftOut(name, f"stands beside the lists of {vector!r}", "other", number)
                left_out.append(what._replace(is_number=False))
            elif what is not None:
                left_out.append(what)
            else:
                refused.append(name)
        if vector is None:
            features, left_out = sorter.ranks_stay(features, left_out)
        if refused:
            raise ColumnsError(_refusal(refused, len(schema.names)), refused)
        if not features and len(schema.names):
            raise ColumnsError(_nothing(left_out), schema.names)
        return cls(
            tuple(features),
            tuple(left_out),
            tuple(schema.names),
            named,
            kept=tuple(sorter.kept) if vector is None else (),
        )

    @property
    def ids(self) -> tuple[str, ...]:
        """The columns that name the rows."""
        return tuple(column.name for column in self.left_out if column.role == "id")

    @property
    def width(self) -> int:
        """Number of features."""
        return len(self.features) if self.length is None else self.length

    def notes(self) -> list[str]:
        """Return what is to be told of the columns, a line each."""
        groups: dict[tuple[str, bool], list[str]] = {}
        for column in self.left_out:
            if column.role != "ignored":
                groups.setdefault((column.why, column.is_number), []).append(column.name)
        lines = list(self.kept)
        for (why, can_be_used), names in groups.items():
            if len(names) <= NAMED and can_be_used:
                lines += [
                    f"column {name!r} {why} and is left out; --use {shlex.quote(name)} takes it as a feature"
                    for name in names
                ]
            elif len(names) == 1:
                remedy = f"; --text-column {shlex.quote(names[0])} clusters these" if why == HOLDS_TEXTS else ""
                lines.append(f"column {names[0]!r} {why} and is left out{remedy}")
            else:
                remedy = "; --use COLUMN takes one as a feature" if can_be_used else ""
                each = re.sub(r"^(\w+)", lambda verb: f"each {verb[1]}", why)
                lines.append(f"columns {first_of(names)}: {each} and is left out{remedy}")
        return lines

    def places(self, names: Sequence[str], *, named: bool = True) -> list[int]:
        """Return where the features are among the columns of another table: by name, or by place without names.

        Raises
        ------
        ColumnsError
            If some are not there.
        """
        if self.named and named:
            _refuse_names(names)
            place = {name: number for number, name in enumerate(names)}
            missing = [name for name in self.features if name not in place]
            if missing:
                raise ColumnsError(f"lacks {_lacking(missing, names)}", missing)
            return [place[name] for name in self.features]
        if len(names) == len(self.names):
            place = {name: number for number, name in enumerate(self.names)}
            return [place[name] for name in self.features]
        if len(names) == len(self.features):
            return list(range(len(names)))
        raise ColumnsError(
            f"has {len(names)} columns, but the file of the fit has {len(self.names)}; without names in both, "
            "columns are matched by position"
        )

    def unknown(self, names: Sequence[str]) -> list[str]:
        """Return the columns of another table that the fit did not see."""
        known = set(self.names)
        return [name for name in names if name not in known] if self.named else []

    def ids_among(self, names: Sequence[str]) -> list[str]:
        """Return the columns of another table that name its rows: those of the fit, or new ones named like ids."""
        ids, known = set(self.ids), set(self.names)
        return [name for name in names if name in ids or (name not in known and is_id_name(name))]

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` makes the same of."""
        return {
            "features": list(self.features),
            "left_out": [list(column) for column in self.left_out],
            "names": list(self.names),
            "named": self.named,
            "length": self.length,
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Make it of what `to_json` returned.

        Raises
        ------
        ValueError
            If the fields are others, or do not fit together.
        """
        match fields:
            case {
                "features": [*features],
                "left_out": [*left_out],
                "names": [*names],
                "named": bool(named),
                "length": None | int() as length,
            } if all(isinstance(name, str) for name in (*features, *names)):
                columns = [LeftOut(*column) for column in left_out if _is_left_out(column)]
                together = {*features, *(column.name for column in columns)}
                if len(columns) == len(left_out) and features and together == set(names):
                    return cls(tuple(features), tuple(columns), tuple(names), named, length)
        raise ValueError("its columns do not fit together")


def _vector(schema: pa.Schema, use: Collection[str], ignore: Collection[str]) -> str | None:
    """Return the column of lists that is the rows, if there is one."""
    vectors = [column.name for column in schema if is_vector(column.type) and column.name not in ignore]
    chosen = [name for name in vectors if name in use]
    if len(vectors) > 1 and len(chosen) != 1:
        raise ColumnsError(
            f"columns {first_of(vectors)} hold lists of numbers; name the one that is the rows with --use COLUMN",
            vectors,
        )
    others = [column.name for column in schema if column.name in use and column.name not in vectors]
    if vectors and others:
        raise ColumnsError(
            f"column {vectors[0]!r} holds lists of numbers, which are the rows, so column {others[0]!r} cannot be "
            f"used too; --ignore {shlex.quote(vectors[0])} takes the other columns instead",
            others,
        )
    found = chosen or vectors
    return str(found[0]) if found else None


def _refuse_names(
    names: Sequence[str], use: Collection[str] = (), ignore: Collection[str] = (), roles: Collection[str] = ()
) -> None:
    if len(set(names)) < len(names):
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ColumnsError(f"has two columns {twice!r}; rename one of them", [twice])
    for option, wanted in (("use", use), ("ignore", ignore), ("role", roles)):
        unknown = [name for name in wanted if name not in set(names)]
        if unknown:
            raise ColumnsError(f"has no {_lacking(unknown, names)} (--{option} names it)", unknown)
    both = sorted(set(use) & set(ignore))
    if both:
        raise ColumnsError(f"column {both[0]!r} is in both --use and --ignore; leave it out of one", both)


def _lacking(missing: Sequence[str], names: Sequence[str]) -> str:
    """Name columns that are not there, with what is there in place of them."""
    close = [name for lost in missing[:NAMED] for name in difflib.get_close_matches(lost, names, 1, 0.7)]
    has = f"the close {first_of(list(dict.fromkeys(close)))}" if close else first_of(names)
    return f"column{'s' if len(missing) > 1 else ''} {first_of(missing)}; it has {has}"


def _refusal(refused: Sequence[str], n_columns: int) -> str:
    return (
        f"{len(refused)} of {n_columns} columns hold something that cannot be read, such as bytes or structs: "
        f"{first_of(refused)}; leave them out with --ignore COLUMN"
    )


def _nothing(left_out: Iterable[LeftOut]) -> str:
    whys = [f"column {column.name!r} {column.why.rstrip(',')}" for column in left_out]
    more = f" and {len(whys) - NAMED} more" if len(whys) > NAMED else ""
    return f"no column is left as a feature: {', '.join(whys[:NAMED])}{more}; --use COLUMN takes one"


def _is_left_out(column: Any) -> bool:
    return (
        isinstance(column, list)
        and len(column) == len(LeftOut._fields)
        and all(isinstance(part, str) for part in column[:3])
        and isinstance(column[3], bool)
    )
