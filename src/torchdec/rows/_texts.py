"""Texts, from the lines of a file or a column of a table."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from torchdec.prepare._features import id_columns
from torchdec.prepare._texts import Texts, has_no_blanks
from torchdec.rows._arrays import SparseRows
from torchdec.rows._csv import as_written, read_written
from torchdec.rows._encodings import BEGINNINGS, is_windows_1252
from torchdec.rows._ids import Dated, date_column, dated
from torchdec.rows._protocol import RowsError, tell
from torchdec.rows._reading import Preparation, Reading


class TextRows(SparseRows):
    """Rows of tf-idf, each of length 1, with the texts that they are of, and what stands beside these.

    A text without a known word, such as an empty one, holds nothing: its row is NaN. `dated` is the first column
    beside the texts that holds dates, read when it is asked for.
    """

    def __init__(
        self, texts: list[str], prepared: Texts, reading: Reading, beside: pa.Table | None = None
    ) -> None:
        super().__init__(prepared.transform(texts), list(prepared.words))
        self.texts, self.ids, self._dates = texts, None, None
        if beside is not None:
            names = [name for name in id_columns(beside) if name not in reading.ignore]
            self.ids = beside.select(names) if names else None
            dates = date_column(beside)
            self._dates = None if dates is None else (dates, beside[dates])
        self.preparation = Preparation(reading, prepared)
        self._is_empty = np.diff(self._matrix.indptr) == 0

    @property
    def dated(self) -> Dated | None:
        """When the texts are from."""
        return None if self._dates is None else dated(*self._dates)

    def _dense(self, index: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        dense = super()._dense(index)
        dense[self._is_empty[index]] = np.nan
        return dense


def read_texts(path: Path, reading: Reading, prepared: Texts | None) -> TextRows:
    """Read texts and make rows of them; see `torchdec.rows.read_rows`."""
    texts, beside = (
        (lines_of(path, reading.encoding), None) if reading.text_column is None else _column(path, reading)
    )
    try:
        rows = TextRows(texts, prepared or _learnt(texts), reading, beside)
    except ValueError as error:
        raise RowsError(f"{path}: no vocabulary can be made ({error}); give texts of words") from None
    return rows


def text_rows(texts: Iterable[str | None], prepared: Texts | None = None) -> TextRows:
    """Make rows of texts in memory, with the words of a fit or those of the texts; what is no text is empty."""
    known = [text if isinstance(text, str) else "" for text in texts]
    try:
        return TextRows(known, prepared or _learnt(known), Reading())
    except ValueError as error:
        raise RowsError(f"X: no vocabulary can be made ({error}); give texts of words") from None


def _learnt(texts: list[str]) -> Texts:
    """Learn the words, and tell where they are characters."""
    if not any(text.strip() for text in texts):
        raise ValueError("no row has a text")
    prepared = Texts.fit(texts)
    if prepared.analyzer == "characters":
        tell(
            "most texts have no word in common with another one: their features are characters and pairs of "
            "characters"
        )
    unspaced = (
        [] if prepared.analyzer != "words and characters" else [text for text in texts if has_no_blanks(text)]
    )
    if unspaced:
        example = unspaced[0].strip()[:12]
        tell(
            f"{len(unspaced):,} of {len(texts):,} texts are in a script without blanks between words, such as "
            f"{example!r}: their features are characters and pairs of characters"
        )
    return prepared


def lines_of(path: Path, encoding: str | None) -> list[str]:
    """Return the lines of a file, in an encoding that its bytes show where none is given."""
    content = path.read_bytes()
    text = _decoded(content, path) if encoding is None else _decoded_as(encoding, content, path)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # splitlines() would also cut at form feeds and at Unicode's separators, which stand within texts.
    return text.removesuffix("\n").split("\n")


def _decoded(content: bytes, path: Path) -> str:
    """Decode by the mark at the beginning, else as UTF-8, or as Windows-1252 where it looks so, which is told."""
    encoding = next((name for mark, name in BEGINNINGS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        reason = f"is no {encoding.removesuffix('-sig').upper()} text ({error.reason} at byte {error.start})"
        if encoding != "utf-8" or not is_windows_1252(content):
            raise RowsError(f"{path}: {reason}; name its encoding (encoding=, --encoding)") from None
        tell(f"{path}: {reason} and was read as Windows-1252 (cp1252); convert it if its accents look wrong")
        return content.decode("cp1252")
    if "\0" in text:
        raise RowsError(f"{path}: holds zero bytes, as UTF-16 without a byte-order mark does; convert it to UTF-8")
    return text


def _decoded_as(encoding: str, content: bytes, path: Path) -> str:
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise RowsError(f"{path}: encoding={encoding!r} isn't a known encoding; name one such as cp1252") from None
    except UnicodeDecodeError as error:
        raise RowsError(
            f"{path}: is no {encoding} text ({error.reason} at byte {error.start}); name another encoding"
        ) from None


def _column(path: Path, reading: Reading) -> tuple[list[str], pa.Table]:
    """Return the texts of a column, and the columns beside it."""
    name = str(reading.text_column)
    if path.suffix.lower() == ".parquet":
        schema = parquet.read_schema(path)
        _check_name(schema.names, name, path)
        # Vectors, which may be long, name nothing.
        flat = [field.name for field in schema if field.name == name or not pa.types.is_nested(field.type)]
        table = parquet.read_table(path, columns=flat)
    elif path.suffix.lower() in (".csv", ".tsv"):
        written = read_written(path, reading)
        table = as_written(written.table, id_columns(written.table), path, written.format)
        _check_name(table.column_names, name, path)
    else:
        raise RowsError(f"{path}: has no columns; give a .csv, .tsv or .parquet for a column of texts")
    kind = table.schema.field(name).type
    held = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_null(held) or any(is_text(held) for is_text in _TEXT_TYPES)):
        raise RowsError(f"{path}: column {name!r} holds {kind}, no text; name another one")
    if reading.use:
        raise RowsError(
            f"{path}: beside the texts of {name!r}, column {reading.use[0]!r} isn't a feature; leave out --use "
            "or --text-column"
        )
    return [text or "" for text in table.column(name).to_pylist()], table.drop_columns([name])


_TEXT_TYPES = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


def _check_name(names: Sequence[str], name: str, path: Path) -> None:
    if name in names:
        return
    near = [known for known in names if known.lower() == name.lower()] or get_close_matches(name, names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    known = ", ".join(map(repr, names[:8])) + (" ..." if len(names) > 8 else "")
    raise RowsError(f"{path}: has no column {name!r}; it has {known}{hint}")
