"""One partition of the neighbour graph: the right clusters of shapes, of few rows and of unequal sizes."""

from time import perf_counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_iris, make_circles, make_moons
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from small import blobs
from torchdec import NeighborEncoder
from torchdec._core import candidates
from torchdec._core.journal import Journal
from torchdec._core.nearest import nearest
from torchdec._core.partition import Partition, partition
from torchdec._representation import rows_to_fit

Rows = tuple[NDArray[np.float32], NDArray[np.int64]]


def shape(name: str) -> Rows:
    random = np.random.RandomState(0)
    if name == "moons":
        points, truth = make_moons(500, noise=0.05, random_state=0)
    elif name == "circles":
        points, truth = make_circles(500, factor=0.5, noise=0.05, random_state=0)
    else:
        truth = np.repeat([0, 1, 2], [60, 180, 360] if name == "unequal rings" else [200, 200, 200])
        if name == "zigzags":
            along = random.rand(600) * 6
            points = np.stack([along, 1.5 * truth + np.abs(along % 2 - 1)], axis=1)
        else:
            angle = random.rand(600) * 2 * np.pi
            points = (truth + 1)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        points = points + 0.05 * random.randn(600, 2)
    return points.astype(np.float32), truth


def groups(sizes: list[int], d: int, *, far: float = 12.0, seed: int = 0) -> Rows:
    """Draw groups of standard Gaussians whose middles are `far` from each other at least."""
    random, middles = np.random.RandomState(seed), list[NDArray[np.float64]]()
    while len(middles) < len(sizes):
        middle = far * random.randn(d)
        if all(np.linalg.norm(middle - other) >= far for other in middles):
            middles.append(middle)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return (np.stack(middles)[truth] + random.randn(len(truth), d)).astype(np.float32), truth


def found(points: NDArray[np.float32], k: int, *, with_points: bool = True) -> Partition:
    n = len(points)
    graph = nearest(points, min(15, max(3, n // 10), n - 1), cosine=False)
    return partition([points], k, graph=graph, points=points if with_points else None, random_state=0)


def last(steps: Any) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def ari(truth: NDArray[np.int64], result: Partition) -> float:
    return float(adjusted_rand_score(truth, result.labels))


@pytest.mark.parametrize(
    ("name", "with_points"),
    [
        *(
            (name, with_points)
            for name in ("moons", "circles", "zigzags", "rings")
            for with_points in (True, False)
        ),
        ("unequal rings", True),
    ],
)
def test_shapes_that_no_centre_can_tell_apart_are_whole(name: str, with_points: bool) -> None:
    points, truth = shape(name)
    assert ari(truth, found(points, len(set(truth.tolist())), with_points=with_points)) == 1


@pytest.mark.parametrize(("seed", "far"), [(0, 60), (1, 300), (2, 60)])
def test_thin_strips_that_the_graph_cuts_are_whole(seed: int, far: float, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, 600)
    points = np.stack([far * truth + random.normal(size=600), random.normal(size=600)], axis=1)
    encoder = NeighborEncoder(random_state=seed)
    points = (points - points.mean(axis=0)) / points.std(axis=0)
    embedded = last(encoder.embed(rows_to_fit(encoder, points)[1], perf_counter(), Journal()))
    codes, few = [code.numpy() for code in embedded.embeddings], embedded.points.numpy()
    assert ari(truth, partition(codes, 3, graph=embedded.graph.numpy(), points=few, random_state=0)) == 1
    monkeypatch.setattr("torchdec._core.partition._MORE_ROWS", 0)
    assert ari(truth, partition(codes, 3, graph=embedded.graph.numpy(), points=few, random_state=0)) < 0.8


def test_circles_of_many_rows_are_whole_though_gaussians_are_likelier() -> None:
    points, truth = make_circles(700, factor=0.5, noise=0.08, random_state=1)
    assert ari(truth, found(points.astype(np.float32), 2)) > 0.9


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("sizes", "d"),
    [
        ([200, 4, 4, 4, 4, 4], 8),
        ([150, 140, 3], 2),
        ([300, 4, 6, 8, 10, 12], 6),
        ([4, 5, 6, 7, 8] * 4, 10),
        ([3, 3, 2, 2], 5),
        ([5, 5, 5, 5], 64),
        ([15, 15], 3),
    ],
)
def test_groups_of_few_rows_are_clusters(sizes: list[int], d: int, seed: int) -> None:
    points, truth = groups(sizes, d, seed=seed)
    assert ari(truth, found(points, len(sizes))) == 1


@pytest.mark.parametrize(
    ("sizes", "with_points"),
    [([1000, 100, 30], True), ([1000, 100, 30], False), ([2000, 200, 200, 20, 20], False)],
)
def test_clusters_of_unequal_sizes_are_not_evened_out(sizes: list[int], with_points: bool) -> None:
    points, truth = groups(sizes, 10)
    assert ari(truth, found(points, len(sizes), with_points=with_points)) == 1


def test_few_rows_that_are_no_gaussians_are_clusters_where_the_graph_keeps_them_apart() -> None:
    points, truth = make_moons((450, 50), noise=0.06, random_state=1)
    assert ari(truth, found(points.astype(np.float32), 2)) == 1


def test_of_few_rows_gaussians_count_where_the_graph_cannot_tell() -> None:
    points, truth = load_iris(return_X_y=True)
    points = points.astype(np.float32)
    assert ari(truth, found(points, 3)) > 0.9
    assert ari(truth, found(points, 3, with_points=False)) < 0.8


@pytest.mark.parametrize("with_points", [True, False])
def test_every_cluster_has_a_row(with_points: bool) -> None:
    points = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    for k in (1, 2, 7, 20, 39, 40):
        labels = found(points, k, with_points=with_points).labels
        assert labels.dtype == np.int32
        assert sorted(set(labels.tolist())) == list(range(k))


def test_without_a_graph_neighbours_are_found_in_the_code() -> None:
    points, truth = shape("moons")
    result = partition([points], 2, graph=None, random_state=0)
    assert ari(truth, result) == 1
    np.testing.assert_array_equal(result.labels, found(points, 2, with_points=False).labels)


def test_the_same_seed_gives_the_same_labels_on_any_number_of_threads() -> None:
    points, _ = blobs(400, 8, 9, spread=0.9)
    results = []
    for n_threads in (1, 2, 2):
        with threadpool_limits(n_threads):
            results.append(found(points, 9))
    for result in results[1:]:
        np.testing.assert_array_equal(result.labels, results[0].labels)
        assert result.scores == results[0].scores


def test_the_choice_is_worth_most_and_the_runner_up_less() -> None:
    points, _ = blobs(300, 4, 5, spread=0.6)
    result = found(points, 5)
    assert result.name in result.scores
    assert result.runner_up in result.scores
    assert result.scores[result.name] == max(result.scores.values())
    assert result.scores[result.runner_up] < result.scores[result.name]


def test_rows_that_are_there_many_times_are_one_cluster() -> None:
    distinct, _ = groups([1, 1, 1, 1], 3)
    points = np.repeat(distinct, 20, axis=0)
    assert ari(np.repeat(np.arange(4), 20), found(points, 4)) == 1
    assert len(set(found(points, 3).labels.tolist())) == 3
    with pytest.raises(ValueError, match="n_clusters=5 is more than the 4 distinct rows"):
        found(points, 5)


def test_where_there_are_many_rows_candidates_come_from_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_MOST_SEEN", 200)
    monkeypatch.setattr(candidates, "_MOST_SMALL", 100)
    points, truth = groups([500, 300, 250], 6)
    assert ari(truth, found(points, 3, with_points=False)) == 1


def test_more_clusters_than_small_groups_are_found_by_k_means_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_MOST_SMALL", 10)
    monkeypatch.setattr(candidates, "_FOR_COMMUNITIES", 10)
    points, truth = groups([20] * 15, 6)
    result = found(points, 15, with_points=False)
    assert ari(truth, result) == 1
    assert all(name.startswith("k-means") for name in result.scores)


def test_where_most_of_many_rows_are_the_same_the_others_are_seen_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_MOST_SEEN", 20)
    points = np.zeros((600, 3), dtype=np.float32)
    points[:4] = np.eye(4, 3) * 5 + 1
    assert sorted(np.bincount(found(points, 5, with_points=False).labels)) == [1, 1, 1, 1, 596]


def test_gaussians_that_never_settle_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_MOST_ROUNDS", 2)
    points, _ = blobs(200, 3, 4, spread=0.9)
    assert "gaussians" in found(points, 4).scores
