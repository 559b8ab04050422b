"""Communities of a graph: as many as asked for, and how well groups are separated."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from torchdec._core.communities import communities, conductance, edges_of, joined, k_communities, modularity


def rings(*sizes: int) -> csr_matrix:
    """Make rings without edges between them, each row joined to the two on either side."""
    graphs, start = [], 0
    for size in sizes:
        graphs.append(start + (np.arange(size)[:, None] + np.array([1, 2])) % size)
        start += size
    return edges_of(np.concatenate(graphs))


def within(found: NDArray[np.int64], pieces: NDArray[np.int64]) -> bool:
    return all(len(np.unique(pieces[found == group])) == 1 for group in np.unique(found))


def test_edges_go_both_ways_and_count_once() -> None:
    edges = edges_of(np.array([[1], [0], [0]]))
    np.testing.assert_array_equal(edges.toarray(), [[0, 1, 1], [1, 0, 0], [1, 0, 0]])


def test_communities_lie_within_the_pieces_of_a_graph() -> None:
    assert within(communities(rings(20, 20, 20)), np.arange(60) // 20)


@pytest.mark.parametrize("k", [2, 3, 5, 9])
def test_as_many_communities_as_asked_for(k: int) -> None:
    found = k_communities(rings(30, 30, 30), k)
    assert found is not None
    np.testing.assert_array_equal(np.unique(found), np.arange(k))
    if k >= 3:
        assert within(found, np.arange(90) // 30)


def test_pieces_are_merged_where_there_are_fewer_communities_to_be() -> None:
    found = k_communities(rings(10, 10, 10, 10, 10, 10), 2)
    assert found is not None
    pieces = found.reshape(6, 10)
    assert (pieces == pieces[:, :1]).all()
    assert len(np.unique(found)) == 2


def test_more_communities_than_rows_are_not_found() -> None:
    assert k_communities(rings(10), 11) is None


def test_modularity_is_the_share_of_edges_within_beyond_chance() -> None:
    edges = rings(10, 30)
    assert modularity(edges, (np.arange(40) >= 10).astype(int)) == pytest.approx(1 - 0.25**2 - 0.75**2)
    assert modularity(edges, np.zeros(40, dtype=int)) == pytest.approx(0)


def test_conductance_is_the_mean_share_of_edges_that_leave() -> None:
    edges = csr_matrix(np.array([[0, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0]]))
    assert conductance(edges, np.array([0, 0, 1, 1])) == pytest.approx(1 / 3)
    assert conductance(edges, np.array([0, 0, 0, 2])) == pytest.approx((1 / 5 + 1) / 2)
    assert conductance(edges, np.zeros(4, dtype=int)) == 0


def test_groups_are_joined_by_the_share_of_the_edges_of_the_smaller_one() -> None:
    edges = rings(10, 30)
    labels = np.repeat([0, 1, 2], [10, 6, 24])
    shares = joined(edges, labels)
    # A row of a ring has four edges; a stretch of six has three that leave it at each of its ends.
    assert shares[1, 2] == shares[2, 1] == pytest.approx(6 / 24)
    assert shares[0, 1] == shares[0, 2] == 0
    assert joined(edges, np.repeat([0, 2], [10, 30]))[0, 1] == 0
