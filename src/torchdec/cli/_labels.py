"""Files of labels. Nothing that was pickled is ever loaded."""

import csv
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from torchdec.cli._errors import UserError, one_line

# Names under which a label column is recognised where a .csv has several columns.
COLUMN_NAMES = ("y", "label", "labels", "class", "target")


def read_labels(path: Path, column: str | None = None) -> NDArray[Any]:
    """Read one label a row from `.npy`, `.csv` or the `y` of an `.npz`; those of a `.csv` are text."""
    kinds = {".npy": _from_npy, ".npz": _from_npz}
    kind = path.suffix.lower()
    if kind != ".csv" and column is not None:
        raise UserError(f"{path} is no .csv, so it has no column {column!r}; leave out --column.")
    try:
        if kind == ".csv":
            return _from_csv(path, column)
        if kind in kinds:
            return _checked(kinds[kind](path), path)
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; check the path.") from None
    except (OSError, ValueError, EOFError, BadZipFile, csv.Error) as error:
        raise UserError(f"{path} cannot be read ({one_line(error)}); write it again.") from None
    raise UserError(f"{path} has the suffix {path.suffix!r}; give a file of type .npy, .csv or .npz.")


def _from_npy(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _from_npz(path: Path) -> NDArray[Any]:
    # Opened here, because NumPy leaves a damaged archive open.
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UserError(f"{path} is one array and no archive; rename it to .npy.")
        if "y" not in archive.files:
            raise UserError(f"{path} holds {', '.join(archive.files) or 'nothing'}; give one with an array y.")
        labels: NDArray[Any] = archive["y"]
    return labels


def _checked(labels: NDArray[Any], path: Path) -> NDArray[Any]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or not len(labels):
        raise UserError(f"{path} has shape {labels.shape}; give one label a row: shape (rows,).")
    if labels.dtype.kind == "f":
        odd = labels[~(np.mod(labels, 1) == 0)]
        if len(odd):
            raise UserError(f"{path} holds {odd[0]:g}, which is no class; give whole numbers or text.")
        return labels.astype(np.int64)
    if labels.dtype.kind not in "biuSU":
        raise UserError(f"{path} holds values of dtype {labels.dtype}; give whole numbers or text.")
    return labels


def _from_csv(path: Path, column: str | None) -> NDArray[Any]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise UserError(f"{path} is empty; give one label a row.")
    _refuse_other_marks(rows, path)
    # As for rows: a first line of numbers is a row, any other the header.
    header = [] if all(_is_number(cell) for cell in rows[0]) else [cell.strip() for cell in rows.pop(0)]
    index = _column_index(header, len(header or rows[0]), column, path)
    labels = [row[index].strip() if index < len(row) else "" for row in rows]
    if not labels:
        raise UserError(f"{path} holds a header and no labels; give one label a row.")
    if "" in labels:
        raise UserError(f"{path} has no label in row {labels.index('')}, counted from 0; give one label a row.")
    return np.array(labels)


def _refuse_other_marks(rows: list[list[str]], path: Path) -> None:
    """Refuse columns without commas between them: the whole line would be taken for the label."""
    for mark in (";", "\t"):
        # A decimal comma may cut the lines after the header.
        if len(rows[0]) == 1 and all(mark in row[0] for row in rows):
            raise UserError(f"{path} has {mark!r} between its columns; write it with commas between them.")


def _column_index(header: list[str], n_columns: int, column: str | None, path: Path) -> int:
    wanted = (column,) if column is not None else COLUMN_NAMES
    for name in wanted:
        if name in header:
            return header.index(name)
    if column is None and n_columns == 1:
        return 0
    shown = ", ".join(header[:5]) + (", ..." if len(header) > 5 else "") if header else "no header"
    missing = f"no column {column!r}" if column is not None else "several columns, none of them named y or label"
    raise UserError(f"{path} has {missing} (it has {shown}); name the column of the labels with --column.")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
