"""Files of rows, each read by what its suffix says. No file can make this package run code."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from torchdec.prepare._cells import Cells
from torchdec.prepare._columns import Overview, overview
from torchdec.prepare._features import Features
from torchdec.prepare._images import Images, Pictures
from torchdec.prepare._mixed import Mixed
from torchdec.prepare._texts import Texts
from torchdec.rows._anndata import CellRows, read_cells
from torchdec.rows._arrays import DenseRows, SparseRows
from torchdec.rows._beside import attach, of_pictures
from torchdec.rows._columns import read_csv, read_xlsx
from torchdec.rows._convert import as_pictures, dense_rows, is_pictures, picture_rows, sparse_rows
from torchdec.rows._csr_parts import csr_matrix
from torchdec.rows._csv import read_as_written, read_table
from torchdec.rows._excel import read_sheet
from torchdec.rows._folders import read_folder
from torchdec.rows._images import SUFFIXES as _PICTURES
from torchdec.rows._images import read_images
from torchdec.rows._parquet import ParquetRows
from torchdec.rows._protocol import Rows, RowsError, RowsWarning, tell
from torchdec.rows._reading import Preparation, Prepared, Reading, check_prepared, delimiter_of, roles_said
from torchdec.rows._texts import read_texts
from torchdec.rows._zarr import is_anndata, is_zarr, read_zarr

_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".tar", ".tgz")
# What files begin with that have the suffix of another kind, and what to do.
_BEGINNINGS = {
    b"PK\x03\x04": ("a .zip, .xlsx or .npz", "unpack it, or rename it to .xlsx or .npz"),
    b"PAR1": ("a .parquet", "rename it"),
    b"\x93NUMPY": ("a .npy", "rename it"),
    b"\x89HDF": ("a .h5ad", "rename it"),
    b"\x1f\x8b": ("a .gz", "unpack it"),
    b"\x28\xb5\x2f\xfd": ("a .zst", "unpack it"),
    b"[{": ("JSON", "write it as .csv or .parquet"),
}


def read_rows(
    path: str | PathLike[str],
    *,
    text_column: str | None = None,
    vector_column: str | None = None,
    image_column: str | None = None,
    features: str | PathLike[str] | None = None,
    layer: str | None = None,
    use: Sequence[str] = (),
    ignore: Sequence[str] = (),
    roles: Mapping[str, str] | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    preparation: Preparation | None = None,
) -> Rows:
    """Open a file of rows, or a folder of such files or of images; the suffix says which kind it is.

    Parameters
    ----------
    path : str or path-like
        - ``.npy``: a 2-D array, or one of pictures, of shape (n, height, width) or (n, height, width, channels).
          It stays on disk and is mapped into memory, so its size is no limit.
        - ``.npz``: a 2-D array ``x`` or ``X``, or the CSR parts ``data``, ``indices``, ``indptr`` and ``shape``,
          read into memory in their own dtype. Other arrays, such as labels ``y``, are never read.
        - ``.csv``, ``.tsv``: columns, read into memory. The encoding, the mark between columns, the decimal mark
          and whether the first line names the columns are seen from the file, and told where they are a guess.
          An empty cell, and what Arrow reads as null ("NA", "NaN", "null", ...), is missing.
        - ``.xlsx``: the columns of its first sheet that holds a table. Needs openpyxl.
        - ``.parquet``: columns, or one column of lists of as many numbers each, read a row group at a time, so
          its size is no limit where its row groups are small (some ten MB).
        - ``.h5ad``, or a ``.zarr`` that AnnData wrote: its X, which stays on disk (but CSC is read into memory).
          Cells are rows, and one without any counts is a row of NaN. Counts are brought to the median of the
          cells' totals and become log(1 + count), other values stay as they are; genes are those marked
          ``highly_variable`` in `.var`, or else the 2,000 of the counts that vary most. Needs anndata.
        - ``.zarr``: a 2-D array of Zarr, or the path of one in a group, read some chunks at a time. Needs zarr.
        - ``.txt``: one text a line, in UTF-8, in UTF-16 with its mark, or in Windows-1252, which is told. A row is
          the tf-idf (sublinear, of length 1) of the 2,000 most frequent words that are no English stop words; of
          scripts without blanks, characters and pairs of them are words. A text without a known word, such as a
          blank one, is a row of NaN.
        - A folder of ``.parquet`` files of the same columns, or of ``.npz`` files of CSR parts, in the natural
          order of their paths (part.2 before part.10); read a row group, or a file, at a time.
        - A folder of images, in the order of their paths, or one image. A row is the pixels of one, grey or
          in colour, scaled to 32 x 32 unless all are of one size and small, from 0 to 255: turned as its EXIF data
          say, and on white where it is transparent. Images of more than 8 bits have one range of values, that of
          all images of the fit. Each page of a TIFF is a row, named as ``stack.tif#3``. Needs Pillow.

        If all features of a table are numbers, no row lacks some of them and few hold two values, they stay; else
        each column is read by its role and prepared so that it counts once: see `torchdec.prepare.Columns`.
        Columns that are named like labels (label, class, target, species, ...), and those that name
        the rows (id, index, Unnamed: 0, customerNo, texts that are another in each row, whole numbers that go on
        by 1), are left out, which is told. What names the rows is in the attribute `ids` and goes to the
        assignments.
    text_column : str, optional
        Column of a ``.csv``, ``.tsv`` or ``.parquet`` that holds texts, to be read as those of a ``.txt``; beside
        a `vector_column` they only tell what the rows are.
    vector_column : str, optional
        Column of a ``.parquet`` that holds the rows, a list of numbers each, such as an embedding of a text.
    image_column : str, optional
        Column beside the vectors that holds paths of pictures, as seen from the folder of the file; pages show
        them.
    features : str or path-like, optional
        File of vectors of the pictures in the folder `path`, such as a vision model makes: a 2-D ``.npy``, or an
        ``.npz`` with ``x``, of one row for each picture in the natural order of their paths. Rows are these; pages
        show the pictures.
    layer : str, optional
        Layer of an AnnData to read in place of its X, such as ``"counts"``.
    use, ignore : sequence of str, default=()
        Columns of a table that are features, and that are none, whatever they look like. Of several columns of
        lists, `use` names the one that is the rows.
    roles : mapping of str to str, optional
        What columns of a table mean, where their cells do not show it: "number", "amount", "date", "day-first
        date", "month-first date", "duration", "kind", the order of levels ("Free<Basic<Pro"), "id", "label" or
        "text" (the last three are no features).
    header : bool, optional
        Whether the first line of a ``.csv`` or ``.tsv`` names the columns. By default, it does unless it is like
        the lines below it.
    delimiter : str, optional
        What stands between its columns: by default a comma, semicolon, tab, ``|`` or blanks, as its lines show.
    decimal : {".", ","}, optional
        Its decimal mark; by default as its numbers show. The other one may then stand between thousands.
    encoding : str, optional
        Of a ``.csv``, ``.tsv`` or ``.txt``: by default UTF-8 or what the first bytes say, and else cp1252
        (Windows in Western Europe).
    preparation : Preparation, optional
        The attribute `preparation_` of a model: the file is read as that of its fit was, with the same column of
        texts, and rows are made of it with the same columns (found by their names, in any order), words, shape of
        images or genes.

    Returns
    -------
    Rows
        Of shape (n, d), with n and d at least 1. Values may be NaN or infinite: see `check_finite`.

    Warns
    -----
    RowsWarning
        Of what was guessed, left out or changed.

    Raises
    ------
    RowsError
        A ValueError, if the file is missing, empty, damaged, of another kind than its suffix says,
        or holds anything but a table of real numbers. Nothing that was pickled is ever loaded.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from torchdec.rows import read_rows
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(folder + "/rows.npy", np.eye(4, 3))
    ...     read_rows(folder + "/rows.npy").shape
    (4, 3)
    """
    path = Path(path)
    if features is not None:
        if Path(features).suffix.lower() not in _READERS:
            raise RowsError(f"{features}: features of pictures are read from a .npy or .npz; write them as one")
        return of_pictures(read_rows(features), Path(features), path)
    reading = Reading(
        text_column,
        vector_column,
        image_column,
        layer,
        use=_names(use, "use"),
        ignore=_names(ignore, "ignore"),
        roles=roles_said(roles or {}),
        header=header,
        delimiter=delimiter_of(delimiter),
        decimal=decimal,
        encoding=encoding,
    )
    if decimal not in (None, ".", ","):
        raise RowsError(f"decimal={decimal!r}: the decimal mark is '.' or ','")
    if preparation is not None:
        reading = reading.over(preparation.reading)
    if reading.vector_column is not None:
        texts = (reading.text_column,) if reading.text_column else ()  # which may look like ids
        reading = replace(reading, use=(reading.vector_column,), ignore=(*reading.ignore, *texts))
    if path.suffix.lower() == ".txt":  # all of a line is its text, whatever the fit read
        reading = replace(reading, text_column=None)
    _refuse_unknown(path)
    try:
        rows = _read(path, reading, preparation.prepared if preparation else None)
        if layer is not None and not isinstance(rows, CellRows):
            raise RowsError(f"{path}: has no layers, which AnnData has (.h5ad, .zarr); leave out layer={layer!r}")
        if preparation is not None:
            _match(rows, preparation, str(path))
        return rows
    except (RowsError, RowsWarning, MemoryError):
        raise
    except Exception as error:  # damaged bytes make the parsers raise errors of any kind
        reason = " ".join(str(error).split()).rstrip(".")
        raise RowsError(
            f"{path}: cannot be read as {path.suffix.lower()} ({reason}); {_what_to_do(path)}"
        ) from error


def _match(rows: Any, fitted: Preparation, name: str) -> None:
    """Check that rows were made as those of the fit, and tell where columns are taken by their places."""
    check_prepared(rows, fitted.prepared, name)
    given = getattr(rows, "preparation", Preparation()).prepared
    if given is None:
        rows.preparation = fitted  # as is told by now
        if isinstance(fitted.prepared, Pictures) and rows.shape[1] == fitted.prepared.width:
            rows.image_shape = fitted.prepared.shape
    elif fitted.prepared is None and isinstance(given, Features) and given.named:
        tell(f"{name}: the fit had no column names, so the {given.width:,} columns are matched by position")


def _what_to_do(path: Path) -> str:
    """Advise on a file that cannot be read, by what it begins with."""
    with suppress(OSError), path.open("rb") as file:
        start = file.read(8)
        for first, (kind, remedy) in _BEGINNINGS.items():
            if start.startswith(first) and path.suffix.lower() not in kind:
                return f"it begins as {kind} does: {remedy}"
    return "it may be damaged or of another kind: write it again"


def _refuse_unknown(path: Path) -> None:
    """Refuse what isn't there, is empty, or of no known kind."""
    if not path.exists():
        raise RowsError(f"{path}: there is no such file; check the path")
    if not path.is_dir() and path.suffix.lower() not in (*_SUFFIXES, *_PICTURES):
        if path.suffix.lower() in _COMPRESSED:
            raise RowsError(f"{path}: is compressed; unpack it, and give the file inside")
        raise RowsError(
            f"{path}: has the suffix {path.suffix!r}; give a file of type {', '.join(_SUFFIXES)}, a "
            ".zarr array, an image (.png, .jpg, .tif ...), or a folder of .parquet, .npz or images"
        )
    if not path.is_dir() and path.stat().st_size == 0:
        raise RowsError(f"{path}: is empty (0 bytes); write it again")


def _names(names: Sequence[str], argument: str) -> tuple[str, ...]:
    if isinstance(names, str):
        raise RowsError(f"{argument}={names!r} is a text; give a list of names of columns, such as [{names!r}]")
    return tuple(names)


def _read(path: Path, reading: Reading, prepared: Prepared | None) -> Rows:
    if is_zarr(path) and not is_anndata(path):
        return read_zarr(path)
    if path.is_dir() and reading.text_column is not None:
        raise RowsError(
            f"{path}: is a folder, of which no column {reading.text_column!r} is read; name a .parquet or .csv"
        )
    if path.is_dir() and not is_anndata(path):
        return read_folder(path, reading, prepared)
    if reading.vector_column is not None or reading.image_column is not None:
        return _read_vectors(path, reading, prepared)
    if path.suffix.lower() == ".txt" or reading.text_column is not None:
        return read_texts(path, reading, prepared if isinstance(prepared, Texts) else None)
    if path.suffix.lower() in _PICTURES:
        return read_images(path.parent, [path], reading, prepared if isinstance(prepared, Images) else None)
    if path.suffix.lower() == ".h5ad" or path.is_dir():
        return read_cells(path, reading, prepared if isinstance(prepared, Cells) else None)
    if table := TABLES.get(path.suffix.lower()):
        return table.rows(path, reading, prepared if isinstance(prepared, Features | Mixed) else None)
    return _READERS[path.suffix.lower()](path)


def _read_vectors(path: Path, reading: Reading, prepared: Prepared | None) -> Rows:
    """Read a column of vectors, and what stands beside it."""
    if path.suffix.lower() != ".parquet" or reading.vector_column is None:
        raise RowsError(
            f"{path}: texts or pictures beside vectors need a .parquet with a column of lists; "
            "name it with vector_column (--vector-column)"
        )
    rows = ParquetRows([path], reading, prepared if isinstance(prepared, Features) else None)
    return attach(rows, path, reading, is_needed=prepared is None)


def _read_npy(path: Path) -> Rows:
    array = np.lib.format.open_memmap(path, mode="r")
    return picture_rows(array, str(path)) if is_pictures(array) else dense_rows(array, str(path))


def _read_npz(path: Path) -> Rows:
    # Opened here: numpy leaves the file open when the archive is damaged.
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise RowsError(f"{path}: holds one array, not an archive of arrays; rename it to .npy")
        with archive:
            rows = _rows_of_archive(archive, path)
            if "image_shape" in archive.files:
                as_pictures(rows, _image_shape(archive, path, rows.shape[1]))
            return rows


def _rows_of_archive(archive: Any, path: Path) -> DenseRows | SparseRows:
    name = next((name for name in ("x", "X") if name in archive.files), None)
    if name is None:
        return sparse_rows(csr_matrix(archive, path), str(path))
    array, called = archive[name], f"{path}: array {name!r}"
    return picture_rows(array, called) if is_pictures(array) else dense_rows(array, called)


def _image_shape(archive: Any, path: Path, width: int) -> tuple[int, ...]:
    """Return the array ``image_shape``: height, width and perhaps channels."""
    shape = np.atleast_1d(archive["image_shape"])
    if shape.dtype.kind not in "iu" or shape.shape not in ((2,), (3,)) or shape.min() < 1:
        raise RowsError(f"{path}: array 'image_shape' is {shape}; give height, width and perhaps channels")
    if math.prod(shape.tolist()) != width:
        raise RowsError(f"{path}: array 'image_shape' is {shape}, but rows have {width} values; write it again")
    return tuple(shape.tolist())


_READERS: dict[str, Callable[[Path], Rows]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
}


class _Table(NamedTuple):
    """What reads the features of a table as rows, and what all its columns as they stand."""

    rows: Callable[[Path, Reading, Features | Mixed | None], Rows]
    columns: Callable[[Path, Reading], pa.Table]


TABLES = {
    ".csv": _Table(read_csv, read_table),
    ".tsv": _Table(read_csv, read_table),
    ".xlsx": _Table(read_xlsx, lambda path, reading: read_sheet(path, reading).table),
    ".parquet": _Table(
        lambda path, reading, prepared: ParquetRows([path], reading, prepared),
        lambda path, _: parquet.read_table(path),
    ),
}
_SUFFIXES = (*_READERS, *TABLES, ".h5ad", ".txt")


def overview_of_file(path: Path, **options: Any) -> tuple[list[str], list[Overview]]:
    """Return what a fit would tell of a table, read with the options of `read_rows`, and a line on each column.

    Raises
    ------
    RowsError
        If it isn't a table, or cannot be read.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RowsWarning)
        preparation: Any = getattr(read_rows(path, **options), "preparation", None)
    prepared = getattr(preparation, "prepared", None)
    if not isinstance(prepared, Features | Mixed):
        raise RowsError(f"{path}: isn't a table of columns; give a .csv, .tsv, .xlsx or .parquet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RowsWarning)
        table = raw_table(path, preparation.reading)
    notes = [str(warning.message) for warning in caught if issubclass(warning.category, RowsWarning)]
    return notes, overview(prepared, table.column, table.column_names)


def raw_table(path: Path, reading: Reading, *, to_hand_on: bool = False) -> pa.Table:
    """Read a table with all its columns; in one `to_hand_on`, whole numbers such as 007 keep their digits."""
    suffix = ".parquet" if path.is_dir() else path.suffix.lower()
    return (
        read_as_written(path, reading)
        if to_hand_on and suffix in (".csv", ".tsv")
        else TABLES[suffix].columns(path, reading)
    )
