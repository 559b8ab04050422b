"""Data frames of any library as rows: what each column holds decides whether it can be a feature."""

import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchdec.prepare._arrow import rounded
from torchdec.prepare._columns import Overview, overview
from torchdec.prepare._features import ColumnsError, Features
from torchdec.prepare._mixed import Mixed
from torchdec.prepare._roles import is_number, is_vector
from torchdec.rows._columns import tell_unknown
from torchdec.rows._convert import dense_rows, sparse_rows
from torchdec.rows._frame_columns import (
    Column,
    is_plain,
    numbers_of,
    of_arrow,
    of_numpy,
    of_pandas,
    refusal,
    searched,
    vectors_of,
)
from torchdec.rows._mixed import MixedRows, naming_cells, needs_roles
from torchdec.rows._protocol import Rows, RowsError, tell
from torchdec.rows._reading import Preparation, Reading, roles_said


def is_frame(X: Any) -> bool:
    """Tell whether X is a data frame or a column of one: of pandas, polars, pyarrow, DuckDB and others.

    Raises
    ------
    RowsError
        If its rows are still to be computed.
    """
    kind = type(X)
    if hasattr(kind, "collect") or (hasattr(kind, "npartitions") and hasattr(kind, "columns")):
        call = next(name for name in ("toPandas", "collect", "compute") if hasattr(kind, name))
        raise RowsError(f"X is a {kind.__name__}, whose rows aren't computed yet; give X.{call}()")
    if hasattr(X, "__arrow_c_stream__") or hasattr(X, "__arrow_c_array__") or hasattr(X, "to_frame"):
        return True
    return hasattr(X, "columns") and hasattr(X, "to_numpy")


def frame_rows(
    X: Any, use: Collection[str] = (), ignore: Collection[str] = (), roles: Mapping[str, str] | None = None
) -> Rows:
    """Return the rows of a data frame, without the columns that look like labels and ids; see `as_rows`."""
    frame = Frame(X)
    return frame.rows_of(frame.fit(use, ignore, roles))


class Frame:
    """A data frame, or a column of one; it is named where all names of columns are strings."""

    def __init__(self, X: Any) -> None:
        given, X = X, X.to_frame() if hasattr(X, "to_frame") else X
        self._frame, self._is_pandas = X, hasattr(X, "iloc") and hasattr(X, "dtypes")
        self._is_polars = type(X).__module__.partition(".")[0] == "polars"
        if self._is_pandas:
            self._dtypes, names = X.dtypes.tolist(), _spelt(X.columns)
            if len(set(self._dtypes)) == 1 and is_plain(self._dtypes[0]):  # quicker than one by one
                self._columns = [of_numpy(*column) for column in zip(names, X.to_numpy().T, strict=True)]
            else:
                self._columns = [of_pandas(name, X, j, self._dtypes[j]) for j, name in enumerate(names)]
        elif hasattr(X, "__arrow_c_stream__") or hasattr(X, "__arrow_c_array__"):
            self._columns = list(of_arrow(X))
        else:
            array = np.asarray(X.to_numpy())
            if array.ndim != 2:
                raise RowsError(f"X is a {type(X).__name__} of shape {array.shape}; give a table")
            self._columns = [of_numpy(name, array[:, j]) for j, name in enumerate(X.columns)]
        self.names = [column.name for column in self._columns]
        self.is_named = all(isinstance(name, str) for name in self.names)
        # Columns are asked for by their names, or by their places where they have none; frames may have thousands.
        self._keys = self.names if self.is_named else [str(place) for place in range(len(self.names))]
        self._place = {key: place for place, key in enumerate(self._keys)}
        if given is not X or isinstance(X, pa.Array | pa.ChunkedArray):
            self._refuse_single(type(given).__name__)

    def fit(
        self, use: Collection[str] = (), ignore: Collection[str] = (), roles: Mapping[str, str] | None = None
    ) -> Features | Mixed:
        """Find out which columns are features and how they are read, and tell what was left out or guessed.

        Raises
        ------
        RowsError
            If a column can be none and is not left out, or holds what cannot be read as its other cells are.
        """
        reading = Reading(roles=roles_said(roles or {}))
        features = self._features(use, ignore, roles)
        table = {name: self._column(name).values() for name in features.features}
        plain = not self.is_named and self._is_of_numbers  # as an array is
        if not plain and needs_roles(features, table, reading):
            return self._by_role(features, reading)
        _tell_of(features)
        return features

    def fit_by_role(
        self, use: Collection[str] = (), ignore: Collection[str] = (), roles: Mapping[str, str] | None = None
    ) -> Mixed:
        """Do what `fit` does, but read columns by their roles although all are numbers."""
        return self._by_role(self._features(use, ignore, roles), Reading(roles=roles_said(roles or {})))

    def _features(
        self, use: Collection[str], ignore: Collection[str], roles: Mapping[str, str] | None
    ) -> Features:
        # Without names of their own, columns have their places, and all of them are features.
        schema = pa.schema([(name, c.type) for name, c in zip(self._keys, self._columns, strict=True)])

        def searched_for_ids(name: str) -> Any:
            return searched(self._column(name)) if self.is_named else pa.chunked_array([[]])

        try:
            return Features.of(schema, searched_for_ids, use=use, ignore=ignore, roles=roles, named=self.is_named)
        except ColumnsError as error:
            named = [self._place[name] for name in error.columns if name in self._place]
            if named and all(self._columns[j].refused for j in named):
                self._refuse(named)
            raise RowsError(f"X: {_in_python(str(error))}") from None

    def _by_role(self, features: Features, reading: Reading) -> Mixed:
        if any(is_vector(self._column(name).type) for name in features.features):
            raise RowsError(f"X: column {features.features[0]!r} holds lists, which are rows by themselves")
        try:
            mixed = Mixed.fit(features, self._arrow, reading.roles_of_columns)
        except ColumnsError as error:
            raise RowsError(f"X: {_in_python(str(error))}") from None
        _tell_of(mixed)
        return mixed

    def overview(self, prepared: Features | Mixed) -> list[Overview]:
        """Return a line about each column."""
        return overview(prepared, self._arrow, self._keys)

    def rows_of(self, prepared: Features | Mixed) -> Rows:
        """Return the rows of this frame as those of the fit were made."""
        if not isinstance(prepared, Mixed):
            return self.rows(self.places(prepared), prepared)
        features = prepared.features
        try:
            places = features.places(self._keys, named=self.is_named)
        except ColumnsError as error:
            raise RowsError(f"X {error}") from None
        tell_unknown(features.unknown(self._keys), "X")
        self._refuse(places)
        key = dict(zip(features.features, (self._keys[j] for j in places), strict=True))
        with naming_cells("X"):
            return MixedRows(lambda name: self._arrow(key[name]), prepared, Reading())

    @property
    def _is_of_numbers(self) -> bool:
        return all(is_number(column.type) for column in self._columns)

    def _column(self, name: str) -> Column:
        return self._columns[self._place[name]]

    def _arrow(self, name: str) -> pa.ChunkedArray:
        """Return a column as Arrow's, what is missing as null."""
        values = self._column(name).values()
        if not isinstance(values, np.ndarray):
            return values
        return pa.chunked_array([pa.array(np.ascontiguousarray(values), from_pandas=True)])

    def places(self, columns: Features | None) -> list[int]:
        """Return where those columns are that the fit did not leave out, in the order that they have here."""
        if columns is None:
            return list(range(len(self.names)))
        left_out = {column.name for column in columns.left_out}
        if not columns.named:
            alike = len(self.names) == len(columns.names)
            return columns.places(columns.names) if alike else list(range(len(self.names)))
        if columns.length is not None and columns.features[0] in self.names:
            return [self.names.index(columns.features[0])]
        return [j for j, name in enumerate(self.names) if name not in left_out]

    def holds_lists(self, places: Sequence[int]) -> bool:
        """Tell whether a column holds lists, whose names are not those of the features."""
        return any(is_vector(self._columns[j].type) for j in places)

    def rows(self, places: Sequence[int], columns: Features | None) -> Rows:
        """Return the rows of these columns."""
        self._refuse(places)
        chosen = [self._columns[j] for j in places]
        vectors = [column for column in chosen if is_vector(column.type)]
        names = [column.name for column in chosen] if self.is_named and not vectors else None
        if len(vectors) == 1 and len(chosen) == 1:
            rows: Any = dense_rows(vectors_of(vectors[0]), f"column {vectors[0].name!r} of X")
            columns = replace(columns, length=rows.shape[1]) if columns is not None else None
        elif vectors:
            raise RowsError(
                f"X: column {vectors[0].name!r} holds lists, which are rows by themselves; give it alone"
            )
        elif others := [c for c in chosen if not is_number(getattr(c.type, "value_type", c.type))]:
            raise RowsError(
                f"X: column {others[0].name!r} holds {others[0].type}, and numbers in the fit; give numbers"
            )
        elif self._is_pandas and chosen and all(_is_zero_but_for_few(self._dtypes[j]) for j in places):
            rows = sparse_rows(self._frame.iloc[:, list(places)].sparse.to_coo(), "X", names)
        else:
            array = self._array(places, chosen)
            if array.dtype.kind == "f":
                for column in chosen:
                    if pa.types.is_integer(column.type) and (what := rounded(numbers_of(column.values()))):
                        tell(f"X: column {column.name!r} {what}")
            rows = dense_rows(array, "X", names)
        if columns is not None:
            rows.preparation = Preparation(prepared=columns)
        made: Rows = rows
        return made

    def _array(self, places: Sequence[int], chosen: Sequence[Column]) -> NDArray[Any]:
        if not chosen:
            return np.empty((len(self._frame), 0))
        if self._is_pandas and all(is_plain(self._dtypes[j]) for j in places):
            # Without a copy where all columns have one dtype.
            part = self._frame if len(places) == len(self.names) else self._frame.iloc[:, list(places)]
            return np.asarray(part.to_numpy(dtype=np.result_type(*{self._dtypes[j] for j in places})))
        values = [numbers_of(column.values()) for column in chosen]
        whole = np.empty((len(values[0]), len(values)), dtype=np.result_type(*{part.dtype for part in values}))
        for j, part in enumerate(values):
            whole[:, j] = part
        return whole

    def _refuse_single(self, kind: str) -> None:
        """Refuse a column alone, unless each of its rows is a list."""
        self.refuse()
        if not is_vector(self._columns[0].type):
            raise RowsError(
                f"X is a {kind}, one column, not lists, but a 2-dimensional container is needed; give a table, "
                "as X.to_frame() is"
            )

    def refuse(self) -> None:
        """Refuse columns that cannot be read."""
        self._refuse(range(len(self.names)))

    def refuse_all_but_numbers(self) -> None:
        """Refuse columns that hold neither numbers nor lists of them."""
        self.refuse()
        others = [c for c in self._columns if not (is_number(c.type) or is_vector(c.type))]
        if others:
            raise RowsError(f"column {others[0].name!r} of X holds {others[0].type}; numbers are needed")

    def _refuse(self, places: Sequence[int]) -> None:
        refused = [self._columns[j].refused for j in places]
        if any(refused):
            raise RowsError(refusal([column for column in refused if column], polars=self._is_polars))


def _tell_of(prepared: Features | Mixed) -> None:
    for note in prepared.notes():
        tell(f"X: {_in_python(note)}")


def _spelt(names: Iterable[Any]) -> list[Any]:
    """Return names of columns as strings, if some are or hold such: ("pay", "mean") is "pay_mean", 1 is "1"."""
    names = list(names)
    parts = [[part for part in (name if isinstance(name, tuple) else (name,)) if part != ""] for name in names]
    spelt = ["_".join(map(str, part)) for part in parts]
    is_unique = len(set(spelt)) == len(spelt) or all(isinstance(name, str) for name in names)
    return spelt if is_unique and any(isinstance(one, str) for part in parts for one in part) else names


def _is_zero_but_for_few(dtype: Any) -> bool:
    """Tell whether a dtype is pandas' sparse one of numbers, with 0 for what is not stored."""
    return hasattr(dtype, "fill_value") and dtype.fill_value == 0 and is_plain(dtype.subtype)


def _in_python(message: str) -> str:
    """Spell the options of the command line that a message advises as the parameters of `as_rows`."""

    def spelt(match: re.Match[str]) -> str:
        name = match[2] if match[2] == "COLUMN" else repr(shlex.split(match[2])[0])
        return f"as_rows(X, {match[1]}=[{name}])"

    message = re.sub(r"--role '?COLUMN=([^']+?)'?(?= if |$)", r"as_rows(X, roles={COLUMN: '\1'})", message)
    message = re.sub(r"--(use|ignore) (COLUMN\b|.+?(?= takes | leaves ))", spelt, message)
    return re.sub(r"--(use|ignore)\b", r"\1", message)
