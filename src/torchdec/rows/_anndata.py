"""AnnData, in memory or in a file, as rows: cells are rows, genes are features."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from torchdec.prepare._cells import Cells, Seen, are_counts, block_size
from torchdec.rows._blocks import SlicedRows
from torchdec.rows._convert import dense_rows, refuse_unusable, sparse_rows
from torchdec.rows._protocol import Rows, RowsError, tell
from torchdec.rows._reading import Preparation, Reading
from torchdec.rows._zarr import open_zarr, refuse_code

# How programs write the marks of `highly_variable`, in lower case: scanpy, R, tables that were joined.
_YES = {"true", "t", "yes", "y", "1", "1.0", "+"}
_NO = {"false", "f", "no", "n", "0", "0.0", "-1", "-1.0", "-"}
_MISSING = {"nan", "na", "<na>", "none", ""}


class CellFile:
    """The groups of an AnnData in HDF5 or Zarr, which have the same members in both."""

    def __init__(self, group: Any, path: Path) -> None:
        self._group, self._path = group, path

    @property
    def layers(self) -> list[str]:
        """Names of the layers."""
        return sorted(self._group["layers"].keys()) if "layers" in self._group else []

    def names(self, part: str) -> list[str]:
        """Return the names of the cells (`obs`) or genes (`var`); genes of one name are told apart."""
        import pandas as pd
        from anndata.utils import make_index_unique

        if part not in self._group:
            return []
        table = self._group[part]
        if "_index" not in table.attrs:
            raise RowsError(
                f"{self._path}: cannot be read as {self._path.suffix}: its {part} is as anndata wrote it before "
                "0.7; read it with an anndata of that time and write it again with a newer one"
            )
        stored = self._read(table, table.attrs["_index"], part)
        names = [name.decode() if isinstance(name, bytes) else str(name) for name in stored]
        # Genes are found by name in other files.
        return list(make_index_unique(pd.Index(names))) if part == "var" else names

    def marks(self) -> NDArray[np.bool_] | None:
        """Return which genes ``highly_variable`` of `var` marks, however it spells that; None without it."""
        if "var" not in self._group or "highly_variable" not in self._group["var"]:
            return None
        return _as_marks(self._read(self._group["var"], "highly_variable", "var"), self._path)

    def values(self, layer: str | None) -> Any:
        """Return X, or a layer: what has a shape, a dtype that scipy computes with, and slices."""
        from anndata.io import sparse_dataset

        stored = self._stored(layer)
        refuse_code(stored, self._path)
        matrix = sparse_dataset(stored) if hasattr(stored, "keys") else stored
        refuse_unusable(matrix.shape, matrix.dtype, str(self._path))
        stored_as = getattr(matrix, "format", "dense")
        if stored_as == "csc":  # a row lies scattered over the whole file
            return _Slices(csr_array(matrix.to_memory()))
        return CsrOnDisk(matrix) if stored_as == "csr" else _Slices(matrix)

    def _stored(self, layer: str | None) -> Any:
        known = ", ".join(map(repr, self.layers[:8])) or "no layers"
        if layer is not None and layer not in self.layers:
            raise RowsError(f"{self._path}: has no layer {layer!r}; it has {known}")
        if layer is not None:
            return self._group["layers"][layer]
        if "X" not in self._group or self._group["X"].attrs.get("encoding-type") == "null":
            advice = f"; take a layer (layer=, --layer): {known}" if self.layers else ""
            raise RowsError(
                f"{self._path}: has no X; put the values to cluster there, as adata.X = adata.layers[...]{advice}"
            )
        return self._group["X"]

    def _read(self, table: Any, column: str, part: str) -> Any:
        from anndata.io import read_elem

        refuse_code(table[column], self._path)
        try:
            return read_elem(table[column])
        except Exception as error:  # of a kind of column that this anndata does not know, or of damaged bytes
            raise RowsError(
                f"{self._path}: cannot be read as {self._path.suffix}: anndata does not read {column!r} of {part} "
                f"({' '.join(str(error).split())[:200]}); write it again"
            ) from error


class _Slices:
    """Slices of an array or a matrix, in a dtype that scipy computes with."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.shape, self.dtype = source.shape, _computable(source.dtype)

    def __getitem__(self, rows: slice) -> Any:
        return self._source[rows].astype(self.dtype, copy=False)


class CsrOnDisk:
    """Slices of a CSR matrix in a file: anndata's own stand on private parts of scipy, which change."""

    def __init__(self, matrix: Any) -> None:
        self._group = matrix.group
        self._starts = matrix.group["indptr"][:]
        self.shape, self.dtype = matrix.shape, _computable(matrix.dtype)

    def __getitem__(self, rows: slice) -> csr_array:
        starts = self._starts[rows.start : rows.stop + 1]
        span = slice(int(starts[0]), int(starts[-1]))
        values = self._group["data"][span].astype(self.dtype, copy=False)
        parts = values, self._group["indices"][span], starts - starts[0]
        block = csr_array(parts, shape=(rows.stop - rows.start, self.shape[1]))
        # An index out of bounds would make scipy read and write outside its arrays.
        block.check_format(full_check=True)
        return block


def _computable(dtype: Any) -> np.dtype[Any]:
    """Return the dtype for float16 and other byte orders, with which scipy does not compute."""
    kept = np.dtype(dtype).newbyteorder("=")
    return np.dtype(np.float32) if kept == np.float16 else kept


def _as_marks(values: Any, path: Path) -> NDArray[np.bool_]:
    import pandas as pd

    column = pd.Series(values, dtype=object)
    said = [
        "" if missing else str(value).strip().lower() for value, missing in zip(column, column.isna(), strict=True)
    ]
    unknown = [column[number] for number, word in enumerate(said) if word not in _YES | _NO | _MISSING]
    if unknown:
        shown = ", ".join(map(repr, list(dict.fromkeys(map(str, unknown)))[:5]))
        raise RowsError(
            f"{path}: 'highly_variable' of var holds {shown}, which neither mark a gene nor do not; "
            "write True and False"
        )
    return np.array([word in _YES for word in said], dtype=bool)


class CellRows(SlicedRows):
    """Rows of cells, read a block at a time.

    Attributes
    ----------
    preparation : Preparation
        Of `Cells`: the genes and the total of the counts.
    """

    def __init__(
        self, source: Any, genes: Sequence[str], cells: list[str], name: str, prepared: Cells, reading: Reading
    ) -> None:
        try:
            columns = prepared.columns(genes)
        except ValueError as error:
            raise RowsError(f"{name}: {error}") from None
        values = _Prepared(source, columns, prepared, name)
        super().__init__(values, block_size(len(genes)), list(prepared.genes), cells)
        self.preparation = Preparation(reading, prepared)


class _Prepared:
    """Slices of a source, prepared."""

    dtype = np.dtype(np.float32)

    def __init__(self, source: Any, columns: NDArray[np.int64], prepared: Cells, name: str) -> None:
        self._source, self._columns, self._prepared, self._name = source, columns, prepared, name
        self.shape = (source.shape[0], len(columns))

    def __getitem__(self, rows: slice) -> Any:
        try:
            return self._prepared.transform(self._source[rows.start : rows.stop], self._columns)
        except ValueError as error:
            raise RowsError(f"{self._name}: {error}") from None


def read_cells(path: Path, reading: Reading, prepared: Cells | None) -> CellRows:
    """Open an `.h5ad` file, or a `.zarr` of AnnData, without loading it; see `torchdec.rows.read_rows`."""
    try:
        import anndata  # noqa: F401
    except ImportError:
        raise RowsError(f"{path}: {path.suffix} needs anndata; try pip install 'torchdec[anndata]'") from None
    if path.is_dir():
        file = CellFile(open_zarr(path), path)
    else:
        import h5py

        file = CellFile(h5py.File(path), path)
    values, genes, cells = file.values(reading.layer), file.names("var"), file.names("obs")
    _refuse_other_shape(values.shape, len(cells), len(genes), str(path))
    if prepared is None:
        seen = Seen.at(values)
        prepared = Cells.fit(seen, genes, _marks(file, path))
        _tell_of_no_counts(seen, genes, path)
        if reading.layer is None:
            _hint_at_counts(file, values, path)
    return CellRows(values, genes, cells, str(path), prepared, reading)


def _marks(file: CellFile, path: Path) -> Any:
    marks = file.marks()
    if marks is not None and not marks.any():
        tell(f"{path}: 'highly_variable' of var marks no gene and is ignored; mark the genes to use")
        return None
    return marks


def _tell_of_no_counts(seen: Seen, genes: Sequence[str], path: Path) -> None:
    if seen.odd is not None:
        tell(
            f"{path}: its values are whole numbers, but no counts, as {genes[seen.odd]!r} has them of 10 million "
            "or more, or less than a tenth of the lowest apart: they are taken as they are"
        )


def _hint_at_counts(file: CellFile, values: Any, path: Path) -> None:
    counts = next((layer for layer in file.layers if "count" in layer.lower()), None)
    if counts is None:
        return
    first_cells = values[0 : min(values.shape[0], block_size(values.shape[1]))]
    if first_cells.min() < 0:
        tell(
            f"{path}: X holds scaled values (some are below 0), and the layer {counts!r} is there; "
            f"layer={counts!r} (--layer {counts}) takes the counts"
        )


def anndata_rows(data: Any, name: str) -> Rows:
    """Return the rows of the X of an AnnData as it is; `obs_names` name rows and `var_names` features."""
    rows = _rows(data, name)
    if are_counts(rows.take(np.arange(min(len(rows), block_size(rows.shape[1]))))):
        tell(
            f"{name}: its values look like counts and are taken as they are, so cells differ by how often they "
            "were read; scale them and take logarithms first (scanpy.pp.normalize_total, log1p), or write the "
            "AnnData to a .h5ad file, which read_rows prepares"
        )
    return rows


def _rows(data: Any, name: str) -> Rows:
    values = _values(data, name)
    features, cells = data.var_names.astype(str).tolist(), data.obs_names.astype(str).tolist()
    if data.isbacked:
        return SlicedRows(values, block_size(values.shape[1]), features, cells)
    if issparse(values):
        return sparse_rows(values, name, features, cells)
    return dense_rows(np.asarray(values), name, features, cells)


def _values(data: Any, name: str) -> Any:
    """Return X, of which slices can be taken where it is on a disk."""
    try:
        values = data.X
    except KeyError:  # of a file without X
        values = None
    if values is None:
        raise RowsError(f"{name}: has no X; put the values to cluster there, as adata.X = adata.layers[...]")
    if data.isbacked:
        refuse_unusable(values.shape, values.dtype, name)
        _refuse_other_shape(values.shape, data.n_obs, data.n_vars, name)  # in memory, anndata itself sees to that
        stored = getattr(values, "format", "")
        if stored == "csc":
            return csr_array(values.to_memory())  # on the disk a row lies scattered over all of it
        if stored == "csr":
            return CsrOnDisk(values)
    return values


def _refuse_other_shape(shape: tuple[int, ...], n_cells: int, n_genes: int, name: str) -> None:
    if tuple(shape) != (n_cells, n_genes):
        raise RowsError(
            f"{name}: has {n_cells} cells in obs and {n_genes} genes in var, but X has shape {tuple(shape)}; "
            "write the file again"
        )
