"""AnnData, in memory or in a file, as rows: cells are rows, genes are features."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from torchdec.prepare._cells import Cells, Seen, are_counts, block_size
from torchdec.rows._blocks import SlicedRows
from torchdec.rows._cell_files import CellFile, CsrOnDisk
from torchdec.rows._cells import CellRows
from torchdec.rows._convert import dense_rows, refuse_unusable, sparse_rows
from torchdec.rows._protocol import Rows, RowsError, tell
from torchdec.rows._reading import Reading
from torchdec.rows._zarr import open_zarr


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
