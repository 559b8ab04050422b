"""Cells of an AnnData are rows, in memory or on disk."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from small import small_dec
from torchdec.rows import RowsError, RowsWarning, as_rows, read_rows

anndata = pytest.importorskip("anndata")
h5py = pytest.importorskip("h5py")

X = np.random.default_rng(0).poisson(1.0, size=(30, 5)).astype(np.float32) / 2  # no counts
pytestmark = pytest.mark.usefixtures("strings_of_pandas_2")
GENES = [f"gene{number}" for number in range(5)]
CELLS = [f"cell{number}" for number in range(30)]


def cells(kind):
    return anndata.AnnData(kind(X), obs=pd.DataFrame(index=CELLS), var=pd.DataFrame(index=GENES))


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix, sp.csc_matrix])
@pytest.mark.parametrize("on_disk", [True, False])
def test_cells_are_rows_and_genes_features(kind, on_disk, tmp_path):
    data = cells(kind)
    data.write_h5ad(tmp_path / "x.h5ad")
    rows = read_rows(tmp_path / "x.h5ad") if on_disk else as_rows(data)
    assert rows.shape == X.shape
    assert rows.feature_names == GENES
    assert rows.names == CELLS
    np.testing.assert_array_equal(np.concatenate(list(rows.chunks(7))), X)
    index = np.array([29, 3, 3, 0])
    np.testing.assert_array_equal(rows.take(index), X[index])


def test_a_dec_is_fitted_on_an_anndata_and_keeps_the_genes():
    data = cells(sp.csr_matrix)
    model = small_dec(2).fit(data)
    assert model.feature_names_in_.tolist() == GENES
    np.testing.assert_array_equal(model.predict(data), model.labels_)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(data[:, ::-1].copy())


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix])
def test_counts_are_told_of_where_they_are_not_prepared(kind):
    data = cells(kind)
    data.X = data.X * 2
    with pytest.warns(RowsWarning, match=r"look like counts and are taken as they are"):
        np.testing.assert_array_equal(as_rows(data).take(np.arange(30)), X * 2)


def test_without_values_it_is_refused(tmp_path):
    anndata.AnnData(obs=pd.DataFrame(index=CELLS)).write_h5ad(tmp_path / "x.h5ad")
    with pytest.raises(RowsError, match="has no X"):
        read_rows(tmp_path / "x.h5ad")


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "x.h5ad").write_bytes(b"damaged")
    with pytest.raises(RowsError, match=r"x\.h5ad: cannot be read as \.h5ad"):
        read_rows(tmp_path / "x.h5ad")


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize(
    ("part", "n", "counts"),
    [("var", 0, "30 cells in obs and 0 genes"), ("var", 4, "30 .* 4 genes"), ("obs", 29, "29 cells .* 5 genes")],
)
def test_cells_or_genes_of_another_number_than_x_has_are_refused(kind, part, n, counts, tmp_path):
    cells(kind).write_h5ad(tmp_path / "x.h5ad")
    cells(kind)[:29, :4].write_h5ad(tmp_path / "fewer.h5ad")
    with h5py.File(tmp_path / "x.h5ad", "a") as file, h5py.File(tmp_path / "fewer.h5ad") as fewer:
        del file[part]
        if n:
            fewer.copy(part, file)
    with pytest.raises(RowsError, match=rf"x\.h5ad: has {counts} in var, but X has shape \(30, 5\); write"):
        read_rows(tmp_path / "x.h5ad")
