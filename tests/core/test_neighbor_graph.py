"""Principal components and neighbours against NumPy's full decomposition and a search by brute force."""

import numpy as np
import pytest
import torch

from small import blobs, brute_force
from torchdec import _nearest
from torchdec._core.compute import resolve
from torchdec._core.neighbor_graph import ONE_WAY, edge_probabilities, nearest_neighbors, principal_components
from torchdec._core.randomness import generator
from torchdec.rows import as_rows

CPU = resolve("cpu", "float32")


def test_components_equal_those_of_the_full_decomposition() -> None:
    X = blobs(300, 20, 6, spread=0.1)[0] + 3
    got = principal_components(as_rows(X), 5, generator(0), CPU).numpy()
    centered = X - X.mean(axis=0)
    u, s, _ = np.linalg.svd(centered, full_matrices=False)
    expected = u[:, :5] * s[:5]
    signs = np.sign((got * expected).sum(axis=0))
    np.testing.assert_allclose(got * signs, expected, atol=1e-3)


def test_components_are_at_most_the_features() -> None:
    assert principal_components(as_rows(blobs(30, 4, 2)[0]), 50, generator(0), CPU).shape == (30, 4)


@pytest.mark.parametrize("cosine", [False, True])
def test_neighbours_equal_brute_force(cosine: bool) -> None:
    points = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
    found = nearest_neighbors(torch.from_numpy(points), 6, cosine=cosine, compute=CPU)
    np.testing.assert_array_equal(found, brute_force(points, 6, cosine=cosine))


def test_no_row_is_its_own_neighbour_even_among_duplicates() -> None:
    found = nearest_neighbors(torch.ones(40, 3), 5, cosine=False, compute=CPU)
    assert found.shape == (40, 5)
    assert not (found == np.arange(40)[:, None]).any()


def test_the_approximate_search_finds_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    points = torch.from_numpy(blobs(3000, 8, 10)[0])
    exact = nearest_neighbors(points, 10, cosine=False, compute=CPU)
    monkeypatch.setattr(_nearest, "EXACT_UP_TO", 1000)
    approximate = nearest_neighbors(points, 10, cosine=False, compute=CPU)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact, approximate, strict=True)])
    assert recall > 0.95


def test_rows_of_zeros_are_nobodys_near_neighbour_under_the_cosine() -> None:
    points = np.abs(np.random.default_rng(0).normal(size=(60, 4))).astype(np.float32)
    points[:5] = 0
    found = nearest_neighbors(torch.from_numpy(points), 10, cosine=True, compute=CPU)
    assert not np.isin(found[5:], np.arange(5)).any()


def test_edges_that_go_both_ways_are_drawn_more_often() -> None:
    graph = np.array([[1, 2], [0, 2], [0, 3], [0, 1]])  # 2 -> 3, 1 -> 2 and both of 3 go one way
    weight = np.array([[1, 1], [1, ONE_WAY], [1, ONE_WAY], [1, 1]])
    expected = weight / weight.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(edge_probabilities(graph), expected, rtol=1e-6)
