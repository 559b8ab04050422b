"""Counts in an `.h5ad` become log(1 + count) of the genes that vary most, and so do those of other cells."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from torchdec.prepare import _cells as prepare_cells
from torchdec.prepare._cells import Cells, Seen
from torchdec.rows import RowsError, RowsWarning, check_finite, read_rows

anndata = pytest.importorskip("anndata")
pytestmark = pytest.mark.usefixtures("strings_of_pandas_2")

N_GENES = 60
COUNTS = np.random.default_rng(0).negative_binomial(1, 0.3, size=(200, N_GENES))
COUNTS[7] = 0  # a cell of which nothing was read
GENES = [f"gene{number}" for number in range(N_GENES)]


def write(path, x, genes=GENES, **columns):
    cells = pd.DataFrame(index=[f"cell{number}" for number in range(x.shape[0])])
    anndata.AnnData(x, obs=cells, var=pd.DataFrame(columns, index=genes)).write_h5ad(path)
    return path


def values(rows):
    return np.concatenate(list(rows.chunks(64)))


def log_normalised(counts):
    totals = counts.sum(axis=1, keepdims=True)
    empty = totals == 0
    return np.log1p(counts * (np.median(totals[~empty]) / np.where(empty, np.nan, totals)))


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix, sp.csc_matrix])
@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_counts_are_brought_to_the_median_total_and_to_logarithms(kind, dtype, tmp_path):
    rows = read_rows(write(tmp_path / "x.h5ad", kind(COUNTS.astype(dtype))))
    assert rows.feature_names == GENES
    totals = COUNTS.sum(axis=1)
    assert rows.preparation.prepared.total == np.median(totals[totals > 0])
    np.testing.assert_allclose(values(rows), log_normalised(COUNTS), rtol=1e-5)
    np.testing.assert_allclose(rows.take(np.array([9, 3])), log_normalised(COUNTS)[[9, 3]], rtol=1e-5)


def test_blocks_of_any_size_give_the_same_rows_and_recipe(tmp_path, monkeypatch):
    path = write(tmp_path / "x.h5ad", sp.csr_matrix(COUNTS))
    whole = read_rows(path)
    monkeypatch.setattr(prepare_cells, "_BLOCK_VALUES", 7 * N_GENES)
    monkeypatch.setattr(prepare_cells, "N_GENES", N_GENES)
    parts = read_rows(path)
    assert parts.preparation == whole.preparation
    np.testing.assert_array_equal(values(parts), values(whole))


def test_values_that_are_no_counts_stay_as_they_are(tmp_path):
    for number, x in enumerate((COUNTS[:7] / 2, COUNTS - 3.0)):
        rows = read_rows(write(tmp_path / f"{number}.h5ad", x.astype(np.float32)))
        assert rows.preparation.prepared.total is None
        np.testing.assert_array_equal(values(rows), x)


def test_the_genes_that_vary_most_are_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_cells, "N_GENES", 5)
    counts = np.random.default_rng(0).poisson(5.0, size=(200, 600))
    counts[:100, :5] = 0  # genes of half of the cells, which have twice as much of them
    counts[100:, :5] *= 2
    genes = [f"gene{number}" for number in range(600)]
    rows = read_rows(write(tmp_path / "x.h5ad", sp.csr_matrix(counts), genes))
    assert rows.feature_names == genes[:5]
    np.testing.assert_allclose(values(rows), log_normalised(counts)[:, :5], rtol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # scanpy's own
def test_the_genes_are_those_of_scanpy():
    scanpy = pytest.importorskip("scanpy")
    random = np.random.default_rng(1)
    counts = random.negative_binomial(2, 1 / (1 + random.gamma(0.5, 2.0, size=3000)), size=(300, 3000))
    data = anndata.AnnData(sp.csr_matrix(counts.astype(np.float64)))
    prepared = Cells.fit(Seen.at(data.X), data.var_names.tolist(), None)
    scanpy.pp.normalize_total(data)
    scanpy.pp.log1p(data)
    scanpy.pp.highly_variable_genes(data, n_top_genes=2000)
    theirs = set(data.var_names[data.var["highly_variable"]])
    assert len(theirs & set(prepared.genes)) >= 1998  # a tie may fall either way


def test_marked_genes_are_taken_in_their_place(tmp_path):
    marks = np.arange(N_GENES) % 20 == 3
    rows = read_rows(write(tmp_path / "x.h5ad", COUNTS, highly_variable=marks))
    assert rows.feature_names == ["gene3", "gene23", "gene43"]


def test_other_cells_are_made_alike_whatever_the_order_of_their_genes(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_cells, "N_GENES", 5)
    fitted = read_rows(write(tmp_path / "x.h5ad", sp.csr_matrix(COUNTS)))
    order = np.random.default_rng(1).permutation(N_GENES)
    path = write(tmp_path / "y.h5ad", COUNTS[:20, order], [GENES[number] for number in order])
    other = read_rows(path, preparation=fitted.preparation)
    assert other.feature_names == fitted.feature_names
    np.testing.assert_allclose(values(other), values(fitted)[:20], rtol=1e-5)


def test_missing_genes_are_named(tmp_path):
    recipe = read_rows(write(tmp_path / "x.h5ad", COUNTS)).preparation
    path = write(tmp_path / "y.h5ad", COUNTS[:, 2:], GENES[2:])
    with pytest.raises(RowsError, match=r"y\.h5ad: lacks 2 of the 60 genes of the fit, such as 'gene0', 'gene1'"):
        read_rows(path, preparation=recipe)


def test_values_for_a_model_of_counts_are_refused(tmp_path):
    recipe = read_rows(write(tmp_path / "x.h5ad", COUNTS)).preparation
    for number, x in enumerate((COUNTS / 2, COUNTS - 1, COUNTS + 10**9)):
        rows = read_rows(write(tmp_path / f"{number}.h5ad", x), preparation=recipe)
        with pytest.raises(RowsError, match="holds values that aren't counts, but the model was fitted on counts"):
            rows.take(np.array([0]))


@pytest.mark.filterwarnings("ignore:Variable names are not unique")  # of the writing
def test_genes_of_one_name_are_told_apart(tmp_path):
    rows = read_rows(write(tmp_path / "x.h5ad", COUNTS[:, :3], ["a", "b", "a"]))
    assert rows.feature_names == ["a", "b", "a-1"]


@pytest.mark.parametrize("n_genes", [N_GENES, 20])
def test_a_cell_that_holds_nothing_changes_nothing_of_the_others(n_genes, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_cells, "N_GENES", n_genes)
    with_empty = np.insert(COUNTS.astype(np.float32), 3, np.nan, axis=0)
    rows = read_rows(write(tmp_path / "empty.h5ad", with_empty))
    others = read_rows(write(tmp_path / "others.h5ad", COUNTS.astype(np.float32)))
    assert rows.preparation.prepared == others.preparation.prepared
    assert np.isnan(values(rows)[3]).all()
    np.testing.assert_array_equal(np.delete(values(rows), 3, axis=0), values(others))


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix, sp.csc_matrix])
@pytest.mark.parametrize("of", [lambda x: x, lambda x: x / 2, lambda x: np.log1p(x).astype(np.float32)])
def test_a_cell_without_any_counts_holds_nothing(kind, of, tmp_path):
    x = of(COUNTS)
    rows = read_rows(write(tmp_path / "x.h5ad", kind(x)))
    assert check_finite(rows).tolist() == [7]
    again = read_rows(write(tmp_path / "y.h5ad", kind(x[5:9])), preparation=rows.preparation)
    np.testing.assert_array_equal(values(again), values(rows)[5:9])
    assert np.isnan(again.take(np.array([2]))).all()
    others = read_rows(write(tmp_path / "others.h5ad", kind(np.delete(x, 7, axis=0))))
    assert others.preparation == rows.preparation


def test_zeros_among_values_below_0_are_values(tmp_path):
    x = COUNTS - 3.0
    x[7] = 0
    rows = read_rows(write(tmp_path / "x.h5ad", x))
    assert not len(check_finite(rows))
    np.testing.assert_array_equal(rows.take(np.array([7])), np.zeros((1, N_GENES)))
    other = read_rows(write(tmp_path / "y.h5ad", np.zeros((1, N_GENES))), preparation=rows.preparation)
    np.testing.assert_array_equal(values(other), np.zeros((1, N_GENES)))


@pytest.mark.parametrize("offset", [1000, 10**6, 10**7, 10**9])
@pytest.mark.parametrize("columns", [[3], range(N_GENES)])
@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_whole_numbers_far_from_0_are_no_counts(offset, columns, dtype, tmp_path):
    x = COUNTS.astype(dtype)
    x[:, columns] += offset
    with pytest.warns(RowsWarning, match="no counts, as 'gene[03]' has them") as told:
        rows = read_rows(write(tmp_path / "x.h5ad", x))
    assert len(told) == 1
    np.testing.assert_array_equal(values(rows), x)


def test_counts_of_few_deep_cells_are_counts(tmp_path):
    deep = np.random.default_rng(0).negative_binomial(2, 1e-5, size=(12, N_GENES)) + 5000
    rows = read_rows(write(tmp_path / "x.h5ad", deep))
    np.testing.assert_allclose(values(rows), log_normalised(deep), rtol=1e-5)
