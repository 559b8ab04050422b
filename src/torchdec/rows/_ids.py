"""What names the rows, which goes with them to the results."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa


def row_ids(rows: Any) -> pa.Table | None:
    """Return the columns that name rows: their `ids`, or else their `names` in a column `name`; None without."""
    ids = getattr(rows, "ids", None)
    if ids is not None:
        return ids
    names = getattr(rows, "names", None)
    return None if names is None else pa.table({"name": pa.array(names, pa.string())})


def row_name(ids: pa.Table | None, row: int) -> str:
    """Name a row by its ids, or else by its number."""
    if ids is None:
        return str(row)
    return " ".join(str(column[row].as_py()) for column in ids.columns)


def ids_in_files(paths: Sequence[Path], sizes: Sequence[int], folder: Path) -> pa.Table:
    """Name the rows of files, below each other, by the file and the number of the row in it, from 0."""
    names = pa.array([path.relative_to(folder).as_posix() for path in paths], pa.string())
    numbers = pa.array(np.repeat(np.arange(len(paths), dtype=np.int32), sizes))
    within = np.concatenate([np.arange(size, dtype=np.int64) for size in sizes])
    return pa.table({"file": pa.DictionaryArray.from_arrays(numbers, names), "row_in_file": within})


def beside(ids: pa.Table, taken: Sequence[str]) -> pa.Table:
    """Return ids with `id_` before each name that is taken, so that they can stand beside the columns of these."""
    names: list[str] = []
    for name in ids.column_names:
        while name in (*taken, *names):
            name = f"id_{name}"
        names.append(name)
    return ids.rename_columns(names)
