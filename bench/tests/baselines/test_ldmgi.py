"""LDMGI against its formulas written out densely."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.utils.estimator_checks import parametrize_with_checks

from small import blobs
from torchdec.metrics import clustering_accuracy
from torchdec_bench.baselines import LDMGI, SEC, nearest_rows
from torchdec_bench.baselines._graphs import cliques, local_laplacian


@pytest.fixture
def _global_generators_do_not_move() -> None:
    """Some of scikit-learn's checks draw from NumPy's global generator."""


@pytest.mark.usefixtures("_global_generators_do_not_move")
@parametrize_with_checks([LDMGI(3), SEC(3), SEC(3, laplacian="local")])
@pytest.mark.filterwarnings("ignore:The graph of near rows:UserWarning")
def test_every_estimator_passes_every_check(estimator, check):
    check(estimator)


def test_the_sum_of_local_models_is_that_of_the_paper():
    X = np.random.default_rng(0).normal(size=(40, 7)).astype(np.float32)
    members = cliques(X, 5, None)
    weight, center = 0.3, np.eye(5) - 1 / 5
    dense = np.zeros((40, 40))
    for clique in members:
        own = X[clique].astype(np.float64).T @ center
        # Maximising tr[(X X^T + lambda I)^-1 X G G^T X^T] as Yang et al. have it, with features in columns.
        model = center - own.T @ np.linalg.inv(own @ own.T + weight * np.eye(7)) @ own
        dense[np.ix_(clique, clique)] += model / weight
    found = local_laplacian(X, 1.0, members, weight).toarray()
    assert_allclose(found, dense / np.diag(dense).mean(), atol=1e-10)


def test_a_constant_costs_nothing_and_nothing_is_negative():
    X = np.random.default_rng(1).normal(size=(60, 3)).astype(np.float32)
    laplacian = local_laplacian(X, 1.0, cliques(X, 5, None), 1e-4).toarray()
    assert_allclose(laplacian @ np.ones(60), 0, atol=1e-9)
    assert np.linalg.eigvalsh(laplacian).min() > -1e-9


@pytest.mark.parametrize("weight", [1e-8, 1.0, 1e8])
def test_separate_groups_are_found(weight):
    X, y = blobs(300, 6, 3)
    model = LDMGI(3, weight=weight, clique_size=15, random_state=0).fit(X)
    assert clustering_accuracy(y, model.labels_) == 1


def test_the_sparse_solver_finds_what_the_dense_one_does(monkeypatch):
    X, y = blobs(1500, 6, 4)
    dense = LDMGI(4, random_state=0, clique_size=10).fit(X)
    monkeypatch.setattr("torchdec_bench.baselines._spectral._DENSE_UP_TO", 100)
    found = LDMGI(4, random_state=0, clique_size=10).fit(X)
    assert clustering_accuracy(y, found.labels_) == clustering_accuracy(y, dense.labels_) == 1
    assert clustering_accuracy(dense.labels_, found.labels_) == 1


def test_turned_moved_permuted_and_sparse_rows_have_the_same_clusters():
    X, _ = blobs(200, 5, 3)
    labels = LDMGI(3, random_state=0).fit_predict(X)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))
    order = np.random.default_rng(1).permutation(200)
    for changed, own in ((X @ turn, labels), (X[order], labels[order]), (sparse.csr_matrix(X), labels)):
        assert clustering_accuracy(own, LDMGI(3, random_state=0).fit_predict(changed)) == 1


@pytest.mark.parametrize(
    "X", [np.zeros((30, 4)), np.repeat(np.eye(3), 10, axis=0)], ids=["constant", "duplicates"]
)
@pytest.mark.filterwarnings("ignore:The graph of near rows:UserWarning")
def test_rows_that_are_alike_give_labels(X):
    labels = LDMGI(2, random_state=0).fit_predict(X)
    assert labels.shape == (30,)
    assert set(labels) <= {0, 1}


def test_the_same_seed_gives_the_same_labels_and_neighbors_can_be_shared():
    X, _ = blobs(200, 5, 3, spread=3)
    first = LDMGI(3, random_state=0).fit(X)
    again = LDMGI(3, random_state=0).fit(X, neighbors=nearest_rows(X, 6))
    assert np.array_equal(first.labels_, again.labels_)
    assert np.array_equal(first.embedding_, again.embedding_)


def test_a_graph_in_pieces_is_reported():
    X, _ = blobs(100, 4, 5)
    with pytest.warns(UserWarning, match=r"falls into 5 pieces, more than n_clusters=2"):
        LDMGI(2, clique_size=4, random_state=0).fit(X)


@pytest.mark.parametrize(
    ("neighbors", "message"),
    [
        (np.zeros((10, 3), int), r"has the shape \(10, 3\)"),
        (np.zeros((20, 4)), "are no row numbers"),
        (np.full((20, 4), 20), "name row 20, but X has 20 rows"),
        (np.full((20, 4), -1), "are no row numbers"),
    ],
)
def test_neighbors_that_cannot_be_are_refused(neighbors, message):
    with pytest.raises(ValueError, match=message):
        LDMGI(2).fit(np.random.default_rng(0).normal(size=(20, 3)), neighbors=neighbors)


def test_more_clusters_than_rows_are_refused():
    with pytest.raises(ValueError, match=r"n_samples=3 is fewer than n_clusters=5; try n_clusters=3"):
        LDMGI(5).fit(np.eye(3))
