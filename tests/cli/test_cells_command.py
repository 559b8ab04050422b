"""A file of cells is fitted as it comes from the counting, and gets its clusters back."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from torchdec import load

anndata = pytest.importorskip("anndata")

RANDOM = np.random.default_rng(0)
KINDS = RANDOM.integers(3, size=240)
COUNTS = RANDOM.poisson(RANDOM.gamma(0.5, 3.0, size=(3, 40))[KINDS]).astype(np.float32)
COUNTS[[7, 205]] = 0  # cells of which nothing was read
GENES = [f"gene{number}" for number in range(40)]


def write(path, counts, kinds):
    obs = pd.DataFrame({"kind": pd.Categorical(kinds.astype(str))}, index=[f"cell{n}" for n in range(len(kinds))])
    data = anndata.AnnData(sp.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=GENES))
    data.layers["counts"] = data.X.copy()
    data.obsm["X_pca"] = counts[:, :2]
    data.write_h5ad(path)
    return path


@pytest.fixture(scope="module")
def fitted(cli, strings_of_pandas_2, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells")
    data = write(folder / "cells.h5ad", COUNTS[:200], KINDS[:200])
    write(folder / "new.h5ad", COUNTS[200:], KINDS[200:])
    cli.ok("fit", data, "-k", 3, "-o", folder / "run", "--quiet")
    return folder


def test_the_model_knows_how_to_read_cells(fitted):
    model = load(fitted / "run" / "model.safetensors")
    assert model.preparation_.prepared.kind == "cells"
    assert list(model.preparation_.prepared.genes) == GENES
    assert "gene" in (fitted / "run" / "report.html").read_text()


def test_clusters_and_code_are_written_into_a_copy(cli, fitted, tmp_path):
    out = tmp_path / "clustered.h5ad"
    cli.ok("predict", fitted / "run", fitted / "new.h5ad", "-o", out)
    cli.ok("predict", fitted / "run", fitted / "new.h5ad", "-o", tmp_path / "new.parquet")
    before, after = anndata.read_h5ad(fitted / "new.h5ad"), anndata.read_h5ad(out)
    table = pq.read_table(tmp_path / "new.parquet")
    assert after.obs["torchdec"].astype(str).tolist() == [str(j) for j in table["cluster"].to_pylist()]
    assert after.obs["torchdec"].dtype == "category"
    assert np.flatnonzero(table["cluster"].to_numpy() == -1).tolist() == [5]
    assert np.isnan(after.obsm["X_torchdec"][5]).all()
    np.testing.assert_array_equal(after.obs["torchdec_confidence"], table["confidence"].to_numpy())
    assert after.obsm["X_torchdec"].shape == (40, 3)
    assert after.obsm["X_torchdec_2d"].shape == (40, 2)
    assert np.flatnonzero(np.isnan(after.obsm["X_torchdec_2d"][:, 0])).tolist() == [5]
    found = after.uns["rank_genes_groups_torchdec"]
    assert found["params"]["groupby"] == "torchdec"
    for cluster in found["names"].dtype.names:
        cells = after.obs["torchdec"] == cluster
        gene = found["names"][cluster][0]
        fraction = (COUNTS[200:] / COUNTS[200:].sum(axis=1, keepdims=True).clip(1))[:, GENES.index(gene)]
        assert fraction[cells].mean() > fraction[~cells].mean()
    assert list(after.obs.columns) == ["kind", "torchdec", "torchdec_confidence"]
    assert after.obs["kind"].equals(before.obs["kind"])
    assert (after.X != before.X).nnz == 0
    assert (after.layers["counts"] != before.layers["counts"]).nnz == 0
    np.testing.assert_array_equal(after.obsm["X_pca"], before.obsm["X_pca"])


def test_a_second_writing_replaces_the_first(cli, fitted, tmp_path):
    once, twice = tmp_path / "once.h5ad", tmp_path / "twice.h5ad"
    cli.ok("predict", fitted / "run", fitted / "new.h5ad", "-o", once)
    cli.ok("predict", fitted / "run", once, "-o", twice, "--reject", 0.5)
    data = anndata.read_h5ad(twice)
    assert list(data.obs.columns) == ["kind", "torchdec", "torchdec_confidence"]
    assert "-1" in data.obs["torchdec"].cat.categories
    assert set(data.uns["rank_genes_groups_torchdec"]) > {"names", "scores", "pvals", "params"}


def test_cells_that_are_all_in_none_have_no_markers(cli, fitted, tmp_path):
    write(tmp_path / "far.h5ad", COUNTS[200:] * 0, KINDS[200:])
    cli.ok("predict", fitted / "run", tmp_path / "far.h5ad", "-o", tmp_path / "out.h5ad")
    data = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert data.obs["torchdec"].cat.categories.tolist() == ["-1"]
    assert list(data.uns["rank_genes_groups_torchdec"]) == ["params"]


def test_only_a_file_of_cells_becomes_one(cli, fitted, tmp_path):
    np.save(tmp_path / "x.npy", COUNTS)
    result = cli("predict", fitted / "run", tmp_path / "x.npy", "-o", tmp_path / "out.h5ad")
    assert result.exit_code == 2
    assert "would be a copy of an .h5ad" in result.stderr
    assert not (tmp_path / "out.h5ad").exists()


def test_a_file_of_the_first_anndatas_is_refused_in_a_line(cli, fitted, tmp_path):
    import h5py

    path = tmp_path / "old.h5ad"
    path.write_bytes((fitted / "new.h5ad").read_bytes())
    with h5py.File(path, "r+") as file:
        names = file["obs/_index"][:]
        del file["obs"]
        file["obs"] = np.array([(name,) for name in names], dtype=[("index", "S10")])
    result = cli("predict", fitted / "run", path, "-o", tmp_path / "out.h5ad")
    assert result.exit_code == 2
    assert "old.h5ad: cannot be read as .h5ad" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out.h5ad").exists()
