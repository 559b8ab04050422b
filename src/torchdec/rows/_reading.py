"""How a file is read: what the caller said, and what was learnt from the rows of the fit."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from torchdec.prepare._cells import Cells
from torchdec.prepare._column_reader import ROLES as FEATURES
from torchdec.prepare._features import NO_FEATURES, Features
from torchdec.prepare._images import Images, Pictures
from torchdec.prepare._mixed import Mixed
from torchdec.prepare._roles import first_of
from torchdec.prepare._texts import Texts
from torchdec.rows._protocol import RowsError, tell

# What a column can be said to be; the order of its levels is another way to say it.
ROLES = (*FEATURES, *NO_FEATURES)
Prepared = Texts | Images | Pictures | Cells | Features | Mixed
_KINDS: dict[str, type[Prepared]] = {kind.kind: kind for kind in (Texts, Images, Pictures, Cells, Features, Mixed)}


@dataclass(frozen=True)
class Reading:
    """What the caller said of a file; the parameters of `read_rows`, which documents them."""

    text_column: str | None = None
    vector_column: str | None = None
    image_column: str | None = None
    layer: str | None = None
    use: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    header: bool | None = None
    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None

    def over(self, earlier: Self) -> Self:
        """Return what was said earlier, but for what is said now."""
        return replace(earlier, **{name: value for name, value in vars(self).items() if value not in (None, ())})

    @property
    def roles_of_columns(self) -> dict[str, str]:
        """The role of each column of which the caller said it; each is kept as "column=role"."""
        return dict(role.split("=", 1) if role.count("=") < 2 else role.rsplit("=", 1) for role in self.roles)


def roles_said(roles: Mapping[str, str]) -> tuple[str, ...]:
    """Return the roles of columns as a `Reading` keeps them.

    Raises
    ------
    RowsError
        If one is unknown.
    """
    for column, role in roles.items():
        if role not in ROLES and "<" not in role:
            raise RowsError(
                f"role {role!r} of column {column!r} is unknown; it is {', '.join(ROLES)}, or the order of its "
                "levels as 'low<medium<high'"
            )
    return tuple(f"{column}={role}" for column, role in roles.items())


def delimiter_of(said: str | None) -> str | None:
    """Return the mark between columns that a caller means; a tab and a blank can also be given by name."""
    mark = {"\\t": "\t", "tab": "\t", "blank": " ", "space": " "}.get(said or "", said)
    if mark is not None and (len(mark) != 1 or mark in '"\r\n'):
        raise RowsError(f"delimiter={said!r}: give the character between the columns, such as ';' or tab")
    return mark


@dataclass(frozen=True)
class Preparation:
    """How rows were made of a file: a model keeps it, and `read_rows` does the same with others.

    Attributes
    ----------
    reading : Reading
        What the caller said of the file of the fit; holds for later files too.
    prepared : Texts, Images, Pictures, Cells, Features, Mixed or None
        What was learnt from the rows of the fit; None where a file holds the rows as they are.
    """

    reading: Reading = field(default_factory=Reading)
    prepared: Prepared | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` makes the same of."""
        learnt = {} if self.prepared is None else {"kind": self.prepared.kind, **self.prepared.to_json()}
        said = {name: value for name, value in asdict(self.reading).items() if value not in (None, ())}
        return {"reading": said, **learnt}

    @classmethod
    def from_json(cls, fields: dict[str, Any], width: int) -> Self:
        """Make it of what `to_json` returned, for rows of so many features.

        Raises
        ------
        ValueError
            If the fields are others, or of rows of another width.
        """
        learnt = dict(fields)
        said: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in learnt.pop("reading").items()
        }
        reading = Reading(**said)
        if not learnt:
            return cls(reading)
        prepared = _KINDS[learnt.pop("kind")].from_json(learnt)
        if prepared.width != width:
            raise ValueError(f"they make {prepared.width} features")
        return cls(reading, prepared)


def check_prepared(rows: Any, fitted: Prepared | None, name: str) -> None:
    """Check that rows were prepared as those of the fit; tell where columns without names are taken by place.

    Raises
    ------
    RowsError
        If they were prepared by themselves, or are numbers where the fit read each column by what it holds.
    """
    given = getattr(rows, "preparation", Preparation()).prepared
    if isinstance(given, Mixed | Texts | Cells) and not isinstance(fitted, Mixed | Texts | Cells):
        raise RowsError(
            f"{name} holds gaps, kinds, texts or cells, but the model was fitted on numbers; give numbers like "
            "those"
        )
    if given != fitted and isinstance(given, Mixed | Texts | Cells | Images) and isinstance(fitted, type(given)):
        raise RowsError(
            f"{name} was prepared by itself, with means, levels or words other than those of the fit; give the "
            "table or texts themselves, or read_rows(path, preparation=model.preparation_)"
        )
    if given is None and isinstance(fitted, Mixed):
        raise RowsError(
            f"{name} has no column names, but the model was fitted on a table of columns of several kinds or "
            f"with gaps; give a table with the columns {first_of(fitted.features.features)}"
        )
    if given is None and isinstance(fitted, Features | Texts | Cells | Images) and fitted.width == rows.shape[1]:
        if not isinstance(fitted, Features):
            tell(f"{name} holds numbers, which are taken for those that the fit made of its {fitted.kind}")
        elif fitted.named and fitted.length is None:
            names = first_of(fitted.features)
            tell(f"{name} has no column names, so its columns are matched by position to {names}")
