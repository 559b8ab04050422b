"""What each column of a file is taken for."""

import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from torchdec.prepare._features import Features
from torchdec.prepare._mixed import Mixed
from torchdec.prepare._overview import Overview, overview
from torchdec.rows._csv import read_table
from torchdec.rows._excel import read_sheet
from torchdec.rows._files import read_rows
from torchdec.rows._protocol import RowsError, RowsWarning
from torchdec.rows._reading import Reading


def overview_of_file(path: Path, **options: Any) -> tuple[list[str], list[Overview]]:
    """Return what a fit would tell of a table, and a line about each of its columns.

    Parameters
    ----------
    path : Path
        A .csv, .tsv, .xlsx or .parquet.
    **options
        As `read_rows` takes them.

    Raises
    ------
    RowsError
        If it isn't a table, or cannot be read.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RowsWarning)
        preparation: Any = getattr(read_rows(path, **options), "preparation", None)
    prepared = getattr(preparation, "prepared", None)
    if not isinstance(prepared, Features | Mixed):
        raise RowsError(f"{path}: isn't a table of columns; give a .csv, .tsv, .xlsx or .parquet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RowsWarning)
        table = raw_table(path, preparation.reading)
    notes = [str(warning.message) for warning in caught if issubclass(warning.category, RowsWarning)]
    return notes, overview(prepared, table.column, table.column_names)


def raw_table(path: Path, reading: Reading) -> pa.Table:
    """Read a table as it stands, with all its columns."""
    if path.suffix.lower() == ".xlsx":
        return read_sheet(path, reading).table
    is_parquet = path.is_dir() or path.suffix.lower() == ".parquet"
    return parquet.read_table(path) if is_parquet else read_table(path, reading)
