"""What a text of columns looks like: its encoding, the marks between columns and in numbers, and its header."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchdec.rows._csv_cells import MOST_CELLS, decimal_mark, has_header, is_comment, is_number, of_either_mark
from torchdec.rows._encodings import BEGINNINGS, is_windows_1252
from torchdec.rows._protocol import RowsError, tell
from torchdec.rows._reading import Reading

# Lines and characters that the look of a file is told from.
_LINES, _CHARACTERS = 100, 1 << 22
_BLOCK = 1 << 24
_DELIMITERS = (",", ";", "\t", "|", " ")
# Words have blanks between them too: these are marks between columns where so many of the cells are numbers.
_NUMBERS_BETWEEN_BLANKS = 1 / 3


@dataclass(frozen=True)
class Format:
    """How a file is written."""

    encoding: str
    delimiter: str
    decimal: str | None  # the decimal mark, None where the first lines do not tell
    skip: int  # lines above the first row, the header among them
    # Of the columns; "0", "1", ... without a header.
    names: tuple[str, ...]
    named: bool  # whether there is a header
    row_names: bool  # whether the first column, without a name, names the rows


def look(path: Path, reading: Reading, known: Collection[str] = ()) -> Format:
    """Tell how a file is written: what the caller said, else what its first lines show; guesses are told.

    Names that are `known` of such a file tell that its first line is a header.
    """
    encoding = reading.encoding or _encoding(path)
    lines = _first_lines(path, encoding)
    start, said = _above(lines, path)
    delimiter = reading.delimiter or said or _told_delimiter(lines[start:], path, reading.text_column)
    if reading.delimiter is not None:
        _refuse_absent(reading.delimiter, lines[start:], path, reading.text_column)
    records = [
        (start + end, [cell.strip() for cell in cells])
        for end, cells in _records(lines[start:], delimiter)
        if cells
    ]
    if not records:
        raise RowsError(f"{path}: holds no table, only blank lines or comments; write it again")
    width = _width([cells for _, cells in records])
    records, row_names = _without_title(records, width, path, reading, delimiter)
    (end, first), below = records[0], [cells for _, cells in records[1:] if len(cells) == width]
    quoted = _has_quotes_above(lines[end - 1 :], delimiter)
    named = row_names or has_header(first, below, path, reading, known, is_quoted=quoted)
    if named:
        if len(first) == width - 1:
            first = [*first, ""] if not row_names else ["", *first]
        names = _names(first, path)
    else:
        names = [str(number) for number in range(width)]
        end = _line_before(records[0], lines, delimiter, start)
    rows = below if named else [first, *below]
    decimal = reading.decimal or decimal_mark(rows)
    either = of_either_mark(rows) if decimal is None else None
    if either is not None:
        tell(
            f"{path}: numbers such as {either} are read with a decimal point; if it stands between thousands, say "
            "so with --decimal ,"
        )
    return Format(encoding, delimiter, decimal, end, tuple(names), named, row_names)


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_BLOCK)
        for beginning, name in BEGINNINGS.items():
            if head.startswith(beginning):
                return name
        zeros = [head[:2000][offset::2].count(0) for offset in (0, 1)]
        if max(zeros) > 2 * min(zeros) + len(head[:2000]) // 8:
            return _told(path, "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le")
        if b"\0" in head:
            raise ValueError("it holds zero bytes")
        decoder, block = codecs.getincrementaldecoder("utf-8")(), head
        try:
            while block:
                decoder.decode(block)
                block = file.read(_BLOCK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            if not is_windows_1252(block):
                raise RowsError(
                    f"{path}: is not in UTF-8 and seems not to be in Windows-1252; name its encoding with "
                    "--encoding, such as gbk, cp1251 or mac_roman"
                ) from None
            return _told(path, "cp1252")
    return "utf-8"


def _told(path: Path, encoding: str) -> str:
    tell(
        f"{path}: is not in UTF-8 and is read as {encoding}; if its words look wrong, name its encoding with "
        "--encoding"
    )
    return encoding


def _first_lines(path: Path, encoding: str) -> list[str]:
    lines: list[str] = []
    try:
        with path.open(encoding=encoding) as file:
            n_characters = 0
            while len(lines) < _LINES and (n_characters < _CHARACTERS or len(lines) < 4):
                line = file.readline()
                if not line:
                    break
                lines.append(line)
                n_characters += len(line)
    except LookupError:
        raise RowsError(f"{path}: encoding {encoding!r} is not known; try utf-8, cp1252 or utf-16") from None
    except UnicodeError as error:
        raise RowsError(
            f"{path}: cannot be read in the encoding {encoding} ({error}); name it with --encoding"
        ) from None
    return lines


def _above(lines: list[str], path: Path) -> tuple[int, str | None]:
    """Return the number of lines above the table that are none of it, and the mark that Excel's `sep=` names."""
    start, said = 0, None
    while start < len(lines) and not lines[start].strip():
        start += 1
    named = re.fullmatch(r'"?sep=(.)"?', lines[start].rstrip("\r\n")) if start < len(lines) else None
    if named:
        start, said = start + 1, named[1]
    comments = start
    while start < len(lines) and (not lines[start].strip() or is_comment(lines[start])):
        start += 1
    if (
        start
        and start < len(lines)
        and lines[start - 1].startswith("#")
        and _is_header_after_mark(lines[start - 1 :])
    ):
        start -= 1
        lines[start] = lines[start].lstrip("# ")
    if start > comments and any(is_comment(line) for line in lines[comments:start]):
        tell(f"{path}: the first {start - comments} lines begin with # and are left out")
    return start, said


def _is_header_after_mark(lines: Sequence[str]) -> bool:
    """Tell whether a comment holds the names of the columns, as NumPy's `savetxt` writes them."""
    for mark in _DELIMITERS:
        (_, names), (_, row) = [*_records([lines[0].lstrip("# ")], mark), *_records(lines[1:2], mark)][:2]
        if len(row) > 1 and len(names) == len(row) and is_number(row[-1]) and not any(map(is_number, names)):
            return True
    return False


def _records(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the number of lines up to its end; [] for a blank line."""
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter == " ")
    try:
        for cells in reader:
            if delimiter == " " and cells and not cells[-1]:
                cells.pop()  # blanks at the end of a line
            yield reader.line_num, cells
    except csv.Error:  # a cell of more than 100,000 characters: what came before it tells enough
        return


def _width(rows: Sequence[Sequence[str]]) -> int:
    """Return the number of cells of most rows, the larger one of several."""
    counts = Counter(map(len, rows[1:] or rows))
    return max(counts, key=lambda width: (counts[width], width))


def _told_delimiter(lines: Sequence[str], path: Path, text_column: str | None) -> str:
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    chosen = _delimiter(lines, usual, text_column) or usual
    if chosen != usual:
        tell(
            f"{path}: {_shown(chosen)} stands between its columns, as its lines show; --delimiter names another "
            "mark"
        )
    return chosen


def _shown(delimiter: str) -> str:
    return {"\t": "a tab", " ": "a blank"}.get(delimiter, repr(delimiter))


def _refuse_absent(delimiter: str, lines: Sequence[str], path: Path, text_column: str | None) -> None:
    """Refuse a mark that stands nowhere, where another one is between columns."""
    if any(delimiter in line for line in lines):
        return
    other = _delimiter(lines, delimiter, text_column)
    if other is not None and other in lines[0]:
        raise RowsError(
            f"{path}: {_shown(delimiter)}, named as its delimiter, stands in none of its first lines, in which "
            f"{_shown(other)} stands between columns; leave out --delimiter, or name {_shown(other)}"
        )


def _delimiter(lines: Sequence[str], usual: str, text_column: str | None) -> str | None:
    """Return the mark that cuts most lines into as many cells, the usual one if several do, None without one."""
    best, chosen = 0.0, None
    for mark in (usual, *_DELIMITERS):
        rows = [cells for _, cells in _records(lines, mark) if cells]
        # A column of texts that is not there, or alone in its line, has no mark beside it.
        if text_column and not any(len(row) > 1 and text_column in map(str.strip, row) for row in rows):
            continue
        width = _width(rows) if rows else 1
        if width < 2:
            continue
        cells = [cell.strip() for row in (rows[1:] or rows) for cell in row][:MOST_CELLS]
        consistent = sum(len(row) == width for row in rows) / len(rows)
        numeric = sum(is_number(cell) for cell in cells) / len(cells)
        if _is_within_cells(rows) or (mark == " " and numeric < _NUMBERS_BETWEEN_BLANKS):
            continue
        # Blanks stand within texts too, of which the names of the columns have another number.
        heads = len(rows[0]) in (width, width - 1)
        score = consistent * (1 + numeric) * (0.9 if mark == " " else 1) * (1 if heads else 0.5)
        if score > best and consistent >= 0.5:
            best, chosen = score, mark
    return chosen


def _is_within_cells(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether a mark stands within cells, as in `group 1` and `0,5`: it is not in the first line."""
    if len(rows) < 2 or len(rows[0]) > 1 or len(rows[1]) == 1 or _names_rows([row[0] for row in rows[1:]]):
        return False
    numbers_follow = any(is_number(cell) and cell for row in rows[2:] for cell in row)
    return any(map(is_number, rows[1])) or not numbers_follow


def _has_quotes_above(lines: Sequence[str], delimiter: str) -> bool:
    """Tell whether all cells of the first line are in quotes, and numbers below it are not."""
    cell, mark = r'\s*"[^"]*"\s*', re.escape(delimiter)
    all_quoted = re.fullmatch(f"{cell}(?:{mark}{cell})*", lines[0]) is not None
    return all_quoted and not any(re.search(r'"[-+]?[\d.,]+"', line) for line in lines[1:])


def _without_title(
    records: list[tuple[int, list[str]]], width: int, path: Path, reading: Reading, delimiter: str
) -> tuple[list[tuple[int, list[str]]], bool]:
    """Leave out lines above the header, and tell whether the header lacks the name of the names of the rows."""
    first = records[0][1]
    below = [cells for _, cells in records[1:] if len(cells) == width]
    if len(first) == width - 1 and below and reading.header is not False:
        trailing = all(not cells[-1] for cells in below)
        if trailing:
            return records, False
        if reading.text_column is None and _names_rows([cells[0] for cells in below]):
            tell(
                f"{path}: its header has one name fewer than its lines have cells, so the first cell names the row"
            )
            return records, True
    filled = [sum(map(bool, cells)) for _, cells in records]
    wide = next((n for n, (_, cells) in enumerate(records) if len(cells) == width and filled[n] > 1), 0)
    above = records[:wide]
    numbers_follow = any(is_number(cell) and cell for _, cells in records[wide + 1 :] for cell in cells)
    is_header = filled[wide] == width and not any(map(is_number, records[wide][1])) and numbers_follow
    if above and is_header and max(filled[:wide]) <= 1:
        shown = " ".join(cell for cell in above[0][1] if cell)[:40]
        lines = "1 line stands" if len(above) == 1 else f"{len(above)} lines stand"
        tell(f"{path}: {lines} above the header, left out: {shown!r}")
        return records[wide:], False
    if len(first) == width - 1 and below and not any(map(is_number, first)):
        raise RowsError(
            f"{path}: its header has {len(first)} cell{'s' if len(first) > 1 else ''} between {delimiter!r}, and "
            f"the lines below {width}; name the marks with --delimiter and --decimal, or mend the header"
        )
    return records, False


def _names_rows(cells: Sequence[str]) -> bool:
    """Tell whether the first cells are the names of rows that R writes: words, or 1, 2, 3, ..."""
    counts = cells == [str(number) for number in range(1, len(cells) + 1)]
    return counts or (len(set(cells)) == len(cells) and not any(map(is_number, cells)))


def _names(cells: Sequence[str], path: Path) -> list[str]:
    """Return the names of the columns, each another one."""
    names: list[str] = []
    seen: Counter[str] = Counter()
    for number, cell in enumerate(cells):
        name = cell or f"Unnamed: {number}"
        names.append(f"{name}.{seen[name]}" if seen[name] else name)
        seen[name] += 1
    twice = [name for name, count in seen.items() if count > 1]
    if twice:
        tell(
            f"{path}: several columns are named {twice[0]!r}; those after the first are called '{twice[0]}.1' and "
            "so on"
        )
    return names


def _line_before(record: tuple[int, Any], lines: Sequence[str], delimiter: str, start: int) -> int:
    """Return the number of lines above a record, which may have line breaks within quotes."""
    ends = [start, *(start + end for end, cells in _records(lines[start:], delimiter))]
    return ends[ends.index(record[0]) - 1]
