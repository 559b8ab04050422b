"""Parquet, one file or a folder of them, read a row group at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import parquet

from torchdec.prepare._arrow import as_texts
from torchdec.prepare._features import ColumnsError, Features
from torchdec.prepare._mixed import IS_EMPTY, Mixed
from torchdec.prepare._parsed import Parsed
from torchdec.prepare._roles import first_of, is_number, is_text, is_vector
from torchdec.rows._blocks import BlockRows
from torchdec.rows._columns import as_floats, refuse_text, tell_of, tell_unknown
from torchdec.rows._convert import refuse_unusable
from torchdec.rows._ids import Dated, beside, dated, ids_in_files, is_date
from torchdec.rows._mixed import lacks_some, naming_cells, needs_roles
from torchdec.rows._protocol import RowsError, tell
from torchdec.rows._reading import Preparation, Reading

# Rows that are decoded at a time within a row group.
_BATCH = 16_384
# Texts that are read to tell whether they repeat.
_TELLING = 1 << 20


class ParquetRows(BlockRows):
    """Rows of Parquet files: the features among their columns, or one column of lists of as many numbers each.

    Where not all features are numbers, or rows lack some of them, each column is read by its role (`Mixed`).

    Whole numbers keep their dtype in memory where all columns have the same one and none is null; all else is
    float32, or float64 where float32 does not hold a type. Files are opened again for each row group, so that any
    number of them can be read. Without `prepared`, what a fit learnt, the features are seen from the first file
    that has rows. With a `folder`, rows are named by their file too.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        reading: Reading | None = None,
        prepared: Features | Mixed | None = None,
        folder: Path | None = None,
    ) -> None:
        reading, shown = reading or Reading(), str(folder or paths[0])
        # What vectors came from, where a caller said it (`rows._beside`).
        self.texts: Sequence[str] | None = None
        self.pictures: Sequence[str] = ()
        self.folder_of_pictures: Path | None = None
        looks = [_File(path) for path in paths]
        self._files = [file for file in looks if file.n_rows] or looks[:1]
        _share_types(self._files)
        refuse_unusable((sum(file.n_rows for file in looks), len(looks[0].schema)), np.dtype(np.float32), shown)
        self._folder, self._groups = folder, [(file, group) for file in self._files for group in file.groups]
        features = prepared.features if isinstance(prepared, Mixed) else prepared or _decided(self._files, reading)
        features = replace(features, length=features.length or _length(self._files, features.features[0]))
        if prepared is not None:
            unknown = dict.fromkeys(name for file in self._files for name in features.unknown(file.schema.names))
            tell_unknown(list(unknown), shown)
            for name in features.features if isinstance(prepared, Mixed) else ():
                if all(file.is_empty(name) for file in self._files):
                    tell(f"{shown}: column {name!r} {IS_EMPTY}")
        else:
            _refuse_new(self._files, features)
        mixed = prepared if isinstance(prepared, Mixed) else None
        if prepared is None and _needs_roles(self._files, features, reading):
            with naming_cells(shown):
                mixed = Mixed.fit(features, lambda name: _column(self._files, name), reading.roles_of_columns)
        columns: Features | Mixed = mixed or features
        if prepared is None:
            tell_of(columns, shown)
        if prepared is None and mixed is None:
            _tell_categories(self._files[0], features, reading, shown)
        self.preparation, self._features = Preparation(reading, columns), features
        self.kinds = None if mixed is None else mixed.kinds
        if mixed is not None:  # what has this is told in words
            self.parsed = self._parsed
        self._layouts = {
            file.path: _Layout(file, features) if mixed is None else _MixedLayout(file, mixed)
            for file in self._files
        }
        dtypes = {layout.dtype for layout in self._layouts.values()}
        self._dtype = dtypes.pop() if len(dtypes) == 1 else np.result_type(np.float32, *dtypes)
        sizes = [group.size for _, group in self._groups]
        n_bytes = max(sizes) * columns.width * self._dtype.itemsize
        named = list(features.features) if features.named and features.length is None else None
        named = named if mixed is None else mixed.names
        super().__init__(sizes, columns.width, n_bytes, named)

    @property
    def dated(self) -> Dated | None:
        """The first column of dates, a feature or not, or None; read anew."""
        names = (field.name for field in self._files[0].schema if is_date(field.type))
        return next((dated(name, _column(self._files, name)) for name in names), None)

    @property
    def ids(self) -> pa.Table | None:
        """The columns that name the rows, and in a folder the file of each and its number in it; read anew."""
        parts, of_files = [], [self._features.ids_among(file.schema.names) for file in self._files]
        names = dict.fromkeys(name for of_file in of_files for name in of_file)
        for file, of_file in zip(self._files, of_files, strict=True):
            with _naming(file.path), parquet.ParquetFile(file.path) as opened:
                part = opened.read(columns=of_file)
            lacks = pa.nulls(file.n_rows)
            parts.append(pa.table({name: part[name] if name in of_file else lacks for name in names}))
        try:
            ids = pa.concat_tables(parts, promote_options="permissive")
        except pa.ArrowTypeError:  # numbers in one file, and texts in another
            texts = [pa.table({name: as_texts(part[name]) for name in names}) for part in parts]
            ids = pa.concat_tables(texts, promote_options="permissive")
        if self._folder is None:
            return ids if ids.num_columns else None
        files = ids_in_files([file.path for file in self._files], [f.n_rows for f in self._files], self._folder)
        ids = beside(ids, files.column_names)
        return pa.table([*ids.columns, *files.columns], [*ids.column_names, *files.column_names])

    def _parsed(self, index: NDArray[np.int64]) -> list[Parsed]:
        """Return the columns of a table of several kinds, of the rows at `index`, as they are understood."""
        mixed: Mixed = self.preparation.prepared  # type: ignore[assignment]
        at = pa.array(index)
        return mixed.parsed(lambda name: _column(self._files, name).take(at))

    def _read(self, number: int) -> NDArray[Any]:
        file, group = self._groups[number]
        path, layout = file.path, self._layouts[file.path]
        block = np.empty((group.size, self.shape[1]), dtype=self._dtype)
        start = 0
        with _naming(path), parquet.ParquetFile(path) as opened:
            for batch in opened.iter_batches(_BATCH, row_groups=[group.number], columns=layout.names):
                part = layout.array(batch, group.first + start)
                # Wider for nulls where there were none, or for a column that lies far from 0.
                block = block.astype(np.result_type(block, part), copy=False)
                block[start : start + len(part)] = part
                start += len(part)
        if start != group.size:
            raise RowsError(
                f"{path}: row group {group.number} now has {start} rows, not {group.size}; open it again"
            )
        return block


class _Group(NamedTuple):
    """A row group that has rows: its number in the file, its size and the number of its first row."""

    number: int
    size: int
    first: int


class _File:
    """What the end of a file tells of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _naming(path), parquet.ParquetFile(path) as file:
            sizes, self.schema, self._metadata = (
                rows_of_groups(file.metadata, path),
                file.schema_arrow,
                file.metadata,
            )
        firsts = np.cumsum([0, *sizes]).tolist()
        self.groups = [_Group(number, size, firsts[number]) for number, size in enumerate(sizes) if size]
        self.n_rows = sum(sizes)
        # A range index is described in the metadata by a dict; it has no column.
        stored = (self.schema.pandas_metadata or {}).get("index_columns", [])
        written = (self.schema.pandas_metadata or {}).get("columns", [])
        kinds = {column.get("name"): column.get("pandas_type") for column in written}
        # Parquet holds categories that are numbers as numbers.
        self.categories = [
            name
            for name in self.schema.names
            if kinds.get(name) == "categorical" and is_number(self.schema.field(name).type)
        ]
        self._untyped = {field.name for field in self.schema if pa.types.is_null(field.type)}
        self.index = [name for name in stored if isinstance(name, str) and name in self.schema.names]

    def may_lack(self, name: str) -> bool:
        """Tell whether values of a column may be missing, as far as the end of the file tells."""
        return any(count != 0 for count, _ in self._nulls(name))

    def is_empty(self, name: str) -> bool:
        """Tell whether no row has a value of a column, as far as the end of the file tells."""
        return name in self._untyped or all(count == n_rows for count, n_rows in self._nulls(name))

    def _nulls(self, name: str) -> Iterator[tuple[int | None, int]]:
        """Yield how many values of each group are missing, None where that is unknown, and its number of rows."""
        for group in self.groups:
            found = self._statistics(name, group)
            yield (found.null_count if found is not None and found.has_null_count else None), group.size

    def extent(self, name: str) -> tuple[float, float] | None:
        """Return the least and the largest value of a column of numbers, None where the file does not tell."""
        extents = []
        for group in self.groups:
            statistics = self._statistics(name, group)
            if statistics is None or not statistics.has_min_max or isinstance(statistics.min, bytes):
                return None  # half precision comes as bytes
            extents.append((statistics.min, statistics.max))
        return min(least for least, _ in extents), max(most for _, most in extents)

    def _statistics(self, name: str, group: _Group) -> Any:
        metadata = self._metadata.row_group(group.number)
        chunks = (metadata.column(number) for number in range(metadata.num_columns))
        return next((chunk.statistics for chunk in chunks if chunk.path_in_schema == name), None)


def _share_types(files: Sequence[_File]) -> None:
    """Give columns that are empty in a file, which have no type there, the type that they have in another."""
    known: dict[str, pa.DataType] = {}
    for file in files:
        for field in file.schema:
            if not pa.types.is_null(field.type):
                known.setdefault(field.name, field.type)
    for file in files:
        for place, field in enumerate(file.schema):
            if pa.types.is_null(field.type) and field.name in known:
                file.schema = file.schema.set(place, field.with_type(known[field.name]))


def _decided(files: Sequence[_File], reading: Reading) -> Features:
    """Decide which columns are features, by the first file and, where they are looked at, the values of all."""
    first, n_rows = files[0], sum(file.n_rows for file in files)

    def having(name: str) -> list[_File]:
        kind = is_number(first.schema.field(name).type)  # others are refused where they are laid out
        same = [file for file in files if name in file.schema.names]
        return [file for file in same if is_number(file.schema.field(name).type) == kind]

    def counts_each_file(name: str) -> bool:
        if len(files) == 1 or not is_number(first.schema.field(name).type):
            return False
        extents = [(file.extent(name), file.n_rows) for file in having(name)]
        return all(extent in ((0, n - 1), (1, n)) for extent, n in extents)

    def may_count(name: str) -> bool:
        extents = [file.extent(name) for file in having(name)]
        known = [extent for extent in extents if extent is not None]
        if len(known) < len(extents) or not known or counts_each_file(name):
            return True
        least, most = min(least for least, _ in known), max(most for _, most in known)
        return most - least == n_rows - 1

    def values(name: str) -> pa.ChunkedArray:
        parts: list[pa.ChunkedArray] = []
        wanted = n_rows if is_number(first.schema.field(name).type) else _TELLING
        if counts_each_file(name):  # as each was written by itself: one of them tells
            wanted = 1
        for file in having(name):
            if sum(len(part) for part in parts) < wanted:
                with _naming(file.path), parquet.ParquetFile(file.path) as opened:
                    parts.append(opened.read(columns=[name]).column(0).cast(first.schema.field(name).type))
        return pa.chunked_array([chunk for part in parts for chunk in part.chunks])

    try:
        return Features.of(
            first.schema,
            values,
            may_count,
            use=reading.use,
            ignore=reading.ignore,
            roles=reading.roles_of_columns,
            row_names=first.index,
        )
    except ColumnsError as error:
        raise RowsError(f"{first.path}: {error}") from None


def _column(files: Sequence[_File], name: str) -> pa.ChunkedArray:
    """Read a column of all files."""
    parts = []
    for file in files:
        if name not in file.schema.names:
            raise RowsError(f"{file.path}: lacks column {name!r}; all files of a folder need the same columns")
        with _naming(file.path), parquet.ParquetFile(file.path) as opened:
            parts.append(opened.read(columns=[name]).column(0))
    kinds = {part.type for part in parts}
    if len(kinds) > 1:
        kind = files[0].schema.field(name).type
        parts = [as_texts(part) if is_text(kind) else part.cast(kind, safe=False) for part in parts]
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type)


def _needs_roles(files: Sequence[_File], features: Features, reading: Reading) -> bool:
    """Tell whether columns have to be read by their roles; values are read only where some may be missing."""
    kinds = [files[0].schema.field(name).type for name in features.features]
    if features.length is not None:
        return False
    if reading.roles or not all(map(is_number, kinds)):
        return True
    with _naming(files[0].path), parquet.ParquetFile(files[0].path) as opened:
        first = next(opened.iter_batches(_BATCH, columns=list(features.features)), None)
    if first is not None and needs_roles(
        features, dict(zip(first.schema.names, first.columns, strict=True)), reading
    ):
        return True
    # Files that lack a column are refused by name when they are laid out.
    whole = [file for file in files if set(features.features) <= set(file.schema.names)]
    for file in whole:
        if not any(file.may_lack(name) for name in features.features):
            continue
        with _naming(file.path), parquet.ParquetFile(file.path) as opened:
            for batch in opened.iter_batches(_BATCH, columns=list(features.features)):
                table = dict(zip(batch.schema.names, batch.columns, strict=True))
                if lacks_some(features, table):
                    return True
    return False


def _tell_categories(file: _File, columns: Features, reading: Reading, shown: str) -> None:
    """Tell which features are categories that pandas wrote as numbers, and put in an order so."""
    names = [name for name in columns.features if name in file.categories and name not in reading.use]
    if names:
        what = (
            "columns hold categories that are numbers, which are"
            if len(names) > 1
            else ("column holds categories that are numbers, which are")
        )
        tell(
            f"{shown}: {len(names)} {what} taken as amounts: {first_of(names)}; make a column of 0 and 1 of each "
            "category (pandas.get_dummies), or say --use COLUMN for amounts"
        )


def _length(files: Sequence[_File], name: str) -> int | None:
    """Return how many numbers the lists of a column hold, by the first one; None of a column of numbers."""
    for file in files:
        if name not in file.schema.names or not is_vector(file.schema.field(name).type):
            return None
        kind = file.schema.field(name).type
        if pa.types.is_fixed_size_list(kind):
            return int(kind.list_size)
        with _naming(file.path), parquet.ParquetFile(file.path) as opened:
            for batch in opened.iter_batches(_BATCH, columns=[name]):
                if pa.types.is_null(batch.column(0).type):
                    break
                lengths = pc.fill_null(pc.list_value_length(batch.column(0)), 0).to_numpy(zero_copy_only=False)
                if lengths.any():
                    return int(lengths[lengths > 0][0])
    raise RowsError(f"{files[0].path}: column {name!r} has no list in any row; give lists of numbers")


def _refuse_new(files: Sequence[_File], columns: Features) -> None:
    """Refuse files of a fit with columns that the first has not: they may be of another table."""
    for file in files[1:]:
        unknown = columns.unknown(file.schema.names)
        if unknown:
            raise RowsError(
                f"{file.path}: has the column {unknown[0]!r}, which {files[0].path.name} lacks; all files of a "
                "folder need the same columns"
            )


class _Layout:
    """Where the features lie in a file."""

    def __init__(self, file: _File, columns: Features) -> None:
        self._path, self.width, self._nested = file.path, columns.width, columns.length is not None
        try:
            fields = [file.schema.field(place) for place in columns.places(file.schema.names)]
        except ColumnsError as error:
            raise RowsError(f"{file.path}: {error}") from None
        if self._nested and not is_vector(fields[0].type):
            raise RowsError(f"{file.path}: column {fields[0].name!r} holds {fields[0].type}, not lists of numbers")
        if not self._nested:
            refuse_text(fields, file.path)
        self.names = [field.name for field in fields]
        kinds = {field.type.value_type if self._nested else field.type for field in fields}
        dtypes = {_dtype(kind) for kind in kinds}
        self.dtype = dtypes.pop() if len(dtypes) == 1 else np.result_type(np.float32, *dtypes)

    def array(self, batch: pa.RecordBatch, first: int) -> NDArray[Any]:
        """Return the values of a batch: whole numbers in `dtype`, else float32 or, where needed, float64."""
        # Arrow gives columns in the order of the file.
        columns = [batch.column(name) for name in self.names]
        if self._nested:
            return self._lists(columns[0], first)
        whole = np.empty((batch.num_rows, self.width), dtype=self._kept(columns))
        for j, column in enumerate(columns):
            whole[:, j] = _values(column, whole.dtype, f"{self._path}: column {self.names[j]!r}")
        return whole

    def _lists(self, column: Any, first: int) -> NDArray[Any]:
        """Return lists as rows; those that are null or empty hold nothing, which NaN says."""
        if pa.types.is_null(column.type):
            return np.full((len(column), self.width), np.nan, np.result_type(np.float32, self.dtype))
        name = f"{self._path}: column {self.names[0]!r}"
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        other = np.flatnonzero((lengths != self.width) & (lengths != 0))
        if len(other):
            raise RowsError(
                f"{name} has {lengths[other[0]]} numbers in row {first + other[0]}, counted from 0, and "
                f"{self.width} in others; give all as many"
            )
        values = column.flatten()
        filled = lengths != 0
        dtype = self._kept([values]) if filled.all() else np.result_type(np.float32, self.dtype)
        rows = np.full((len(column), self.width), np.nan, dtype) if not filled.all() else None
        found = _values(values, dtype, name).reshape(-1, self.width)
        if rows is None:
            return found
        rows[filled] = found
        return rows

    def _kept(self, columns: Sequence[Any]) -> np.dtype[Any]:
        has_nulls = any(column.null_count for column in columns)
        return np.result_type(np.float32, self.dtype) if has_nulls else self.dtype


class _MixedLayout:
    """How rows are made of the columns of a file by their roles."""

    dtype = np.dtype(np.float32)

    def __init__(self, file: _File, mixed: Mixed) -> None:
        self._path, self._mixed, self._told = file.path, mixed, set[str]()
        self.names = list(mixed.features.features)
        try:
            mixed.features.places(file.schema.names)
        except ColumnsError as error:
            raise RowsError(f"{file.path}: {error}") from None

    def array(self, batch: pa.RecordBatch, first: int) -> NDArray[np.float32]:
        """Return the rows of a batch; of the first that has something to be told, it is told."""

        def tell_once(note: str) -> None:
            column = note.split(" holds ")[0]
            if column not in self._told and not note.endswith(IS_EMPTY):  # as all rows of a batch may be
                self._told.add(column)
                tell(f"{self._path}, rows {first} to {first + len(batch) - 1}: {note}")

        with naming_cells(str(self._path)):
            return self._mixed.transform(lambda name: pa.chunked_array([batch.column(name)]), tell_once)


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


def rows_of_groups(metadata: parquet.FileMetaData, path: Path) -> list[int]:
    """Return the rows of each row group of a file; damaged ones may claim billions, which a reader would look for.

    Raises
    ------
    RowsError
        If they are not those of the file.
    """
    groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    if min(groups, default=0) < 0 or sum(groups) != metadata.num_rows:
        raise RowsError(f"{path}: its row groups don't add up to its {metadata.num_rows} rows; write it again")
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
