"""AnnData, in memory or backed by an `.h5ad` file, as rows: cells are rows, genes are features."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from torchdec.prepare._cells import Cells, block_size
from torchdec.rows._blocks import SlicedRows
from torchdec.rows._cells import CellRows
from torchdec.rows._convert import dense_rows, refuse_unusable, sparse_rows
from torchdec.rows._protocol import Rows, RowsError
from torchdec.rows._reading import Reading


def read_h5ad(path: Path, reading: Reading, prepared: Cells | None) -> CellRows:
    """Open the X of an `.h5ad` file without loading it; see `torchdec.rows.read_rows`."""
    try:
        from anndata import read_h5ad as open_h5ad
    except ImportError:
        raise RowsError(f"{path}: .h5ad needs anndata; try pip install 'torchdec[anndata]'") from None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(Variable|Observation) names are not unique", UserWarning)
        data = open_h5ad(path, backed="r")
        data.var_names_make_unique()  # genes are found by name in other files
    values = _values(data, str(path))
    genes, cells = data.var_names.astype(str).tolist(), data.obs_names.astype(str).tolist()
    if prepared is None:
        marked = data.var.get("highly_variable")
        prepared = Cells.fit(values, genes, None if marked is None else marked.to_numpy().astype(bool))
    return CellRows(values, genes, cells, str(path), prepared, reading)


def anndata_rows(data: Any, name: str) -> Rows:
    """Return the rows of the X of an AnnData as it is; `obs_names` name rows and `var_names` features."""
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
        if tuple(values.shape) != data.shape:  # in memory, anndata itself sees to that
            raise RowsError(
                f"{name}: has {data.n_obs} cells in obs and {data.n_vars} genes in var, but X has shape "
                f"{tuple(values.shape)}; write the file again"
            )
        stored = getattr(values, "format", "")
        if stored == "csc":
            return csr_array(values.to_memory())  # on the disk a row lies scattered over all of it
        if stored == "csr":
            return _CsrOnDisk(values)
    return values


class _CsrOnDisk:
    """Slices of a CSR matrix in a file: anndata's own stand on private parts of scipy, which change."""

    def __init__(self, matrix: Any) -> None:
        self._group = matrix.group
        self._starts = matrix.group["indptr"][:]
        self.shape, self.dtype = matrix.shape, matrix.dtype

    def __getitem__(self, rows: slice) -> csr_array:
        starts = self._starts[rows.start : rows.stop + 1]
        span = slice(int(starts[0]), int(starts[-1]))
        parts = self._group["data"][span], self._group["indices"][span], starts - starts[0]
        block = csr_array(parts, shape=(rows.stop - rows.start, self.shape[1]))
        # An index out of bounds would make scipy read and write outside its arrays.
        block.check_format(full_check=True)
        return block
