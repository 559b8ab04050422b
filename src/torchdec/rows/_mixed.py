"""Rows of a table whose columns are not all numbers, or have gaps."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from torchdec.prepare._column_reader import ENOUGH
from torchdec.prepare._features import ColumnsError, Features
from torchdec.prepare._mixed import Mixed, Values
from torchdec.prepare._parsed import Parsed
from torchdec.prepare._roles import is_code_name, is_number, is_vector
from torchdec.rows._arrays import DenseRows
from torchdec.rows._ids import Dated
from torchdec.rows._protocol import RowsError, tell
from torchdec.rows._reading import Preparation, Reading

# Columns of numbers up to which two values in so many of them show that they are a table of kinds too.
_MOST_OF_TWO, _SHARE_OF_TWO = 100, 0.2
# Rows that tell of most columns that they hold more.
_TELLING = 1000


class MixedRows(DenseRows):
    """Rows of a matrix that is made of a table, which is kept to tell of its rows in words."""

    def __init__(self, values: Values, mixed: Mixed, reading: Reading, ids: pa.Table | None = None) -> None:
        super().__init__(mixed.transform(values, tell), mixed.names if mixed.features.named else None)
        self.preparation, self.ids, self.kinds = Preparation(reading, mixed), ids, mixed.kinds
        self._values = values

    @property
    def dated(self) -> Dated | None:
        """The first column of dates, or None."""
        mixed: Mixed = self.preparation.prepared  # type: ignore[assignment]
        dates = (column for column in mixed.columns if column.reader.role == "date")
        return next((Dated(column.name, column.read(self._values)) for column in dates), None)

    def parsed(self, index: NDArray[np.int64]) -> list[Parsed]:
        """Return the columns of the table, of the rows at `index`, as they are understood."""
        mixed: Mixed = self.preparation.prepared  # type: ignore[assignment]
        at = pa.array(index)
        return mixed.parsed(lambda name: self._values(name).take(at))


@contextmanager
def naming_cells(name: str) -> Iterator[None]:
    """Put the name of a source before what is wrong with a cell of it."""
    try:
        yield
    except ColumnsError as error:
        raise RowsError(f"{name}: {error}") from None


def needs_roles(features: Features, table: Mapping[str, Any], reading: Reading) -> bool:
    """Tell whether columns have to be read by their roles.

    So it is where not all are numbers, one has the name of codes, a row lacks some of them, or many hold two
    values: kinds that are written as 0 and 1 have no unit, and beside them those of the numbers mean nothing. A
    row whose numbers are all missing is no reason, for it holds nothing; and more than 100 columns of numbers are
    most likely words or pixels.
    """
    if not features.features or features.length is not None:
        return False
    if any(is_vector(_type(table[name])) for name in features.features):
        return False
    if reading.roles or not all(is_number(_type(table[name])) for name in features.features):
        return True
    if features.named and any(map(is_code_name, features.features)):
        return True
    if features.named and len(features.features) <= _MOST_OF_TWO:
        n_of_two = sum(_has_two_values(table[name]) for name in features.features)
        if _SHARE_OF_TWO * len(features.features) <= n_of_two:
            return True
    return lacks_some(features, table)


def lacks_some(features: Features, table: Mapping[str, Any]) -> bool:
    """Tell whether a row of numbers lacks some of them, but not all."""
    n_missing = sum(missing for name in features.features if (missing := _missing(table[name])) is not None)
    return bool(np.any((n_missing > 0) & (n_missing < len(features.features))))


def _has_two_values(column: Any) -> bool:
    """Tell whether a column holds two values, by its first rows where these hold more."""
    if len(column) < ENOUGH:
        return False
    for part in (column[:_TELLING], column):
        values = pa.array(part) if isinstance(part, np.ndarray) else part
        if len(pc.unique(values).drop_null()) != 2:
            return False
    return True


def _type(column: Any) -> pa.DataType:
    if isinstance(column, np.ndarray):
        return pa.float64() if column.ndim == 1 else pa.list_(pa.float64())
    return column.type


def _missing(column: Any) -> NDArray[np.int64] | None:
    """Tell which values of a column of numbers are missing, as 0 and 1; None where none is."""
    if isinstance(column, np.ndarray):
        missing = np.isnan(column) if column.dtype.kind == "f" else np.zeros(0)
    elif column.null_count or pa.types.is_floating(column.type):
        flags = pc.is_null(column, nan_is_null=True)
        missing = np.asarray(flags.to_numpy(zero_copy_only=False) if isinstance(flags, pa.Array) else flags)
    else:
        return None
    return missing.astype(np.int64) if missing.any() else None
