"""What a column of a data frame holds, and what to do where it cannot be read."""

import datetime as dt
import decimal
import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from torchdec.prepare._roles import NAMED

# What a message advises for each kind, in pandas and, where that differs, in polars. {0!r} is the first column of
# the kind, {1} the list of them.
_PANDAS = {
    "periods": "give a column of them: X[{0!r}] = pandas.PeriodIndex(X[{0!r}])",
    "bytes": "drop it: X.drop(columns={1})",
    "structs": "give a column for each field: pandas.json_normalize(X[{0!r}])",
    "complex numbers": "give their real and imaginary parts as columns of their own",
    "views of lists": "give lists in their place: pyarrow.array(X[{0!r}].to_pylist())",
    "lists of other things than numbers": "give a list of as many numbers in each row, or drop it",
}
_POLARS = {
    "bytes": "drop it: X.drop({1})",
    "structs": "give a column for each field: X.unnest({0!r})",
}
_OTHERS = "give numbers in its place, or drop it"

# Kinds of single values, in the order in which they are looked for: NumPy's timedelta64 is an integer too.
_OF_VALUES: tuple[tuple[Any, str], ...] = (
    (str, "text"),
    ((bytes, bytearray, memoryview), "bytes"),
    ((dt.date, np.datetime64), "dates"),
    (dt.time, "times of day"),
    ((dt.timedelta, np.timedelta64), "durations"),
    ((numbers.Real, decimal.Decimal, np.bool_), "numbers"),
    ((complex, np.complexfloating), "complex numbers"),
    ((list, tuple, np.ndarray), "lists"),
    (dict, "structs"),
)
_OF_TYPES = (
    (pa.types.is_interval, "durations"),
    (pa.types.is_struct, "structs"),
    (pa.types.is_map, "structs"),
    (pa.types.is_list_view, "views of lists"),
    (pa.types.is_large_list_view, "views of lists"),
    (pa.types.is_nested, "lists of other things than numbers"),
    (pa.types.is_binary, "bytes"),
    (pa.types.is_large_binary, "bytes"),
    (pa.types.is_binary_view, "bytes"),
    (pa.types.is_fixed_size_binary, "bytes"),
)
_OF_EXTENSIONS = {"pandas.period": "periods", "pandas.interval": "intervals"}


class Refused(NamedTuple):
    """A column that cannot be read: its name, and the kind of what it holds."""

    name: Any
    kind: str


def kind_of_values(values: Sequence[Any]) -> str:
    """Return what values hold, none of which is missing: "numbers", "lists", or a kind that is refused."""
    kinds = {_kind_of_class(kind) for kind in set(map(type, values))}
    if len(kinds) == 1:
        return kinds.pop()
    if kinds == {"numbers", "text"}:
        return "text of numbers"
    return f"a mixture of {' and '.join(sorted(kinds))}" if kinds else "numbers"


def _kind_of_class(kind: type) -> str:
    for classes, name in _OF_VALUES:
        if issubclass(kind, classes):
            return name
    if any(base.__module__ == "torch" and base.__name__ == "Tensor" for base in kind.__mro__):
        return "lists"
    return {"Period": "periods", "Interval": "intervals"}.get(kind.__name__, f"objects of type {kind.__name__}")


def kind_of_type(kind: pa.DataType) -> str:
    """Return what a column of an Arrow type holds that cannot be read."""
    if pa.types.is_dictionary(kind):
        return f"categories that are {kind_of_type(kind.value_type)}"
    if isinstance(kind, pa.BaseExtensionType):
        return _OF_EXTENSIONS.get(kind.extension_name, f"values of type {kind.extension_name}")
    return next((name for test, name in _OF_TYPES if test(kind)), f"values of type {kind}")


def refusal(columns: Sequence[Refused], *, polars: bool) -> str:
    """Return one line that names columns, what they hold, and what to do."""
    groups: dict[str, list[Refused]] = {}
    for column in columns[:NAMED]:
        groups.setdefault(column.kind, []).append(column)
    parts = []
    for kind, group in groups.items():
        names = [column.name for column in group]
        who = (
            f"columns {', '.join(map(repr, names))} of X hold"
            if len(names) > 1
            else f"column {names[0]!r} of X holds"
        )
        parts.append(f"{who} {kind}; {_advice(kind, polars).format(names[0], names)}")
    more = f"; and {len(columns) - NAMED:,} more columns hold no numbers" if len(columns) > NAMED else ""
    return "; ".join(parts) + more


def _advice(kind: str, polars: bool) -> str:
    usual = _PANDAS.get(kind, _OTHERS)
    return _POLARS.get(kind, usual) if polars else usual
