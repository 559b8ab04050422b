"""Tables that are written as text, `.csv` and `.tsv`: read by Arrow once it is told how they are written."""

import csv
import re
import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from torchdec.prepare._roles import is_code_name, is_number, is_text, is_whole
from torchdec.rows._csv_cells import MISSING, is_comment
from torchdec.rows._csv_format import Format, look
from torchdec.rows._protocol import RowsError, tell
from torchdec.rows._reading import Reading

# A line must fit into one block, and Arrow's default of 1 MB is too little for very wide tables.
_BLOCK = 1 << 24
# Lines, or cells, that a message names.
_NAMED = 3
_THOUSANDS = {".": ",'\u00a0\u202f ", ",": ".'\u00a0\u202f "}


@dataclass(frozen=True)
class Written:
    """A table, and how the file of it is written."""

    table: pa.Table
    format: Format


def read_table(path: Path, reading: Reading) -> pa.Table:
    """Read the columns of a `.csv` or `.tsv`: missing values are null, numbers of any spelling are numbers.

    What `reading` leaves open is seen from the first lines, and told where it is a guess. Its column of texts is
    never taken for numbers.

    Raises
    ------
    RowsError
        If lines have other numbers of cells than most, which are named, or the file is no such table.
    """
    return read_written(path, reading).table


def read_written(path: Path, reading: Reading, known: Collection[str] = ()) -> Written:
    """Read a table and tell how it is written; `known` are names that a header has if there is one."""
    form = look(path, reading, known)
    texts = () if reading.text_column is None else (reading.text_column,)
    n_comments, table = _parsed(path, form, texts)
    if not len(table) or any("\n" in name for name in form.names) or _has_line_breaks(table):
        refuse_open_quotes(path, form)
    if n_comments:
        tell(f"{path}: {n_comments} more lines begin with # and are left out")
    table = _without_trailing(table, form, path)
    table = _with_all_digits(table, path, form)
    table = _with_numbers(table, form, texts, path, is_said=reading.decimal is not None)
    codes = [field.name for field in table.schema if is_whole(field.type) and is_code_name(field.name)]
    return Written(as_written(table, codes, path, form), form)


def as_written(table: pa.Table, names: Collection[str], path: Path, form: Format) -> pa.Table:
    """Return a table in which these columns are text where numbers are written otherwise, as 007 and 1.10 are.

    So what names the rows can be found again in other files.
    """
    names = [field.name for field in table.schema if field.name in names and is_number(field.type)]
    for name, text in _texts(path, form, names):
        number = table.column(name)
        is_kept = pa.types.is_integer(number.type) and pc.all(pc.equal(number.cast(pa.string()), text)).as_py()
        if not is_kept:
            table = table.set_column(table.column_names.index(name), name, text)
    return table


def read_as_written(path: Path, reading: Reading) -> pa.Table:
    """Read a table to be handed on: as `read_table` does, but for whole numbers that would lose digits."""
    table, form = (written := read_written(path, reading)).table, written.format
    return as_written(table, [field.name for field in table.schema if is_whole(field.type)], path, form)


def _texts(path: Path, form: Format, names: Sequence[str]) -> Iterator[tuple[str, pa.ChunkedArray]]:
    """Yield the cells of columns as they stand, without blanks around them."""
    if not names or len(set(form.names)) < len(form.names):  # a name that is there twice is refused later
        return
    table = _parsed(path, form, names, only=True)[1]
    for name, column in zip(table.column_names, table.columns, strict=True):
        yield name, pc.utf8_trim_whitespace(column)


def _with_all_digits(table: pa.Table, path: Path, form: Format) -> pa.Table:
    """Make decimals of whole numbers that Arrow has rounded to floats, since they have 19 digits or more."""
    names = [
        name
        for name, column in zip(table.column_names, table.columns, strict=True)
        if pa.types.is_floating(column.type) and pc.any(pc.greater_equal(pc.abs(column), 2.0**63)).as_py()
    ]
    for name, text in _texts(path, form, names):
        if pc.all(pc.match_substring_regex(text, r"^[-+]?\d{1,38}$")).as_py():
            table = table.set_column(table.column_names.index(name), name, text.cast(pa.decimal128(38, 0)))
    return table


def refuse_cells(path: Path, form: Format, table: pa.Table, names: Sequence[str]) -> None:
    """Name the cells that are no numbers in a column of numbers, if one of these columns is such.

    Raises
    ------
    RowsError
        With the line, the column and the cell.
    """
    for name in names:
        column = table.column(name)
        if not is_text(column.type):
            continue
        missing, matches = _matches(column, form.decimal or ".")
        wrong = pc.invert(pc.or_(missing, matches))
        n_wrong = pc.sum(wrong).as_py()
        if n_wrong and 2 * pc.sum(matches).as_py() >= len(column) - pc.sum(missing).as_py():
            row = pc.index(wrong, True).as_py()
            shown = repr(column[row].as_py()[:40])
            more = f" ({n_wrong:,} cells of the column are not)" if n_wrong > 1 else ""
            mark = " with a decimal comma" if form.decimal == "," else ""
            raise RowsError(
                f"{path}: line {_line_of(path, form, row)}, column {name!r}: {shown} is not a number{mark}{more}; "
                f"empty or mend the cell, read all as kinds with --role {shlex.quote(name)}=kind, or leave the "
                "column out with --ignore"
            )


def _parsed(path: Path, form: Format, texts: Collection[str], *, only: bool = False) -> tuple[int, pa.Table]:
    """Read all cells with Arrow, or `only` these columns of texts; return how many lines are comments too."""
    comments = []

    def pass_over(row: Any) -> str:
        comments.append(is_comment(row.text))
        return "skip" if comments[-1] or not row.text.strip() else "error"

    try:
        # Without a function of Python where it isn't needed: Arrow's threads let go of it once all is read, which
        # aborts a process that ends at that moment.
        table = _cells(path, form, texts, only)
    except pa.ArrowInvalid:
        try:
            table = _cells(path, form, texts, only, pass_over)
        except pa.ArrowInvalid as error:
            if "Empty CSV file" in str(error):
                return 0, pa.table({name: pa.array([], pa.null()) for name in form.names})
            refuse_open_quotes(path, form)
            _refuse_ragged(path, form)
            raise
    table = table.rename_columns([form.names[int(place)] for place in table.column_names])
    one_column = len(form.names) == 1
    return sum(comments), table.slice(0, len(table) - _blank_lines_at_end(path)) if one_column else table


def _cells(
    path: Path, form: Format, texts: Collection[str], only: bool, pass_over: Callable[[Any], str] | None = None
) -> pa.Table:
    text = [str(form.names.index(name)) for name in texts if name in form.names]
    return arrow_csv.read_csv(
        _source(path, form),
        read_options=arrow_csv.ReadOptions(
            use_threads=pass_over is None,
            block_size=_BLOCK,
            skip_rows=form.skip,
            column_names=[str(j) for j in range(len(form.names))],
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=form.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=len(form.names) > 1,  # in one column, an empty line is a missing value
            invalid_row_handler=pass_over,
        ),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=text if only else [],
            decimal_point=form.decimal or ".",
            column_types={number: pa.string() for number in text},
            # A text such as NA or NULL is a missing value, as in a column of numbers, unless it is quoted.
            strings_can_be_null=bool(text),
            quoted_strings_can_be_null=not text,
        ),
    )


def _has_line_breaks(table: pa.Table) -> bool:
    return any(pa.types.is_string(column.type) and _any(column, "[\r\n]") for column in table.columns)


def _source(path: Path, form: Format) -> Any:
    """Return what Arrow can read: the file, or its text where it is not UTF-8 or has blanks between columns."""
    if form.encoding in ("utf-8", "utf-8-sig") and form.delimiter != " ":
        return path
    try:
        text = path.read_text(encoding=form.encoding)
    except UnicodeError as error:
        raise RowsError(
            f"{path}: cannot be read in the encoding {form.encoding} ({error}); name it with --encoding"
        ) from None
    if form.delimiter == " " and '"' not in text:
        text = "\n".join(" ".join(line.split()) for line in text.split("\n"))
    held = pa.BufferOutputStream()  # memory of Arrow's own, for its threads to let go of
    held.write(text.encode())
    return held.getvalue()


def _blank_lines_at_end(path: Path) -> int:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        end = re.search(rb"[\s\0]*\Z", file.read())
    return max(0, (end[0] if end else b"").replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n") - 1)


def _without_trailing(table: pa.Table, form: Format, path: Path) -> pa.Table:
    """Leave out the column that a mark at the end of each line makes."""
    last = table.num_columns - 1
    unnamed = table.column_names[-1] == (f"Unnamed: {last}" if form.named else str(last))
    if not last or not unnamed or not len(table) or not pa.types.is_null(table.column(last).type):
        return table
    tell(f"{path}: its last column has no name and no value, as a mark at the end of each line makes it: left out")
    return table.remove_column(last)


def _refuse_ragged(path: Path, form: Format) -> None:
    width = len(form.names)
    wrong = [
        (line, len(cells))
        for line, cells in _lines(path, form)
        if len(cells) != width and not (is_comment(cells[0]) or not "".join(cells).strip())
    ]
    if wrong:
        line, n_cells = wrong[0]
        also = f" (so have lines {', '.join(str(line) for line, _ in wrong[1:_NAMED])}" if len(wrong) > 1 else ""
        also += f" and {len(wrong) - _NAMED:,} more)" if len(wrong) > _NAMED else ")" if also else ""
        what = "the header" if form.named else "the first line"
        if form.delimiter == "," and n_cells == 2 * width:
            also += ", as decimal commas make them"
        raise RowsError(
            f"{path}: line {line} has {n_cells} cell{'s' if n_cells > 1 else ''} between {form.delimiter!r} where "
            f"{what} has {width}{also}; put quotes around cells that hold {form.delimiter!r}, or take away lines "
            "that are no rows"
        )


def _lines(path: Path, form: Format) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row with the number of its first line, counted from 1; slow, for messages only."""
    with path.open(encoding=form.encoding) as file:
        for _ in range(form.skip):
            file.readline()
        reader = csv.reader(file, delimiter=form.delimiter, skipinitialspace=form.delimiter == " ")
        before = 0
        for cells in reader:
            if cells or len(form.names) == 1:
                yield form.skip + before + 1, cells or [""]
            before = reader.line_num


def _line_of(path: Path, form: Format, row: int) -> int:
    """Return the number of the line, counted from 1, that a row begins in."""
    rows = (line for line, cells in _lines(path, form) if len(cells) == len(form.names))
    return next(line for number, line in enumerate(rows) if number == row)


def _with_numbers(table: pa.Table, form: Format, texts: Collection[str], path: Path, *, is_said: bool) -> pa.Table:
    """Make columns of numbers that Arrow takes for text, for their marks, columns of numbers; tell of guesses."""
    done: dict[str, list[str]] = {}
    for number, name in enumerate(table.column_names):
        column = table.column(number)
        if not pa.types.is_string(column.type) or name in texts:
            continue
        mark = _decimal_mark(column, form, name, path)
        missing, matches = _matches(column, mark)
        if not len(column) or not pc.all(pc.or_(missing, matches)).as_py():
            continue
        has_thousands = _any(column, rf"^[^{re.escape(mark)}]*\d[{re.escape(_THOUSANDS[mark])}]\d")
        if has_thousands:
            done.setdefault(f"marks of thousands, with {mark!r} before decimals", []).append(repr(name))
        elif mark == ",":
            done.setdefault("a decimal comma", []).append(repr(name))
        table = table.set_column(number, name, _numbers(column, missing, mark))
    if is_said:
        return table
    if form.decimal == "," and not done:
        done["a decimal comma"] = []
    for what, names in done.items():
        columns = (
            f" in column {', '.join(names[:_NAMED])}{', ...' if len(names) > _NAMED else ''}" if names else ""
        )
        tell(f"{path}: numbers are read with {what}{columns}; --decimal names another mark")
    return table


def _decimal_mark(column: Any, form: Format, name: str, path: Path) -> str:
    """Return the decimal mark of a column: the file's, else the one that its own cells show.

    Raises
    ------
    RowsError
        If they are numbers with either.
    """
    if form.decimal is not None:
        return form.decimal
    _, points = _matches(column, ".")
    _, commas = _matches(column, ",")
    only_points, only_commas = pc.and_(points, pc.invert(commas)), pc.and_(commas, pc.invert(points))
    n_points, n_commas = (pc.sum(only).as_py() or 0 for only in (only_points, only_commas))
    if n_points or n_commas:
        return "." if n_points >= n_commas else ","
    either = pc.and_(points, pc.match_substring(column, ","))
    if form.delimiter != "," and pc.any(either).as_py() and pc.all(points).as_py():
        cell = column[pc.index(either, True).as_py()].as_py()
        raise RowsError(
            f"{path}: column {name!r}: {cell!r} may be {cell.replace(',', '')} or {cell.replace(',', '.')}; say "
            "which with --decimal . or --decimal ,"
        )
    return "."


def _matches(column: Any, mark: str) -> tuple[Any, Any]:
    """Tell for each cell whether it is missing, and whether it is a number with this decimal mark."""
    mark_, groups = re.escape(mark), re.escape(_THOUSANDS[mark])
    digits = rf"(\d+|[1-9]\d{{0,2}}([{groups}]\d{{3}})+)"
    number = rf"^\s*[-+]?({digits}({mark_}\d*)?|{mark_}\d+)([eE][-+]?\d+)?\s*$|^\s*[-+]?(?i:inf)\s*$"
    missing = pc.is_in(column, pa.array(sorted(MISSING)))
    return missing, pc.fill_null(pc.match_substring_regex(column, number), False)


def _any(column: Any, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, pattern)).as_py())


def _numbers(column: Any, missing: Any, mark: str) -> Any:
    bare = pc.replace_substring_regex(column, rf"[\s+{re.escape(_THOUSANDS[mark])}]", "")
    bare = pc.replace_substring(bare, mark, ".")
    # A sign before an exponent went with the others.
    return pc.if_else(missing, None, bare).cast(pa.float64())


def refuse_open_quotes(path: Path, form: Format) -> None:
    """Refuse a quotation mark that makes one row of several; tell of one that may.

    Raises
    ------
    RowsError
        If a cell's mark is not closed at its end, or the lines in it are rows. Where commas stand between columns,
        these may be sentences.
    """
    n_marks = len(form.names) - 1
    for line, lines in _rows_of_several_lines(path, form):
        last = line + len(lines) - 1
        if not _is_closed(lines, form):
            raise RowsError(
                f"{path}: line {line}: a quotation mark opens a cell that runs on to line {last}; take the mark "
                'away, or close the cell, with marks inside of it written twice ("")'
            )
        if n_marks and all(text.count(form.delimiter) == n_marks for text in lines):
            what = (
                f"{path}: lines {line} to {last} are one row, since a quotation mark in line {line} opens a cell"
            )
            if form.delimiter != ",":
                raise RowsError(f"{what}, though each of them has as many cells as a row; take the mark away")
            tell(f"{what}; take the mark away if they are several")


def _rows_of_several_lines(path: Path, form: Format) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line of each such row, counted from 1, and its lines."""
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in file:
            taken.append(line)
            yield line

    with path.open(encoding=form.encoding) as file:
        number = 1
        try:
            for _ in csv.reader(lines(), delimiter=form.delimiter, skipinitialspace=form.delimiter == " "):
                if len(taken) > 1:
                    yield number, taken.copy()
                number += len(taken)
                taken.clear()
        except csv.Error:  # a cell of more than 100,000 characters
            yield number, taken


def _is_closed(lines: list[str], form: Format) -> bool:
    """Tell whether each quotation mark that opens a cell has one that ends the cell."""
    try:
        list(csv.reader(lines, delimiter=form.delimiter, skipinitialspace=form.delimiter == " ", strict=True))
    except csv.Error:
        return False
    return True
