"""What each column of a table is taken for, and what is done with it, to be looked at."""

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from torchdec.prepare._coding import Levels
from torchdec.prepare._features import Features
from torchdec.prepare._mixed import Column, Mixed, Values, is_missing

# Characters of an example.
_LONGEST = 30


class Overview(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    column, role : str
        Its name; "number", "skewed number", "amount", "date", "duration", "yes/no", "kind", "ordered kind", or of
        columns that are no features "id", "label", "text", "name", "constant", "ignored" or "other".
    why : str
        What shows it.
    missing : float
        Share of the rows.
    example : str
        The first value that is not missing, as it stands in the table.
    done : str
        What becomes of it.
    """

    column: str
    role: str
    why: str
    missing: float
    example: str
    done: str


def overview(prepared: Features | Mixed, values: Values, names: Sequence[str]) -> list[Overview]:
    """Return a line for each column of a table, in their order.

    Parameters
    ----------
    prepared : Features or Mixed
        How its rows are made.
    values : callable
        Gives the column of a name.
    names : sequence of str
        Of its columns.
    """
    features = prepared.features if isinstance(prepared, Mixed) else prepared
    of_role = {column.name: column for column in prepared.columns} if isinstance(prepared, Mixed) else {}
    out = {column.name: column for column in features.left_out}
    lines = []
    for name in names:
        missing, example = _missing_and_example(values(name))
        if name in of_role:
            column = of_role[name]
            missing = float(is_missing(column.read(values)).mean())
            role, why, done = column.parsed_role, column.reader.why, _done(column)
        elif name in out:
            role, why, done = out[name].role, out[name].why.rstrip(","), "left out"
        elif name in features.features:
            role, why, done = "number", "all features are numbers, and none is missing", "taken as it stands"
        else:
            role, why, done = "other", "the fit did not see it", "left out"
        lines.append(Overview(name, role, why, missing, example, done))
    return lines


def _done(column: Column) -> str:
    coding = column.coding
    if isinstance(coding, Levels):
        return f"{coding.width} levels"
    steps = [f"{len(column.reader.levels)} levels in order"] if column.reader.role == "ordered kind" else []
    steps += ["log"] if coding.is_skewed else []
    steps.append("standardised")
    if coding.gaps is not None:
        steps.append("gaps told")
    return ", ".join(steps)


def _missing_and_example(column: pa.ChunkedArray) -> tuple[float, str]:
    gone = pc.is_null(column, nan_is_null=True)
    n_missing = pc.sum(gone).as_py() or 0
    if n_missing == len(column):
        return 1.0 if len(column) else 0.0, ""
    value = column[pc.index(gone, False).as_py()].as_py()
    text = value if isinstance(value, str) else f"{value:.6g}" if isinstance(value, float) else str(value)
    return n_missing / len(column), text[:_LONGEST]
