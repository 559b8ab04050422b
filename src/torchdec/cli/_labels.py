"""Files of labels. Nothing that was pickled is ever loaded."""

import csv
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from torchdec.cli._errors import UserError, one_line, say
from torchdec.prepare._roles import LABEL_NAMES, is_label_name, label_name
from torchdec.rows._csv import refuse_open_quotes
from torchdec.rows._csv_cells import is_comment
from torchdec.rows._csv_format import Format, look
from torchdec.rows._protocol import RowsError, RowsWarning
from torchdec.rows._reading import Reading

if TYPE_CHECKING:
    from torchdec._dec import DEC

# What writers of text leave where a label is missing.
_MISSING = ("", "nan", "NaN", "<NA>")
# Numbers of rows that a message names.
_NAMED = 5
# Rows from which on labels that never repeat are ids, amounts or whole lines.
_ENOUGH = 20


@dataclass(frozen=True, slots=True)
class Labels:
    """One label a row, and the name of the column that held them, where there was one."""

    values: NDArray[Any]
    column: str | None = None


def read_labels(path: Path, column: str | None = None, reading: Reading | None = None) -> Labels:
    """Read one label a row, from this column of several; those of text files are text, read as the caller said."""
    kind = path.suffix.lower()
    if kind not in _KINDS:
        raise UserError(f"{path} has the suffix {path.suffix!r}; give a file of type {', '.join(_KINDS)}.")
    if kind in _WITHOUT_COLUMNS and column is not None:
        hint = " and name the array of the labels y" if kind == ".npz" else ""
        raise UserError(f"{path} has no columns, so it has no column {column!r}; leave out --column{hint}.")
    try:
        labels = _KINDS[kind](path, column, reading or Reading())
    except (UserError, RowsError):
        raise
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; check the path.") from None
    except Exception as error:  # damaged bytes make the parsers raise errors of any kind
        if "Object arrays cannot be loaded" in str(error):
            write = (
                "np.savez(path, y=labels.astype(str))" if kind == ".npz" else "np.save(path, labels.astype(str))"
            )
            raise UserError(
                f"{path} holds pickled Python objects, which are never read, as loading them can run code; write "
                f"the labels as text: {write}."
            ) from None
        raise UserError(f"{path} cannot be read ({one_line(error)}); write it again.") from None
    return Labels(_checked(labels.values, path), labels.column)


def features_of(model: "DEC") -> list[str]:
    """Return the names of the columns that a model was fitted on; none where they are words or genes."""
    prepared = model.preparation_.prepared
    if prepared is not None and prepared.kind == "mixed":
        return list(prepared.features.features)
    of_columns = prepared is None or prepared.kind == "columns"
    return list(getattr(model, "feature_names_in_", [])) if of_columns else []


def note_if_feature(labels: Labels, features: Sequence[str]) -> None:
    """Tell it where the column of the labels is one of the features of the fit."""
    if labels.column is not None and _plain(labels.column) in map(_plain, features):
        say(
            f"note: {labels.column!r} was a feature of the fit, so the clusters know the labels that they are "
            "compared with; fit again without that column."
        )


def _checked(labels: NDArray[Any], path: Path) -> NDArray[Any]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or not len(labels):
        raise UserError(f"{path} has shape {labels.shape}; give one label a row: shape (rows,).")
    if labels.dtype.kind == "f":
        _refuse_missing(np.isnan(labels), path)
        odd = labels[~(np.mod(labels, 1) == 0)]
        if len(odd):
            raise UserError(f"{path} holds {odd[0]:g}, which isn't a class; give whole numbers or text.")
        return labels.astype(np.int64)
    if labels.dtype.kind not in "biuSU":
        raise UserError(f"{path} holds values of dtype {labels.dtype}; give whole numbers or text.")
    if labels.dtype.kind in "SU":
        _refuse_missing(np.isin(labels.astype(str), _MISSING), path)
    return labels


def _refuse_missing(missing: NDArray[np.bool_], path: Path) -> None:
    rows = np.flatnonzero(missing)
    if not len(rows):
        return
    named = ", ".join(map(str, rows[:_NAMED])) + (", ..." if len(rows) > _NAMED else "")
    where = f"row {named}" if len(rows) == 1 else f"{len(rows)} of {len(missing)} rows ({named})"
    raise UserError(f"{path} has no label in {where}, counted from 0; give one label a row.")


def _from_npy(path: Path, _: str | None, __: Reading) -> Labels:
    with path.open("rb") as file:
        return Labels(np.lib.format.read_array(file, allow_pickle=False))


def _from_npz(path: Path, _: str | None, __: Reading) -> Labels:
    # Opened here, because NumPy leaves a damaged archive open.
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UserError(f"{path} holds one array, not an archive of arrays; rename it to .npy.")
        if "y" not in archive.files:
            holds = f"the arrays {_listed(archive.files)}" if archive.files else "nothing"
            raise UserError(
                f"{path} holds {holds}; of an .npz, the array y is read as the labels: np.savez(path, y=labels)."
            )
        return Labels(archive["y"])


def _from_lines(path: Path, _: str | None, reading: Reading) -> Labels:
    """Read a text file of a label a line, none of which is a heading."""
    from torchdec.rows._texts import lines_of

    lines = [line.strip() for line in lines_of(path, reading.encoding)]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise UserError(f"{path} is empty; give one label per line.")
    return Labels(np.array(lines))


def _from_csv(path: Path, column: str | None, reading: Reading) -> Labels:
    """Read a column of a table, whose header, marks and encoding are those of rows."""
    if not path.stat().st_size:
        raise UserError(f"{path} is empty; give one label a row.")
    form = look(path, reading)
    names = list(form.names) if form.named else []
    alone = not names and column is None and len(form.names) == 1
    index = 0 if alone else _column_index(names, column, path)
    labels = np.array([cells[index].strip() for cells in _csv_rows(path, form)])
    if not len(labels):
        raise UserError(f"{path} holds a header and no labels; give one label a row.")
    if column is None and len(labels) >= _ENOUGH and len(np.unique(labels)) == len(labels):
        raise UserError(
            f"{path} has another label in each of its {len(labels):,} rows, such as {str(labels[0])[:40]!r}, "
            "which are no classes; name their column with --column, and what stands between columns with "
            "--delimiter."
        )
    return Labels(labels, names[index] if names else None)


def _csv_rows(path: Path, form: Format) -> Iterator[list[str]]:
    """Yield the cells of each row; a blank line is a row only where a row is a single cell, and none follows."""
    refuse_open_quotes(path, form)
    width, blank = len(form.names), 0
    with path.open(encoding=form.encoding, newline="") as file:
        for _ in range(form.skip):
            file.readline()
        reader = csv.reader(file, delimiter=form.delimiter, skipinitialspace=form.delimiter == " ")
        for cells in reader:
            if form.delimiter == " " and cells and not cells[-1]:
                cells.pop()  # blanks at the end of a line
            if not cells:
                blank += width == 1
            elif len(cells) == width:
                yield from [[""]] * blank
                blank = 0
                yield cells
            elif not is_comment(cells[0]):
                line = form.skip + reader.line_num
                raise UserError(
                    f"{path}: line {line} has {len(cells)} cells between {form.delimiter!r}, and most lines "
                    f"{width}; put quotes around cells that hold it, or name the mark with --delimiter."
                )


def _from_parquet(path: Path, column: str | None, _: Reading) -> Labels:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = [name for name in file.schema_arrow.names if not _INDEX.fullmatch(name)]
        name = names[_column_index(names, column, path)]
        values = file.read(columns=[name]).column(name).combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    _refuse_missing(values.is_null().to_numpy(zero_copy_only=False), path)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return Labels(np.array(values.to_pylist(), dtype=str), name)
    return Labels(values.to_numpy(zero_copy_only=False), name)


def _from_h5ad(path: Path, column: str | None, _: Reading) -> Labels:
    try:
        import h5py
        from anndata.io import read_elem
    except ImportError:
        raise UserError(f"{path}: .h5ad needs anndata; try pip install 'torchdec[anndata]'.") from None
    with h5py.File(path) as file:
        obs = read_elem(file["obs"])
    values = obs.iloc[:, _column_index([str(name) for name in obs.columns], column, path)]
    _refuse_missing(values.isna().to_numpy(), path)
    array = np.array(values.tolist())  # categories, nullable types and text become plain ones
    return Labels(array, str(values.name))


def _column_index(names: Sequence[str], column: str | None, path: Path) -> int:
    """Return which of the columns holds the labels: the one asked for, the only one, or one of a known name."""
    alike = [_plain(name) for name in names]
    if column is not None:
        for wanted, given in ((column, names), (_plain(column), alike)):
            if wanted in given:
                return given.index(wanted)
        shown = _listed(names) if names else "no header"
        raise UserError(f"{path} has no column {column!r} (it has {shown}); name the column of the labels.")
    if len(names) == 1:
        return 0
    order = {name: number for number, name in enumerate(LABEL_NAMES)}
    known = sorted(
        (order.get(label_name(name), len(order)), number)
        for number, name in enumerate(names)
        if is_label_name(name)
    )
    if not known:
        shown = _listed(names) if names else "no header"
        raise UserError(
            f"{path} has several columns, none of them named y or label (it has {shown}); name the column of the "
            "labels with --column."
        )
    if len(known) > 1:
        others = _listed([names[number] for _, number in known[1:]])
        warnings.warn(
            f"the labels are the column {names[known[0][1]]!r} of {path}; "
            f"--column takes another, such as {others}",
            RowsWarning,
            stacklevel=2,
        )
    return known[0][1]


def _plain(name: str) -> str:
    return name.strip().casefold()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


# An index that pandas wrote is no column.
_INDEX = re.compile(r"__index_level_\d+__")
_WITHOUT_COLUMNS = {".npy", ".npz", ".txt"}
_KINDS: dict[str, Callable[[Path, str | None, Reading], Labels]] = {
    ".npy": _from_npy,
    ".npz": _from_npz,
    ".csv": _from_csv,
    ".tsv": _from_csv,
    ".txt": _from_lines,
    ".parquet": _from_parquet,
    ".h5ad": _from_h5ad,
}
