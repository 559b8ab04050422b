"""The graph of the embedding mends what k-means cannot see: clusters that differ in extent or in size."""

import numpy as np
import pytest
from numpy.typing import NDArray

from torchdec._core import separation
from torchdec._core.kmeans import kmeans
from torchdec._core.separation import separated
from torchdec.metrics import clustering_accuracy

# Of each group: its middle, its spread, its rows.
Groups = list[tuple[tuple[float, float], float, int]]
WIDE: Groups = [((0, 0), 3.0, 300), ((30, 0), 0.1, 300), ((32, 0), 0.1, 300), ((31, 2), 0.1, 300)]
UNEQUAL: Groups = [((0, 0), 1.0, 500), ((20, 0), 0.3, 40), ((21.5, 0), 0.3, 40), ((-40, 0), 0.5, 100)]
EQUAL: Groups = [*UNEQUAL[:3], ((-40, 0), 0.0, 100)]


def code_of(groups: Groups) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    random = np.random.default_rng(0)
    points = [random.normal(middle, spread, (n, 2)) for middle, spread, n in groups]
    sizes = [n for _, _, n in groups]
    return np.concatenate(points).astype(np.float32), np.repeat(np.arange(len(groups)), sizes)


def lowest_inertia(points: NDArray[np.float32], k: int) -> object:
    random = np.random.RandomState(0)
    return min((kmeans(points, k, random) for _ in range(10)), key=lambda start: start.inertia_)


def whole(labels: NDArray[np.int32], truth: NDArray[np.int64]) -> bool:
    """Tell whether each group is one cluster, and each cluster one group."""
    pairs = set(zip(labels.tolist(), truth.tolist(), strict=True))
    return len(pairs) == len(set(truth.tolist())) == len(set(labels.tolist()))


@pytest.mark.parametrize("groups", [WIDE, UNEQUAL, EQUAL], ids=["wide", "unequal", "equal"])
def test_the_lowest_inertia_cuts_through_a_group_and_the_graph_does_not(groups: Groups) -> None:
    points, truth = code_of(groups)
    best = lowest_inertia(points, 4)
    assert not whole(best.labels_, truth)
    assert whole(separated(points, best, np.random.RandomState(0)).labels_, truth)


@pytest.mark.parametrize("groups", [WIDE, UNEQUAL, EQUAL], ids=["wide", "unequal", "equal"])
def test_moves_alone_mend_it_too(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "_CLEARER", 0.0)
    points, truth = code_of(groups)
    best = lowest_inertia(points, 4)
    assert whole(separated(points, best, np.random.RandomState(0)).labels_, truth)
    monkeypatch.setattr(separation, "_ROUNDS", 0)
    assert separated(points, best, np.random.RandomState(0)) is best


@pytest.mark.parametrize(("name", "value"), [("_JOINED", 1.1), ("_APART", 0.0)])
def test_no_move_without_two_that_are_joined_and_one_that_falls_apart(
    name: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(separation, "_CLEARER", 0.0)
    monkeypatch.setattr(separation, name, value)
    points, _ = code_of(UNEQUAL)
    best = lowest_inertia(points, 4)
    assert separated(points, best, np.random.RandomState(0)) is best


def test_communities_of_lower_modularity_leave_the_lowest_inertia() -> None:
    """Two tiny groups beside a disc: to set them apart cuts fewer edges than to cut the disc, and says less."""
    random = np.random.default_rng(0)
    disc = random.normal(size=(4000, 2))
    disc = 3 * disc[np.square(disc).sum(axis=1) < 1]
    tiny = np.array([[6.5, 0.0], [6.5, 2.5]])[:, None] + 0.1 * random.normal(size=(2, 30, 2))
    points = np.concatenate([disc, tiny.reshape(-1, 2)]).astype(np.float32)
    best = lowest_inertia(points, 3)
    assert separated(points, best, np.random.RandomState(0)) is best


@pytest.mark.parametrize(("n", "k"), [(400, 9), (40, 39)])
def test_nothing_that_is_no_clearer_replaces_the_lowest_inertia(n: int, k: int) -> None:
    points = np.random.default_rng(0).random((n, 2), dtype=np.float32)
    best = lowest_inertia(points, k)
    assert separated(points, best, np.random.RandomState(0)) is best


def test_a_move_that_leaves_more_edges_cut_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "_CLEARER", 0.0)
    points, truth = code_of(UNEQUAL)
    right = kmeans(points, 4, np.random.RandomState(0), np.stack([points[truth == g].mean(0) for g in range(4)]))
    assert whole(right.labels_, truth)
    wrong = lowest_inertia(points, 4).predict(points)
    monkeypatch.setattr(separation, "_moved", lambda graph, labels: wrong)
    assert separated(points, right, np.random.RandomState(0)) is right


def test_a_cluster_that_the_graph_has_no_row_of_keeps_its_centre(monkeypatch: pytest.MonkeyPatch) -> None:
    points, truth = code_of([*UNEQUAL, ((0, 90), 0.1, 1)])
    monkeypatch.setattr(separation, "_GRAPH_ROWS", 660)
    best = lowest_inertia(points, 5)
    seed = next(s for s in range(99) if 680 not in np.random.RandomState(s).permutation(681)[:660])
    assert whole(separated(points, best, np.random.RandomState(seed)).labels_, truth)


def test_one_cluster_few_rows_and_equal_rows_stay_as_they_are() -> None:
    random = np.random.RandomState(0)
    points, _ = code_of(UNEQUAL)
    for rows, k in ((points, 1), (points[:15], 2)):
        best = kmeans(rows, k, random)
        assert separated(rows, best, random) is best
    equal = np.repeat(np.float32([[0, 0], [9, 9]]), 50, axis=0)
    best = kmeans(equal, 2, random)
    assert separated(equal, best, random) is best


def long_groups(shift: float) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Make two long groups side by side, the second one shifted along the first, and one far away."""
    truth = np.repeat([0, 1, 2], 300)
    middles = np.array([[0, 0], [shift, 2.5], [40, 0]])
    points = np.random.default_rng(0).normal(0, 1, (900, 2)) * [2, 0.3] + middles[truth]
    return points.astype(np.float32), truth


def test_two_long_groups_that_are_cut_across_are_cut_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "_CLEARER", 0.0)
    points, truth = long_groups(shift=0)
    best = lowest_inertia(points, 3)
    assert not whole(best.labels_, truth)
    assert whole(separated(points, best, np.random.RandomState(0)).labels_, truth)


def test_kmeans_does_not_bring_back_the_cut_across(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "_CLEARER", 0.0)
    points, truth = long_groups(shift=1)
    best = lowest_inertia(points, 3)
    means = np.stack([points[truth == group].mean(0) for group in range(3)])
    back = kmeans(points, 3, np.random.RandomState(0), means)
    found = separated(points, best, np.random.RandomState(0))
    accuracies = [clustering_accuracy(truth, model.labels_) for model in (best, back, found)]
    assert accuracies[1] == pytest.approx(accuracies[0], abs=0.02)
    assert accuracies[2] > accuracies[0] + 0.1
    np.testing.assert_array_equal(found.labels_, found.predict(points))


@pytest.mark.parametrize(("name", "value"), [("_TOUCHING", 1.1), ("_FEWER", 0.0), ("_MORE_MODULAR", 1.0)])
def test_no_new_cut_of_two_that_hardly_touch_or_for_little(
    name: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(separation, "_CLEARER", 0.0)
    monkeypatch.setattr(separation, name, value)
    points, _ = long_groups(shift=0)
    best = lowest_inertia(points, 3)
    assert separated(points, best, np.random.RandomState(0)) is best


def test_the_same_generator_gives_the_same_clusters() -> None:
    points, _ = code_of(WIDE)
    first, second = (
        separated(points, lowest_inertia(points, 4), np.random.RandomState(3)).labels_ for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
