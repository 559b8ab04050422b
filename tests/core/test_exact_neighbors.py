"""Products of bfloat16 propose neighbours, and what is returned is exact all the same."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from small import brute_force
from torchdec._core import exact_neighbors as module
from torchdec._core import neighbor_graph
from torchdec._core.compute import resolve
from torchdec._core.exact_neighbors import exact_neighbors
from torchdec._core.neighbor_graph import nearest_neighbors
from torchdec._core.randomness import generator


def others(found: Tensor) -> list[set[int]]:
    """Return what was found for each row, which is to be among it, without itself."""
    assert all(row in near for row, near in enumerate(found.tolist()))
    return [set(near) - {row} for row, near in enumerate(found.tolist())]


def expected(points: Tensor, n_neighbors: int, *, cosine: bool) -> list[set[int]]:
    return [set(near) for near in brute_force(points.float().numpy(), n_neighbors - 1, cosine=cosine).tolist()]


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("_ROWS", 64), ("_COLUMNS", 128), ("_FETCHED", 10)):
        monkeypatch.setattr(module, name, size)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("n", [7, 128, 333])
def test_neighbours_are_those_of_brute_force(n: int, cosine: bool) -> None:
    points = torch.randn(n, 40, generator=generator(n))
    found = exact_neighbors(points, 6, cosine=cosine)
    assert found.shape == (n, 6)
    assert others(found) == expected(points, 6, cosine=cosine)


@pytest.mark.usefixtures("small_tiles")
def test_where_rounding_hides_the_order_all_distances_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values around 10 have steps of 1/16 in bfloat16, and as many rows are proposed as are asked for."""
    monkeypatch.setattr(module, "_MORE", 0)
    points = torch.randn(400, 5, generator=generator(0))
    points[:200] += 10
    points[200:] -= 10
    nearest = expected(points, 4, cosine=False)
    assert expected(points.bfloat16(), 4, cosine=False) != nearest
    assert others(exact_neighbors(points, 4, cosine=False)) == nearest


@pytest.mark.usefixtures("small_tiles")
def test_rows_of_zeros_are_as_far_from_all_under_the_cosine() -> None:
    points = torch.rand(60, 4, generator=generator(0))
    points[:5] = 0
    found = exact_neighbors(points, 10, cosine=True)
    assert not (found[5:] < 5).any()


@pytest.mark.usefixtures("small_tiles")
def test_among_duplicates_all_that_is_found_is_as_near() -> None:
    found = exact_neighbors(torch.ones(300, 3), 5, cosine=False)
    assert all(len(set(row)) == 5 for row in found.tolist())


def test_large_searches_in_bfloat16_are_as_those_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    points, searched = torch.randn(100, 8, generator=generator(0)), []

    def spied(*arguments: Any, **named: Any) -> Tensor:
        searched.append(arguments)
        return exact_neighbors(*arguments, **named)

    monkeypatch.setattr(neighbor_graph, "exact_neighbors", spied)
    monkeypatch.setattr(neighbor_graph, "_LARGE", 100 * 100 * 8)
    found = [
        nearest_neighbors(points, 5, cosine=False, compute=resolve("cpu", precision))
        for precision in ("float32", "bfloat16")
    ]
    assert len(searched) == 1
    np.testing.assert_array_equal(*found)
