"""Principal components and neighbours against NumPy's full decomposition and a search by brute force."""

import numpy as np
import pytest
import torch

from small import blobs, brute_force
from torchdec._core import nearest as _nearest
from torchdec._core.compute import resolve
from torchdec._core.nearest import NearestRows, nearest, nearest_of_moved
from torchdec._core.neighbor_graph import (
    ONE_WAY,
    changed_copies,
    edge_probabilities,
    principal_components,
)
from torchdec._core.randomness import generator
from torchdec.rows import as_rows

CPU = resolve("cpu", "float32")


def test_components_equal_those_of_the_full_decomposition() -> None:
    X = blobs(300, 20, 6, spread=0.1)[0] + 3
    components, project = principal_components(as_rows(X), 5, generator(0), CPU)
    torch.testing.assert_close(project(torch.from_numpy(X[:9])), components[:9], atol=1e-4, rtol=0)
    got = components.numpy()
    centered = X - X.mean(axis=0)
    u, s, _ = np.linalg.svd(centered, full_matrices=False)
    expected = u[:, :5] * s[:5]
    signs = np.sign((got * expected).sum(axis=0))
    np.testing.assert_allclose(got * signs, expected, atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_components_have_one_sign_wherever_the_solver_began(seed: int) -> None:
    X = blobs(300, 20, 6, spread=0.1)[0]
    rows = as_rows(np.concatenate([X, X[:, :1]], axis=1))  # two columns that are one, and so as large
    expected, got = (principal_components(rows, 5, generator(begin), CPU)[0] for begin in (0, seed + 1))
    torch.testing.assert_close(got, expected, atol=1e-3, rtol=0)


def test_components_are_at_most_the_features() -> None:
    assert principal_components(as_rows(blobs(30, 4, 2)[0]), 50, generator(0), CPU)[0].shape == (30, 4)


@pytest.mark.parametrize("cosine", [False, True])
def test_neighbours_equal_brute_force(cosine: bool) -> None:
    points = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
    found = nearest(points, 6, cosine=cosine)
    np.testing.assert_array_equal(found, brute_force(points, 6, cosine=cosine))


@pytest.mark.parametrize("exact_up_to", [100, 10])
@pytest.mark.parametrize("cosine", [False, True])
def test_rows_that_are_near_to_a_copy_are_neighbours_too(
    cosine: bool, exact_up_to: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Above 10 rows the search is approximate, but looks through all of the few lists that 80 rows have.
    monkeypatch.setattr(_nearest, "EXACT_UP_TO", exact_up_to)
    random = np.random.default_rng(0)
    points = random.normal(size=(80, 4)).astype(np.float32)
    copies = random.normal(size=(3, 80, 4)).astype(np.float32)
    near = NearestRows(points, 6, cosine=cosine)
    for copy in copies:
        near.add(copy)
    expected = brute_force(points, 6, cosine=cosine, copies=copies)
    np.testing.assert_array_equal(near.neighbors, expected)
    # Among 100 candidates, of which there are fewer here.
    moved = nearest_of_moved(torch.from_numpy(points), map(torch.from_numpy, copies), 6, cosine=cosine)
    np.testing.assert_array_equal(moved, expected)


def test_copies_that_are_turned_join_rows_that_are_turned() -> None:
    """Signals that begin anywhere: of each kind the neighbours are the other kinds', but for copies."""
    random = np.random.default_rng(0)
    kinds = np.repeat(np.arange(3), 40)
    rows = np.stack([np.roll(signal, random.integers(32)) for signal in random.normal(size=(3, 32))[kinds]])
    rows = as_rows(rows.astype(np.float32))

    def turned(rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        by = torch.randint(32, (len(rows), 1), generator=generator)
        return rows.gather(1, (torch.arange(32) + by) % 32)

    points, project = principal_components(rows, 32, generator(0), CPU)
    near = NearestRows(points, 5, cosine=True)
    assert (kinds[near.neighbors] == kinds[:, None]).mean() < 0.9
    for copy in changed_copies(rows, turned, 2.0, project, generator(0), CPU):
        near.add(copy)
    assert (kinds[near.neighbors] == kinds[:, None]).mean() > 0.99


def test_no_row_is_its_own_neighbour_even_among_duplicates() -> None:
    found = nearest(torch.ones(40, 3), 5, cosine=False)
    assert found.shape == (40, 5)
    assert not (found == np.arange(40)[:, None]).any()


@pytest.mark.parametrize("cosine", [False, True])
def test_the_approximate_search_finds_nearly_the_same(cosine: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    points = blobs(5000, 8, 10)[0] + 100 * (not cosine)
    exact = nearest(points, 10, cosine=cosine)
    monkeypatch.setattr(_nearest, "EXACT_UP_TO", 1000)
    approximate = nearest(points, 10, cosine=cosine)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact, approximate, strict=True)])
    assert recall > 0.95


def test_rows_of_zeros_are_nobodys_near_neighbour_under_the_cosine() -> None:
    points = np.abs(np.random.default_rng(0).normal(size=(60, 4))).astype(np.float32)
    points[:5] = 0
    found = nearest(points, 10, cosine=True)
    assert not np.isin(found[5:], np.arange(5)).any()


def test_edges_that_go_both_ways_are_drawn_more_often() -> None:
    graph = np.array([[1, 2], [0, 2], [0, 3], [0, 1]])  # 2 -> 3, 1 -> 2 and both of 3 go one way
    weight = np.array([[1, 1], [1, ONE_WAY], [1, ONE_WAY], [1, 1]])
    expected = weight / weight.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(edge_probabilities(graph), expected, rtol=1e-6)
