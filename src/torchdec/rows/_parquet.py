"""Parquet, one file or a folder of them, read a row group at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from torchdec.rows._blocks import BlockRows
from torchdec.rows._columns import as_floats, is_number, refuse_text
from torchdec.rows._convert import refuse_unusable
from torchdec.rows._protocol import RowsError

# Rows that are decoded at a time within a row group.
_BATCH = 16_384


class ParquetRows(BlockRows):
    """Rows of Parquet files of the same columns: many of numbers, or one of lists of as many numbers each.

    Whole numbers keep their dtype in memory where all columns have the same one and none is null; all else is
    float32, or float64 where float32 does not hold a type. Files are opened again for each row group, so that any
    number of them can be read.

    Parameters
    ----------
    paths : sequence of Path
        In the order of the rows; at least one.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._groups: list[tuple[Path, int]] = []
        sizes, dtypes = [], set()
        first: Any = None
        for path in paths:
            columns, groups = _look(path)
            if self._groups and sum(groups):
                _refuse_difference(path, columns, self._groups[0][0], first)
            elif first is None or not self._groups:
                first = columns
            dtypes.add(columns.dtype)
            for number, size in enumerate(groups):
                if size:
                    self._groups.append((path, number))
                    sizes.append(size)
        self._columns: _Columns = first
        shown = str(paths[0] if len(paths) == 1 else paths[0].parent)
        refuse_unusable((sum(sizes), self._columns.width), np.dtype(np.float32), shown)
        if len(dtypes) > 1:
            self._columns.dtype = np.result_type(np.float32, *dtypes)
        width, n_bytes = self._columns.width, self._columns.dtype.itemsize
        super().__init__(sizes, width, max(sizes) * width * n_bytes, self._columns.feature_names)

    def _read(self, number: int) -> NDArray[Any]:
        path, group = self._groups[number]
        size = int(self.block_starts[number + 1] - self.block_starts[number])
        block = np.empty((size, self.shape[1]), dtype=self._columns.dtype)
        start = 0
        with _naming(path), parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH, row_groups=[group], columns=self._columns.names):
                part = self._columns.array(batch, path)
                block = block.astype(np.result_type(block, part), copy=False)  # nulls, where there were none
                block[start : start + len(part)] = part
                start += len(part)
        if start != size:
            raise RowsError(f"{path}: row group {group} has {start} rows and no longer {size}; open it again")
        return block


class _Columns:
    """The columns of a file that make its rows."""

    def __init__(self, path: Path, schema: pa.Schema, first: pa.RecordBatch | None) -> None:
        stored_index = (schema.pandas_metadata or {}).get("index_columns", [])
        # A range index is described in the metadata by a dict; it has no column.
        self.fields = [field for field in schema if field.name not in stored_index]
        self.names = [field.name for field in self.fields]
        self.nested = len(self.fields) == 1 and _is_list(self.fields[0].type)
        if self.nested:
            self.feature_names = None
            self.width = _width(self.fields[0], first, path)
            kinds = {self.fields[0].type.value_type}
        else:
            refuse_text(self.fields, path)
            self.feature_names = self.names
            self.width = len(self.names)
            kinds = {field.type for field in self.fields}
        dtypes = {_dtype(kind) for kind in kinds}
        self.dtype = dtypes.pop() if len(dtypes) == 1 else np.result_type(np.float32, *dtypes)

    def array(self, batch: pa.RecordBatch, path: Path) -> NDArray[Any]:
        """Return the values of a batch, in `dtype` or, where whole numbers are null, in floats that hold them."""
        if self.nested:
            return self._lists(batch.column(0), path)
        whole = np.empty((batch.num_rows, self.width), dtype=self._kept(batch.columns))
        for j, column in enumerate(batch.columns):
            whole[:, j] = _values(column, whole.dtype, f"{path}: column {self.names[j]!r}")
        return whole

    def _lists(self, column: Any, path: Path) -> NDArray[Any]:
        name = f"{path}: column {self.names[0]!r}"
        if column.null_count:
            raise RowsError(f"{name} has {column.null_count} rows without a list; drop or fill them")
        if not pa.types.is_fixed_size_list(column.type):
            lengths = np.asarray(column.value_lengths())
            if (lengths != self.width).any():
                other = lengths[lengths != self.width][0]
                raise RowsError(f"{name} has lists of {self.width} and of {other} numbers; give all as many")
        elif column.type.list_size != self.width:
            raise RowsError(f"{name} has lists of {self.width} and of {column.type.list_size} numbers")
        values = column.flatten()
        return _values(values, self._kept([values]), name).reshape(-1, self.width)

    def _kept(self, columns: Sequence[Any]) -> np.dtype[Any]:
        has_nulls = any(column.null_count for column in columns)
        return np.result_type(np.float32, self.dtype) if has_nulls else self.dtype


def _dtype(kind: pa.DataType) -> np.dtype[Any]:
    """Return the dtype that holds the values of an Arrow type of numbers, without nulls."""
    if pa.types.is_integer(kind) or pa.types.is_float16(kind):
        own: type[np.number[Any]] = kind.to_pandas_dtype()
        return np.dtype(own)
    exact = pa.types.is_boolean(kind) or pa.types.is_float32(kind) or pa.types.is_null(kind)
    return np.dtype(np.float32 if exact else np.float64)


def _values(column: Any, dtype: np.dtype[Any], name: str) -> NDArray[Any]:
    if dtype in (np.float32, np.float64):
        return as_floats(column, name).astype(dtype, copy=False)
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _is_list(kind: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in tests) and is_number(kind.value_type)


def _width(field: pa.Field, first: pa.RecordBatch | None, path: Path) -> int:
    if pa.types.is_fixed_size_list(field.type):
        return int(field.type.list_size)
    if first is None or not first.num_rows:
        return 1  # a file without rows: nobody asks
    if not first.column(0)[0].is_valid:
        raise RowsError(f"{path}: column {field.name!r} has no list in row 0; drop or fill it")
    return len(first.column(0)[0])


def _look(path: Path) -> tuple[_Columns, list[int]]:
    """Return the columns of a file and the rows of each of its row groups."""
    with _naming(path), parquet.ParquetFile(path) as file:
        groups, schema = rows_of_groups(file.metadata, path), file.schema_arrow
        needs_row = any(_is_list(kind) and not pa.types.is_fixed_size_list(kind) for kind in schema.types)
        first = next(file.iter_batches(1), None) if needs_row else None
    return _Columns(path, schema, first), groups


def rows_of_groups(metadata: parquet.FileMetaData, path: Path) -> list[int]:
    """Return the rows of each row group of a file; damaged ones may claim billions, which a reader would look for.

    Raises
    ------
    RowsError
        If they are not those of the file.
    """
    groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    if min(groups, default=0) < 0 or sum(groups) != metadata.num_rows:
        raise RowsError(f"{path}: its row groups have not the {metadata.num_rows} rows of it; write it again")
    return groups


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except (RowsError, MemoryError):
        raise
    except Exception as error:  # damaged bytes make the parser raise errors of any kind
        reason = " ".join(str(error).split()).rstrip(".")
        raise RowsError(
            f"{path}: cannot be read as .parquet ({reason}); it may be damaged or of another kind: write it again"
        ) from error


def _refuse_difference(path: Path, columns: _Columns, first_path: Path, first: _Columns) -> None:
    if columns.names != first.names:
        pairs = zip(columns.names, first.names, strict=False)
        unlike = next((i for i, pair in enumerate(pairs) if pair[0] != pair[1]), None)
        what = (
            f"{len(columns.names)} columns, and {first_path.name} {len(first.names)}"
            if unlike is None
            else f"column {columns.names[unlike]!r} where {first_path.name} has {first.names[unlike]!r}"
        )
        raise RowsError(f"{path}: has {what}; all files of a folder need the same columns in the same order")
    if columns.nested != first.nested or columns.width != first.width:
        raise RowsError(
            f"{path}: has {columns.width} features, and {first_path.name} {first.width}; give all files as many"
        )
