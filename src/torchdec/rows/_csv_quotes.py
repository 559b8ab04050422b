"""Quotation marks that open a cell by chance, and join the rows below to one."""

import csv
from collections.abc import Iterator
from pathlib import Path

from torchdec.rows._csv_format import Format
from torchdec.rows._protocol import RowsError, tell


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
