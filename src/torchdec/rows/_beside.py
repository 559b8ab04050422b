"""What vectors came from: texts or pictures' paths in a column beside them, or the pictures in a folder."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

import pyarrow as pa
from pyarrow import parquet

from torchdec.prepare._roles import is_text
from torchdec.rows._arrays import DenseRows
from torchdec.rows._folders import files_inside
from torchdec.rows._images import SUFFIXES
from torchdec.rows._parquet import ParquetRows
from torchdec.rows._protocol import Rows, RowsError, tell
from torchdec.rows._reading import Reading


class TextsOfColumn(Sequence[str]):
    """The texts in a column of a Parquet file, read when one is first asked for; a fit needs none of them."""

    def __init__(self, path: Path, name: str) -> None:
        schema = parquet.read_schema(path)
        if name not in schema.names or not is_text(schema.field(name).type):
            known = ", ".join(repr(field.name) for field in schema if is_text(field.type)) or "none"
            raise RowsError(f"{path}: {name!r} isn't a column of texts beside the vectors; those are {known}")
        self._path, self._name = path, name

    @cached_property
    def _texts(self) -> pa.ChunkedArray:
        return parquet.read_table(self._path, columns=[self._name])[self._name]

    def __len__(self) -> int:
        return int(parquet.read_metadata(self._path).num_rows)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [text or "" for text in self._texts[place].to_pylist()]
        return self._texts[int(place)].as_py() or ""


def attach(rows: ParquetRows, path: Path, reading: Reading, *, is_needed: bool) -> ParquetRows:
    """Let rows of vectors know the texts or pictures that stand beside them; later files may have none."""
    there = parquet.read_schema(path).names
    if (texts := reading.text_column) is not None and (is_needed or texts in there):
        rows.texts = TextsOfColumn(path, texts)
    if (pictures := reading.image_column) is not None and (is_needed or pictures in there):
        rows.pictures = TextsOfColumn(path, pictures)
        rows.folder_of_pictures = path.parent
    return rows


def of_pictures(vectors: Rows, features: Path, folder: Path) -> DenseRows:
    """Let the vectors in a file know which pictures of a folder they are of: one each, in natural order."""
    paths = files_inside(folder, SUFFIXES) if folder.is_dir() else []
    if not paths:
        raise RowsError(f"{folder}: isn't a folder of pictures, which features are of; leave out {features}")
    if not isinstance(vectors, DenseRows):
        raise RowsError(f"{features}: isn't one array of vectors; give a .npy of one row for each picture")
    names = [path.relative_to(folder).as_posix() for path in paths]
    if len(names) != len(vectors):
        raise RowsError(
            f"{features}: holds {len(vectors):,} rows, but {folder} {len(names):,} pictures; give one row for each"
        )
    order = names if len(names) < 4 else [*names[:2], "...", names[-1]]
    tell(f"{features}: its rows are taken for the pictures of {folder} in this order: {', '.join(order)}")
    vectors.names = vectors.pictures = names
    vectors.folder_of_pictures = folder
    return vectors
