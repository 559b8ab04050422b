"""Columns, as CSV files and Parquet files hold them."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from torchdec.prepare._arrow import rounded
from torchdec.prepare._column_reader import HOLDS_LISTS
from torchdec.prepare._features import ColumnsError, Features
from torchdec.prepare._mixed import Mixed
from torchdec.prepare._roles import first_of, is_number, is_text, is_whole
from torchdec.rows._arrays import DenseRows
from torchdec.rows._convert import refuse_unusable
from torchdec.rows._csv import as_written, read_written, refuse_cells
from torchdec.rows._csv_cells import without_total
from torchdec.rows._excel import read_sheet
from torchdec.rows._mixed import MixedRows, needs_roles
from torchdec.rows._protocol import RowsError, tell
from torchdec.rows._reading import Preparation, Reading


class TableRows(DenseRows):
    """Rows of the columns of a table that are features, with those that name the rows."""

    def __init__(
        self, values: NDArray[Any], feature_names: list[str] | None, columns: Features, reading: Reading, ids: Any
    ) -> None:
        super().__init__(values, feature_names)
        self.preparation = Preparation(reading, columns)
        self.ids = ids


def read_csv(path: Path, reading: Reading, prepared: Features | Mixed | None) -> TableRows | MixedRows:
    """Return the rows of a `.csv` or `.tsv`; see `torchdec.rows.read_rows`."""
    features = prepared.features if isinstance(prepared, Mixed) else prepared
    written = read_written(path, reading, features.features if features and features.named else ())
    form = written.format
    try:
        return _table_rows(
            path,
            written.table,
            reading,
            prepared,
            named=form.named,
            row_names=written.table.column_names[:1] if form.row_names else (),
            decimal=form.decimal,
            as_written=lambda table, names: as_written(table, names, path, form),
        )
    except _CellsError as error:
        refuse_cells(
            path, form, written.table, [name for name in error.columns if name in written.table.column_names]
        )
        of_marks = None if HOLDS_LISTS in str(error) else _of_marks(written.table, reading, form.delimiter)
        raise RowsError(f"{path}: {of_marks or error}") from None


def read_xlsx(path: Path, reading: Reading, prepared: Features | Mixed | None) -> TableRows | MixedRows:
    """Return the rows of the first sheet of an `.xlsx` that holds a table; see `torchdec.rows.read_rows`."""
    sheet = read_sheet(path, reading)
    try:
        return _table_rows(path, sheet.table, reading, prepared, named=sheet.named)
    except _CellsError as error:
        raise RowsError(f"{path}: {error}") from None


class _CellsError(ColumnsError):
    """Columns that cannot be read, of a file whose lines may tell more."""


def _table_rows(
    path: Path,
    table: pa.Table,
    reading: Reading,
    prepared: Features | Mixed | None,
    *,
    named: bool,
    row_names: Sequence[str] = (),
    decimal: str | None = None,
    as_written: Callable[[pa.Table, Collection[str]], pa.Table] = lambda table, _: table,
) -> TableRows | MixedRows:
    refuse_unusable(table.shape, np.dtype(np.float32), str(path))
    as_it_stands, table = table, without_total(table, str(path))
    features = prepared.features if isinstance(prepared, Mixed) else prepared
    try:
        if features is None:
            features = Features.of(
                table.schema,
                table.column,
                use=reading.use,
                ignore=reading.ignore,
                roles=reading.roles_of_columns,
                named=named,
                row_names=row_names,
            )
        places = features.places(table.column_names, named=named)
        if prepared is not None and named:
            tell_unknown(features.unknown(table.column_names), str(path))
        if not named and features.named:
            tell(f"{path}: has no header, so its columns are matched to those of the fit by position")
        chosen = table.select(places).rename_columns(list(features.features))
        columns = dict(zip(chosen.column_names, chosen.columns, strict=True))  # Table.column searches each time
        if prepared is None:
            prepared = features
            if needs_roles(features, columns, reading):
                prepared = Mixed.fit(features, columns.__getitem__, reading.roles_of_columns, decimal)
            tell_of(prepared, str(path))
        if len(chosen) < len(as_it_stands):
            chosen = pa.concat_tables([chosen, pa.table({f.name: pa.nulls(1, f.type) for f in chosen.schema})])
            columns = dict(zip(chosen.column_names, chosen.columns, strict=True))
        named_ids = features.ids_among(table.column_names) if named == features.named else []
        ids = as_written(as_it_stands.select(named_ids), named_ids) if named_ids else None
        if isinstance(prepared, Mixed):
            return MixedRows(columns.__getitem__, prepared, reading, ids)
    except ColumnsError as error:
        raise _CellsError(str(error), error.columns) from None
    others = [field.name for field in chosen.schema if not is_number(field.type)]
    if others:
        kind = chosen.schema.field(others[0]).type
        raise _CellsError(
            f"column {others[0]!r} holds {kind}, and numbers in the file of the fit; give numbers", others
        )
    return TableRows(_values(chosen, path), list(features.features) if named else None, features, reading, ids)


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


def tell_of(prepared: Features | Mixed, name: str) -> None:
    """Tell which columns of a file are left out, and what was guessed of others."""
    for note in prepared.notes():
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
    """Cast an Arrow array of numbers to float64, null to NaN, or name what is beyond the range of float32.

    Whole numbers that lose digits by it are told.
    """
    if is_whole(column.type) and (what := rounded(column.drop_null().to_numpy())):
        tell(f"{name} {what}")
    values: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy(
        zero_copy_only=False
    )  # null becomes NaN
    beyond = (np.abs(values) > np.finfo(np.float32).max) & np.isfinite(values)
    if beyond.any():
        raise RowsError(f"{name} has values beyond 3.4e38, the range of float32; divide it first")
    return values
