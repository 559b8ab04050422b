"""Texts, from the lines of a file or a column of a table."""

from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from torchdec.prepare._texts import Texts
from torchdec.rows._protocol import RowsError
from torchdec.rows._reading import Preparation, Reading
from torchdec.rows._sparse import SparseRows


class TextRows(SparseRows):
    """Rows of tf-idf, each of length 1, or 0 where no word is known, with the texts that they are of.

    Attributes
    ----------
    texts : list of str
        One for each row.
    preparation : Preparation
        Of `Texts`: the words and how rare each was.
    """

    def __init__(self, texts: list[str], prepared: Texts, reading: Reading) -> None:
        super().__init__(prepared.transform(texts), list(prepared.words))
        self.texts = texts
        self.preparation = Preparation(reading, prepared)


def read_texts(path: Path, reading: Reading, prepared: Texts | None) -> TextRows:
    """Read texts and make rows of them; see `torchdec.rows.read_rows`."""
    texts = _lines(path) if reading.text_column is None else _column(path, reading.text_column)
    try:
        return TextRows(texts, prepared or Texts.fit(texts), reading)
    except ValueError as error:
        raise RowsError(f"{path}: makes no vocabulary ({error}); give texts of words") from None


def _lines(path: Path) -> list[str]:
    try:
        # splitlines() would also cut at form feeds and at Unicode's separators, which stand within texts.
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise RowsError(f"{path}: is no UTF-8 text ({error.reason} at byte {error.start}); convert it") from None
    if not any(line.strip() for line in lines):
        raise RowsError(f"{path}: has no text in any line; write one text a line")
    return lines


def _column(path: Path, name: str) -> list[str]:
    if path.suffix.lower() == ".parquet":
        table = parquet.read_table(path)
    elif path.suffix.lower() == ".csv":
        # Texts may hold line breaks within quotes.
        table = arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(block_size=1 << 24),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(column_types={name: pa.string()}),
        )
    else:
        raise RowsError(f"{path}: has no columns; a column of texts is taken from a .csv or a .parquet")
    if name not in table.column_names:
        known = ", ".join(map(repr, table.column_names[:8]))
        raise RowsError(f"{path}: has no column {name!r}; it has {known}")
    column = table.column(name)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise RowsError(f"{path}: column {name!r} holds {column.type}, no text; name another one")
    return [text or "" for text in column.to_pylist()]
