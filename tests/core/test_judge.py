"""What a partition is worth by its graph and by the rows, and how rows move to a better one."""

import numpy as np
import pytest
from scipy.stats import multivariate_t

from torchdec._core.candidates import ward
from torchdec._core.communities import between, log_likelihood, refined, weighted
from torchdec._core.judge import gaussian_evidence, graph_score, leading_components, with_clear_evidence
from torchdec._core.nearest import nearest
from torchdec._core.spanning_tree import SmallClusters, SpanningTree


def two_blobs(n: int = 100, apart: float = 6.0) -> np.ndarray:
    random = np.random.default_rng(0)
    points = random.normal(size=(2 * n, 2))
    points[n:, 0] += apart
    return points.astype(np.float32)


def test_edges_both_ways_weigh_one_and_others_a_quarter() -> None:
    edges = weighted(np.array([[1], [0], [0]])).toarray()
    np.testing.assert_array_equal(edges, [[0, 1, 0.25], [1, 0, 0], [0.25, 0, 0]])


def test_a_far_neighbour_is_none_where_the_points_are_known() -> None:
    points = np.array([[0], [1], [2], [3], [100]], dtype=np.float32)
    graph = nearest(points, 4, cosine=False)
    assert weighted(graph).toarray()[4].any()
    assert not weighted(graph, points).toarray()[4].any()


def test_a_neighbour_that_is_listed_twice_counts_once() -> None:
    np.testing.assert_array_equal(weighted(np.array([[1, 1], [0, 0]])).toarray(), [[0, 1], [1, 0]])


def test_the_likelihood_is_the_entropy_of_the_sizes_where_no_edge_is_cut() -> None:
    assert log_likelihood(np.diag([30.0, 10.0])) == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))
    assert log_likelihood(np.full((2, 2), 10.0)) == pytest.approx(0)


def test_of_two_cuts_the_cleaner_one_is_worth_more_even_if_it_is_less_even() -> None:
    uneven = np.array([[900.0, 1.0], [1.0, 98.0]])
    even = np.array([[300.0, 200.0], [200.0, 300.0]])
    assert graph_score(uneven) > graph_score(even)


def test_pieces_of_the_graph_are_worth_more_than_even_sizes() -> None:
    pieces = np.diag([990.0, 5.0, 5.0])
    even = np.array([[480.0, 15.0, 0.0], [15.0, 480.0, 0.0], [0.0, 0.0, 10.0]])
    assert log_likelihood(pieces) < log_likelihood(even)
    assert graph_score(pieces) > graph_score(even) + 1


def test_the_refined_partition_is_likelier_and_mends_rows_that_are_wrong() -> None:
    points = two_blobs()
    edges, truth = weighted(nearest(points, 10, cosine=False)), np.repeat([0, 1], 100)
    wrong = truth.copy()
    wrong[::7] = 1 - wrong[::7]
    mended = refined(edges, wrong, 2)
    assert log_likelihood(between(edges, mended, 2)) > log_likelihood(between(edges, wrong, 2))
    assert (wrong == truth).mean() < 0.86 < 0.98 < (mended == truth).mean()


def test_counts_after_few_moves_are_those_of_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    points = two_blobs(apart=2.5)
    edges, start = weighted(nearest(points, 10, cosine=False)), (points[:, 0] > 0.5).astype(np.int64)
    few = refined(edges, start, 2)
    monkeypatch.setattr("torchdec._core.communities._FEW", 0.0)
    np.testing.assert_array_equal(few, refined(edges, start, 2))


def test_the_evidence_of_a_cluster_is_that_of_its_rows_one_after_another() -> None:
    """The chain of predictive Student's t of a normal-inverse-Wishart prior (Murphy, 2007, section 9)."""
    points = np.random.default_rng(0).normal(size=(12, 2))
    points -= points.mean(axis=0)
    scatter = points.T @ points / 12
    scatter += (1e-6 * np.trace(scatter) / 2 + np.finfo(np.float32).tiny) * np.eye(2)
    rows, freedom, mean, total = 0.01, 4.0, np.zeros(2), 0.0
    for point in points:
        degrees = freedom - 1
        total += multivariate_t(mean, scatter * (rows + 1) / (rows * degrees), df=degrees).logpdf(point)
        scatter = scatter + rows / (rows + 1) * np.outer(point - mean, point - mean)
        mean, rows, freedom = (rows * mean + point) / (rows + 1), rows + 1, freedom + 1
    assert gaussian_evidence(points, np.zeros(12, dtype=int), 1) == pytest.approx(total / 12)


def test_evidence_chooses_where_it_is_clear_beside_how_many_rows_are_placed_otherwise() -> None:
    half = np.repeat([0, 1], 50)
    labels = {"graph": half, "few moved": np.repeat([1, 0], [48, 52]), "turned": np.tile([0, 1], 50)}
    graph = {"graph": 2.7, "few moved": 2.5, "turned": 2.6}
    chosen = with_clear_evidence(graph, {"graph": -2.0, "few moved": -1.9, "turned": -1.0}, labels)
    assert chosen == pytest.approx({"graph": 2.7, "few moved": 2.8, "turned": 2.6})  # .02 and .5 of the rows
    chosen = with_clear_evidence(graph, {"graph": -2.0, "few moved": -1.95, "turned": 0.1}, labels)
    assert chosen == pytest.approx({"graph": 2.7, "few moved": 2.5, "turned": 4.8})


def test_components_of_few_rows_keep_their_distances_up_to_ten_columns() -> None:
    points = np.random.default_rng(0).normal(size=(30, 10)).astype(np.float32) + 5
    components = leading_components(points)
    np.testing.assert_allclose(components.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(
        components @ components.T, (points - points.mean(0)) @ (points - points.mean(0)).T, atol=1e-3
    )
    assert leading_components(np.tile(points, 3)).shape == (30, 10)


def test_ward_is_that_of_scikit_learn() -> None:
    from sklearn.cluster import AgglomerativeClustering

    points = np.random.default_rng(0).normal(size=(120, 3)).astype(np.float32)
    none = SpanningTree(np.zeros((0, 2), dtype=np.int64), np.zeros(0))
    small = SmallClusters(np.arange(120), np.ones(120, dtype=np.int64), none)
    for k in (2, 7, 119):
        pairs = zip(ward(points, small, k), AgglomerativeClustering(k).fit_predict(points), strict=True)
        assert len(set(pairs)) == k
