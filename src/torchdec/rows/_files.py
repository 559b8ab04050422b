"""Files of rows: NumPy arrays, CSR parts, CSV and Parquet. No file can make this module run code."""

import csv
from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv
from pyarrow import parquet
from scipy.sparse import csr_array

from torchdec.rows._arrays import DenseRows
from torchdec.rows._convert import dense_rows, sparse_rows
from torchdec.rows._protocol import Rows, RowsError

_CSR_PARTS = ("data", "indices", "indptr", "shape")
# A CSV line must fit into one block, and Arrow's default of 1 MB is too little for very wide tables.
_CSV_BLOCK = 1 << 24


def read_rows(path: str | PathLike[str]) -> Rows:
    """Open a file of rows; the suffix says which kind it is.

    Parameters
    ----------
    path : str or path-like
        - ``.npy``: a 2-D array. It stays on disk and is mapped into memory, so its size is no limit.
        - ``.npz``: a 2-D array ``x``, or the CSR parts ``data``, ``indices``, ``indptr`` and ``shape``,
          read into memory in their own dtype. Other arrays, such as labels ``y``, are never read.
        - ``.csv``: comma-separated numbers, read into memory as float32. The first line gives the
          feature names, unless all its cells are numbers (or empty, with at least one number): then it
          is a row. An empty cell becomes NaN.
        - ``.parquet``: one file of numeric columns, read into memory as float32. An index that pandas
          stored with them is left out.

    Returns
    -------
    Rows
        Of shape (n, d), with n and d at least 1. Values may be NaN or infinite: see `check_finite`.

    Raises
    ------
    RowsError
        A ValueError, if the file is missing, empty, damaged, of another kind than its suffix says,
        or holds anything but a table of real numbers. Nothing that was pickled is ever loaded.

    Examples
    --------
    >>> import numpy as np
    >>> from torchdec.rows import read_rows
    >>> np.save("rows.npy", np.eye(4, 3))
    >>> read_rows("rows.npy").shape
    (4, 3)
    """
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if not path.exists():
        raise RowsError(f"{path}: there is no such file; check the path")
    if path.is_dir():
        raise RowsError(f"{path}: is a directory; give one file, of type {', '.join(_READERS)}")
    if reader is None:
        raise RowsError(f"{path}: has the suffix {path.suffix!r}; give a file of type {', '.join(_READERS)}")
    if path.stat().st_size == 0:
        raise RowsError(f"{path}: is empty (0 bytes); write it again")
    try:
        return reader(path)
    except (RowsError, MemoryError):
        raise
    except Exception as error:  # damaged bytes make the parsers raise errors of any kind
        reason = " ".join(str(error).split()).rstrip(".")
        raise RowsError(
            f"{path}: cannot be read as {path.suffix.lower()} ({reason}); "
            "it may be damaged or of another kind: write it again"
        ) from error


def _read_npy(path: Path) -> Rows:
    return dense_rows(np.lib.format.open_memmap(path, mode="r"), str(path))


def _read_npz(path: Path) -> Rows:
    archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise RowsError(f"{path}: holds one array and no archive of arrays; rename it to .npy")
    with archive:
        if "x" in archive.files:
            return dense_rows(archive["x"], f"{path}: array 'x'")
        if not set(_CSR_PARTS) <= set(archive.files):
            raise RowsError(
                f"{path}: holds the arrays {', '.join(archive.files) or '(none)'}; wanted are an array x, "
                f"or the CSR parts {', '.join(_CSR_PARTS)}"
            )
        # scipy.sparse.save_npz gives the parts of a CSC matrix the same names.
        kind = archive["format"].item() if "format" in archive.files else b"csr"
        if kind not in (b"csr", "csr"):
            raise RowsError(f"{path}: holds a sparse matrix of format {kind!r}; save matrix.tocsr() instead")
        data, indices, indptr, shape = (archive[part] for part in _CSR_PARTS)
    matrix = csr_array((data, indices, indptr), shape=tuple(shape.tolist()))
    # An index out of bounds would make scipy read and write outside its arrays.
    matrix.check_format(full_check=True)
    return sparse_rows(matrix, str(path))


def _read_csv(path: Path) -> Rows:
    has_header = not _is_numeric(_first_cells(path))
    table = arrow_csv.read_csv(
        path,
        read_options=arrow_csv.ReadOptions(block_size=_CSV_BLOCK, autogenerate_column_names=not has_header),
    )
    return _table_rows(table, path, named=has_header)


def _first_cells(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return next((cells for cells in csv.reader(file) if cells), [])


def _is_numeric(cells: list[str]) -> bool:
    try:
        numbers = [float(cell) for cell in cells if cell.strip()]
    except ValueError:
        return False
    return bool(numbers)


def _read_parquet(path: Path) -> Rows:
    with parquet.ParquetFile(path) as file:
        table = file.read()
    stored_index = (table.schema.pandas_metadata or {}).get("index_columns", [])
    # A range index is described in the metadata by a dict; it has no column.
    table = table.drop_columns([name for name in stored_index if isinstance(name, str)])
    return _table_rows(table, path, named=True)


def _table_rows(table: pa.Table, path: Path, named: bool) -> DenseRows:
    names: list[str] = table.schema.names
    others = [name for name, kind in zip(names, table.schema.types, strict=True) if not _is_number(kind)]
    if others and table.num_rows:
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        quoted = ", ".join(map(repr, others[:5]))
        raise RowsError(
            f"{path}: {len(others)} of {len(names)} columns hold something other than numbers: "
            f"{quoted}{more}; drop them or encode them as numbers"
        )
    array = np.empty(table.shape, dtype=np.float32)
    for j, column in enumerate(table.columns):
        array[:, j] = _as_float32(column, f"{path}: column {names[j]!r}")
    return dense_rows(array, str(path), names if named else None)


def _is_number(kind: pa.DataType) -> bool:
    tests = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_decimal,
        pa.types.is_null,
    )
    return any(test(kind) for test in tests)


def _as_float32(column: pa.ChunkedArray, name: str) -> NDArray[np.float32]:
    values: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy()  # null becomes NaN
    try:
        with np.errstate(over="raise"):
            return values.astype(np.float32)
    except FloatingPointError as error:
        raise RowsError(f"{name} has values beyond 3.4e38, the range of float32; divide it first") from error


_READERS: dict[str, Callable[[Path], Rows]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
