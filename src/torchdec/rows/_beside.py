"""What vectors came from: the texts, or the pictures' paths, in a column beside them."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

import pyarrow as pa
from pyarrow import parquet

from torchdec.prepare._roles import is_text
from torchdec.rows._parquet import ParquetRows
from torchdec.rows._protocol import RowsError
from torchdec.rows._reading import Reading


class TextsOfColumn(Sequence[str]):
    """The texts in a column of a Parquet file, read when one is first asked for; a fit needs none of them."""

    def __init__(self, path: Path, name: str) -> None:
        schema = parquet.read_schema(path)
        if name not in schema.names or not is_text(schema.field(name).type):
            known = ", ".join(repr(field.name) for field in schema if is_text(field.type)) or "none"
            raise RowsError(f"{path}: {name!r} is no column of texts beside the vectors; those are {known}")
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
