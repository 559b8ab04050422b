"""Columns of numbers, as CSV files and Parquet files hold them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchdec.prepare._features import ColumnsError, Features
from torchdec.prepare._roles import first_of, is_number, is_text
from torchdec.rows._arrays import DenseRows
from torchdec.rows._convert import refuse_unusable
from torchdec.rows._csv import read_written, refuse_cells
from torchdec.rows._protocol import RowsError, tell
from torchdec.rows._reading import Preparation, Reading


class TableRows(DenseRows):
    """Rows of the columns of a table that are features.

    Attributes
    ----------
    preparation : Preparation
        Of `Features`: which they are.
    ids : pyarrow.Table of n rows, or None
        The columns that name the rows.
    """

    def __init__(
        self, values: NDArray[Any], feature_names: list[str] | None, columns: Features, reading: Reading, ids: Any
    ) -> None:
        super().__init__(values, feature_names)
        self.preparation = Preparation(reading, columns)
        self.ids = ids


def read_csv(path: Path, reading: Reading, prepared: Features | None) -> TableRows:
    """Return the rows of a `.csv` or `.tsv`; see `torchdec.rows.read_rows`."""
    written = read_written(path, reading, prepared.features if prepared and prepared.named else ())
    table, form = written.table, written.format
    refuse_unusable(table.shape, np.dtype(np.float32), str(path))
    row_names = table.column_names[:1] if form.row_names else []
    try:
        columns = prepared or Features.of(
            table.schema,
            table.column,
            use=reading.use,
            ignore=reading.ignore,
            named=form.named,
            row_names=row_names,
        )
        places = columns.places(table.column_names, named=form.named)
    except ColumnsError as error:
        refuse_cells(path, form, table, [name for name in error.columns if name in table.column_names])
        raise RowsError(f"{path}: {_of_marks(table, reading, form.delimiter) or error}") from None
    features = table.select(places)
    if prepared is None:
        tell_of(columns, str(path))
    elif form.named:
        tell_unknown(columns.unknown(table.column_names), str(path))
    elif columns.named:
        tell(f"{path}: has no header, so its columns are taken by their places for those of the fit")
    try:
        refuse_text(features.schema, path)
    except RowsError:
        refuse_cells(path, form, table, features.column_names)
        raise
    ids = columns.ids_among(table.column_names) if form.named == columns.named else []
    return TableRows(
        _values(features, path),
        features.column_names if form.named else None,
        columns,
        reading,
        table.select(ids) if ids else None,
    )


def _of_marks(table: pa.Table, reading: Reading, delimiter: str) -> str | None:
    """Return what is wrong where the mark between columns may be another one."""
    if table.num_columns > 1 or not is_text(table.schema.field(0).type):
        return None
    name = table.column_names[0]
    where = (
        "none of , ; | tab and blank cuts its lines into more"
        if reading.delimiter is None
        else (f"{delimiter!r} cuts its lines into no more")
    )
    return (
        f"has one column of text, {name[:40]!r}, as {where}; name the mark between columns with --delimiter, or "
        "cluster the texts with --text-column"
    )


def _values(table: pa.Table, path: Path) -> NDArray[Any]:
    names = table.column_names  # made anew at each call, which counts where columns are many

    def column(j: int) -> NDArray[np.float64]:
        return as_floats(table.column(j), f"{path}: column {names[j]!r}")

    # What may be rounded, only a model knows: rows of one hour in a file of years differ by seconds.
    exact = all(_is_float32(column(j)) for j in range(table.num_columns))
    array = np.empty(table.shape, dtype=np.float32 if exact else np.float64)
    for j in range(table.num_columns):
        array[:, j] = column(j)
    return array


def tell_of(columns: Features, name: str) -> None:
    """Tell which columns of a file are left out."""
    for note in columns.notes():
        tell(f"{name}: {note}")


def tell_unknown(unknown: Sequence[str], name: str) -> None:
    """Tell which columns the fit did not see, if there are any."""
    if unknown:
        what = "columns that the fit did not see are" if len(unknown) > 1 else "column that the fit did not see is"
        tell(f"{name}: {len(unknown)} {what} left out: {first_of(unknown)}")


def _is_float32(values: NDArray[np.float64]) -> bool:
    return np.array_equal(values, values.astype(np.float32), equal_nan=True)


def refuse_text(fields: Sequence[pa.Field], path: Path) -> None:
    """Name the features that hold something other than numbers in a file that is not the fit's."""
    others = [field for field in fields if not is_number(field.type)]
    if others:
        raise RowsError(
            f"{path}: column {others[0].name!r} holds {others[0].type}, and numbers in the file of the fit; give "
            "numbers"
        )


def as_floats(column: Any, name: str) -> NDArray[np.float64]:
    """Cast an Arrow array of numbers to float64, null to NaN, or name what is beyond the range of float32."""
    values: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy(
        zero_copy_only=False
    )  # null becomes NaN
    beyond = (np.abs(values) > np.finfo(np.float32).max) & np.isfinite(values)
    if beyond.any():
        raise RowsError(f"{name} has values beyond 3.4e38, the range of float32; divide it first")
    return values
