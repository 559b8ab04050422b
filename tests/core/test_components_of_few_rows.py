"""Codes that lie as few rows do, and clusters of the rows where they cut fewer edges."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from torchdec._core.communities import conductance
from torchdec._core.compute import Compute
from torchdec._core.few_rows import _near_edges, clearer_in_rows
from torchdec._core.kmeans import kmeans
from torchdec._core.neighbor_graph import layout, layout_weight
from torchdec._core.randomness import generator
from torchdec.rows import as_rows

COMPUTE = Compute(torch.device("cpu"), "float32")


@pytest.mark.parametrize(("n_rows", "weight"), [(2, 1), (50, 1), (100, 0.5), (150, 0), (10_000, 0)])
def test_the_layout_counts_alone_up_to_50_rows_and_not_at_all_from_150_on(n_rows: int, weight: float) -> None:
    assert layout_weight(n_rows) == weight


def test_a_layout_has_the_distances_of_the_rows_up_to_one_factor() -> None:
    X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32) + 5
    placed = layout(as_rows(X), 10, generator(0), COMPUTE)
    assert placed.shape == (12, 10)
    assert not placed[:, 3:].any()
    assert float(placed.square().sum(dim=1).mean()) == pytest.approx(100)
    ratio = torch.pdist(placed) / torch.pdist(torch.from_numpy(X))
    assert float(ratio.max() / ratio.min()) == pytest.approx(1, abs=1e-3)


def test_rows_that_are_all_equal_have_a_layout() -> None:
    assert layout(as_rows(np.ones((5, 2), dtype=np.float32)), 4, generator(0), COMPUTE).isfinite().all()


def _beside(n_far: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    labels = np.repeat([0, 1, 2], [150, 150, n_far])
    centers = np.array([[0, 0], [40, 0], [0, 40]])
    X = centers[labels] + np.random.default_rng(0).normal(size=(len(labels), 2))
    return X.astype(np.float32), labels


@pytest.mark.parametrize("n_far", [1, 2, 4, 8])
def test_no_edge_leads_out_of_a_far_group_of_few_rows(n_far: int) -> None:
    X, labels = _beside(n_far)
    assert conductance(_near_edges(X), labels) == 0


def test_the_clusters_of_the_rows_are_taken_where_those_of_the_code_cut_more_edges() -> None:
    X, labels = _beside(4)
    # k-means on this code gains more by cutting a long group in two than by a centre for the far one.
    centers, extent = np.array([[0, 0], [60, 0], [74, 0]]), np.array([[1, 5], [1, 5], [0.5, 0.5]])
    code = centers[labels] + extent[labels] * np.random.default_rng(1).normal(size=X.shape)
    code = code.astype(np.float32)
    state = np.random.RandomState(0)
    best = kmeans(code, 3, state, n_init=5)
    assert adjusted_rand_score(labels, best.labels_) < 0.9
    assert adjusted_rand_score(labels, clearer_in_rows(code, best, X, state).labels_) == 1


def test_clusters_of_the_code_that_cut_no_edge_stay() -> None:
    X, labels = _beside(4)
    best = kmeans(X, 3, np.random.RandomState(0), np.stack([X[labels == c].mean(axis=0) for c in range(3)]))
    assert clearer_in_rows(X, best, X, np.random.RandomState(0)) is best


def test_groups_of_four_rows_have_no_edges_to_others_in_the_graph_that_judges() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), [200, 4, 4, 4, 4, 4])
    points = (10 * random.normal(size=(6, 8))[labels] + random.normal(size=(220, 8))).astype(np.float32)
    edges = _near_edges(points).tocoo()
    assert (labels[edges.row] == labels[edges.col]).all()
