"""Columns of data frames, whatever library they are of: their values, or what they hold that is no number."""

import datetime as dt
import decimal
import numbers
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from torchdec.prepare._parsed import FEW
from torchdec.prepare._roles import NAMED, is_readable, is_vector, may_be_id_name
from torchdec.rows._protocol import RowsError
from torchdec.rows._vectors import plain, spread, stacked, unequal

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

# Types that stand for those of NumPy where only their kind matters.
_OF_NUMPY = {"b": pa.bool_(), "i": pa.int64(), "u": pa.uint64(), "f": pa.float64()}
# Rows that are looked at before a whole column is searched for whether it is an id.
_LOOKED_AT = 1000


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
    more = f"; and {len(columns) - NAMED:,} more columns don't hold numbers" if len(columns) > NAMED else ""
    return "; ".join(parts) + more


def _advice(kind: str, polars: bool) -> str:
    usual = _PANDAS.get(kind, _OTHERS)
    return _POLARS.get(kind, usual) if polars else usual


@dataclass(frozen=True)
class Column:
    """A column: its type, which may stand for one that Arrow does not have, and how its values are had.

    Values are an array of NumPy (2-D, where it holds lists) or of Arrow; `refused` says what they are if they are
    neither numbers nor lists of them.
    """

    name: Any
    type: pa.DataType
    values: Callable[[], Any]
    refused: Refused | None = None


def is_plain(dtype: Any) -> bool:
    """Tell whether a dtype is one of NumPy's of real numbers."""
    return isinstance(dtype, np.dtype) and dtype.kind in _OF_NUMPY


def of_pandas(name: Any, frame: Any, place: int, dtype: Any) -> Column:
    """Return a column of a data frame of pandas."""
    if is_plain(dtype):
        return Column(name, _OF_NUMPY[dtype.kind], lambda: frame.iloc[:, place].to_numpy())
    column = frame.iloc[:, place]
    if str(dtype).startswith("period"):
        column = column.dt.to_timestamp()
    elif str(dtype).startswith("interval"):
        return of_numpy(name, np.asarray(column.array.mid))
    elif hasattr(dtype, "categories") and str(dtype.categories.dtype).startswith(("interval", "period")):
        column = column.cat.rename_categories(str)
    if hasattr(dtype, "fill_value"):
        if is_plain(dtype.subtype):
            return Column(name, _OF_NUMPY[dtype.subtype.kind], lambda: column.sparse.to_dense().to_numpy())
        column = column.sparse.to_dense()
    if getattr(column.dtype, "kind", "") in ("O", "c") and isinstance(column.dtype, np.dtype):
        return of_numpy(name, column.to_numpy(), column.isna().to_numpy())
    return _of_chunks(name, _chunked(pa.array(column, from_pandas=True)))


def of_numpy(name: Any, values: NDArray[Any], missing: NDArray[np.bool_] | None = None) -> Column:
    """Return a column of NumPy's, of numbers or of objects."""
    if is_plain(values.dtype):
        return Column(name, _OF_NUMPY[values.dtype.kind], lambda: values)
    if missing is None:
        missing = np.array([value is None or _is_nan(value) for value in values], dtype=bool)
    there = values[~missing]
    kind = kind_of_values(there.tolist() if values.dtype == object else list(there))
    if kind == "numbers" and len(there) and all(isinstance(value, bool | np.bool_) for value in there):
        flags = [None if gone else bool(value) for value, gone in zip(values, missing, strict=True)]
        return _of_chunks(name, pa.chunked_array([pa.array(flags, pa.bool_())]))
    if kind == "numbers":
        numbers = np.full(len(values), np.nan)
        numbers[~missing] = [float(value) for value in there]
        return Column(name, pa.float64(), lambda: numbers)
    if kind == "lists" and np.asarray(plain(there[0])).dtype.kind in "biufO":
        return Column(name, pa.list_(pa.float64()), lambda: stacked(list(values), f"column {name!r} of X"))
    if kind in ("text", "text of numbers") or _are_mostly_alike(there):
        texts = [None if gone else str(value) for value, gone in zip(values, missing, strict=True)]
        return _of_chunks(name, pa.chunked_array([pa.array(texts, pa.string())]))
    if kind in ("dates", "times of day", "durations"):
        made = _times(values, missing)
        if made is not None:
            return _of_chunks(name, made)
    kind = "lists of other things than numbers" if kind == "lists" else kind
    return Column(name, pa.binary(), lambda: pa.chunked_array([[]]), Refused(name, kind))


def _are_mostly_alike(values: NDArray[Any]) -> bool:
    """Tell whether values are texts beside dates or times, or all but a few of them are of one kind."""
    counts = Counter(map(_kind_of_class, map(type, values)))
    is_known = counts.keys() <= {"text", "numbers", "dates", "times of day", "durations"}
    return len(counts) > 1 and is_known and ("text" in counts or max(counts.values()) >= (1 - FEW) * len(values))


def _times(values: NDArray[Any], missing: NDArray[np.bool_]) -> Any:
    """Return dates, times or durations as Arrow has them; None where it has none for them, as of year 20,000."""
    try:
        parts = [None if gone else value for value, gone in zip(values, missing, strict=True)]
        return pa.chunked_array([pa.array(parts)])
    except (pa.ArrowException, TypeError, OverflowError):
        return None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


def of_arrow(X: Any) -> Iterator[Column]:
    """Yield the columns of a table that hands out Arrow's."""
    try:
        table = pa.table(X) if not isinstance(X, pa.Array | pa.ChunkedArray) else pa.table({"X": X})
    except (pa.ArrowException, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RowsError(
            f"X is a {type(X).__name__} that Arrow can't convert ({reason}); cast its columns"
        ) from error
    for field, values in zip(table.schema, table.columns, strict=True):
        yield _of_chunks(field.name, values)


def _of_chunks(name: Any, values: Any) -> Column:
    values, refused = _without_views(values), None
    if not (is_readable(values.type) or is_vector(values.type)):
        refused = Refused(name, kind_of_type(values.type))
    return Column(name, values.type, lambda: values, refused)


def _without_views(values: Any) -> Any:
    """Return values as Arrow's functions take them, of which few know views, as polars hands out, and runs."""
    if pa.types.is_run_end_encoded(values.type):
        return pc.run_end_decode(values)
    if pa.types.is_string_view(values.type):
        return values.cast(pa.large_string())
    if pa.types.is_dictionary(values.type) and pa.types.is_string_view(values.type.value_type):
        kind = pa.dictionary(values.type.index_type, pa.large_string())
        parts = [(chunk.indices, chunk.dictionary.cast(pa.large_string())) for chunk in values.chunks]
        return pa.chunked_array([pa.DictionaryArray.from_arrays(*part) for part in parts], kind)
    return values


def _chunked(values: Any) -> Any:
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])


def searched(column: Column) -> Any:
    """Return the values that are searched for whether they are ids; none where the first of them tell already."""
    values = column.values()
    if not isinstance(values, np.ndarray):
        return values
    first = values[:_LOOKED_AT]
    with np.errstate(invalid="ignore"):  # of infinite values
        whole_numbers = bool((first % 1 == 0).all())
    counts = whole_numbers and bool(len(first)) and np.ptp(first.astype(np.float64)) < len(values)
    if len(np.unique(first)) < len(first) or not (counts or may_be_id_name(str(column.name))):
        return pa.chunked_array([[]])
    whole = values.astype(np.int64 if values.dtype.kind in "biu" else np.float64)
    return pa.chunked_array([pa.array(whole)])


def numbers_of(values: Any) -> NDArray[Any]:
    """Return numbers of Arrow as those of NumPy, null as NaN."""
    if isinstance(values, np.ndarray):
        return values
    if values.null_count or not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        whole = not values.null_count and pa.types.is_boolean(values.type)
        values = values if whole else values.cast(pa.float64(), safe=False)
    return np.asarray(values.to_numpy())


def vectors_of(column: Column) -> NDArray[Any]:
    """Return the rows that a column of lists holds; one that is missing is a row of NaN."""
    values = column.values()
    if isinstance(values, np.ndarray):
        return values
    lengths = np.asarray(pc.list_value_length(values).fill_null(-1).to_numpy(), dtype=np.int64)
    there = np.flatnonzero(lengths >= 0)
    other = there[lengths[there] != lengths[there[0]]] if len(there) else there
    if len(other):
        row, other_row = int(there[0]), int(other[0])
        raise unequal(f"column {column.name!r} of X", row, lengths[row], other_row, lengths[other_row])
    width = int(lengths[there[0]]) if len(there) else 0
    whole = numbers_of(pc.list_flatten(values)).reshape(len(there), width)
    return whole if len(there) == len(lengths) else spread(whole, there, len(lengths))
