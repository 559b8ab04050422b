"""SEC against its formulas written out densely."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from small import blobs
from torchdec.metrics import clustering_accuracy
from torchdec_bench.baselines import SEC
from torchdec_bench.baselines._graphs import cliques, normalized_laplacian
from torchdec_bench.baselines._rows import unit_scale
from torchdec_bench.baselines._sec import _Regression
from torchdec_bench.baselines._spectral import spectral_rotation


@pytest.mark.parametrize("as_rows", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_the_regression_laplacian_is_that_of_the_paper(as_rows):
    random = np.random.default_rng(0)
    X = random.normal(2, 1, size=(50, 6)).astype(np.float32)
    targets = random.normal(size=(50, 3))
    scaled = 1.7 * X.astype(np.float64)
    center = np.eye(50) - 1 / 50
    own = center @ scaled
    dense = center - own @ np.linalg.inv(own.T @ own + 0.5 * np.eye(6)) @ own.T
    line = _Regression(as_rows(X), 1.7, 0.5)
    assert_allclose(line.residual(targets), dense @ targets, atol=1e-6)
    ridge = np.linalg.solve(own.T @ own + 0.5 * np.eye(6), own.T @ targets)
    assert_allclose(line.coefficients(targets), ridge, atol=1e-6)


def test_the_graph_laplacian_is_normalised_and_symmetric():
    X, _ = blobs(80, 4, 2)
    laplacian = normalized_laplacian(X, cliques(X, 5, None)).toarray()
    values = np.linalg.eigvalsh(laplacian)
    assert_allclose(laplacian, laplacian.T)
    assert_allclose(np.diag(laplacian), 1)
    assert values.min() == pytest.approx(0, abs=1e-9)
    assert values.max() <= 2


def test_rows_that_are_all_the_same_are_joined_to_each_other_and_to_no_other():
    X = np.vstack([np.zeros((6, 2)), [[10, 0], [11, 0], [12, 0]]]).astype(np.float32)
    laplacian = normalized_laplacian(X, cliques(X, 4, None)).toarray()
    assert (laplacian[:6, :6] < 0).any()
    assert_allclose(laplacian[:6, 6:], 0)
    assert np.isfinite(laplacian).all()


@pytest.mark.parametrize("laplacian", ["graph", "local"])
@pytest.mark.parametrize("weight", [0, 1e-6, 1.0])
def test_separate_groups_are_found_and_new_rows_of_them_recognised(laplacian, weight):
    X, y = blobs(400, 6, 3)
    model = SEC(3, weight=weight, laplacian=laplacian, clique_size=15, random_state=0).fit(X[:300])
    assert clustering_accuracy(y[:300], model.labels_) == 1
    assert clustering_accuracy(y[300:], model.predict(X[300:])) > 0.95


def test_the_linear_map_predicts_the_rotated_indicators():
    X, _ = blobs(120, 5, 3)
    model = SEC(3, weight=1.0, random_state=0).fit(X)
    scale = unit_scale(X)
    own = scale * (X - X.mean(axis=0)).astype(np.float64)
    ridge = np.linalg.solve(own.T @ own + np.eye(5), own.T @ model.embedding_)
    _, rotation = spectral_rotation(model.embedding_, 20, np.random.RandomState(0))
    expected = (own @ ridge + model.embedding_.mean(axis=0)) @ rotation
    assert clustering_accuracy((X @ model.coef_ + model.intercept_).argmax(axis=1), expected.argmax(axis=1)) == 1


def test_a_large_weight_makes_the_clusters_linear():
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, 600)
    radius = np.where(np.arange(600) < 300, 1.0, 3.0)
    rings = np.c_[radius * np.cos(angle), radius * np.sin(angle)] + random.normal(0, 0.05, (600, 2))
    truth = np.arange(600) // 300
    near = SEC(2, weight=0, clique_size=10, random_state=0).fit(rings)
    linear = SEC(2, weight=1e6, clique_size=10, random_state=0).fit(rings)
    assert clustering_accuracy(truth, near.labels_) > 0.99
    assert clustering_accuracy(truth, linear.labels_) < 0.7
    assert (linear.predict(rings) == linear.labels_).mean() > 0.95


def test_the_rotation_of_indicators_finds_them():
    truth = np.random.default_rng(0).integers(0, 4, 200)
    indicators = np.eye(4)[truth] / np.sqrt(np.bincount(truth))
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))
    labels, rotation = spectral_rotation(indicators @ turn, 5, np.random.RandomState(0))
    assert clustering_accuracy(truth, labels) == 1
    assert_allclose(rotation.T @ rotation, np.eye(4), atol=1e-9)
