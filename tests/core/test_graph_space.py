"""The space of the graph is chosen by what two disjoint sets of features agree on."""

import numpy as np
import pytest

from torchdec._core import graph_space
from torchdec._core.compute import resolve
from torchdec._core.graph_space import agreement, components_agree
from torchdec._core.randomness import generator
from torchdec.rows import as_rows

CPU = resolve("cpu", "float32")


def ring(n: int) -> np.ndarray:
    """Each row's neighbours are the next one and the one before."""
    rows = np.arange(n)
    return np.stack([(rows + 1) % n, (rows - 1) % n], axis=1)


def noisy_groups(n: int = 600, d: int = 400) -> np.ndarray:
    """Six groups in a space of three dimensions, under much noise in all features."""
    random = np.random.default_rng(0)
    centers = 4 * random.normal(size=(6, 3))
    rows = centers[random.integers(6, size=n)] @ random.normal(size=(3, d)) + 6 * random.normal(size=(n, d))
    return rows.astype(np.float32)


def topics(n: int = 600, d: int = 1200, n_topics: int = 60) -> np.ndarray:
    """Many topics with twenty words of their own each, of which a row has some: no few directions hold them."""
    random = np.random.default_rng(0)
    topic = random.integers(n_topics, size=n)
    own = np.arange(d)[None] // (d // n_topics) == topic[:, None]
    return (random.random((n, d)) < np.where(own, 0.5, 0.002)).astype(np.float32)


def choose(x: np.ndarray, n_components: int) -> bool:
    return components_agree(as_rows(x), n_components, 10, generator(0), CPU, cosine=True)


def test_components_win_where_few_directions_hold_the_structure() -> None:
    assert choose(noisy_groups(), 5)


def test_rows_win_where_each_group_has_features_of_its_own() -> None:
    assert not choose(topics(), 5)


def test_a_tie_goes_to_the_components(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_space, "agreement", lambda *_: 0.5)
    assert choose(topics(), 5)


@pytest.mark.parametrize(
    ("ahead", "n_splits", "components"),
    [
        ([0.3, 0.3, 0.3], 3, False),
        ([-0.3, -0.3, -0.3], 3, True),
        ([-0.1, 0.3, 0.2, 0.3, 0.3], 5, False),  # the first one alone would say components
        ([0.1, -0.2] * 5, 9, True),
    ],
)
def test_features_are_split_anew_until_the_mean_is_clear(
    ahead: list[float], n_splits: int, components: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = iter([(0.5, 0.505 + share) for share in ahead])
    monkeypatch.setattr(graph_space, "agreements", lambda *_, **__: next(splits))
    assert choose(topics(), 5) is components
    assert len(list(splits)) == len(ahead) - n_splits


def test_the_choice_looks_at_a_sample_without_empty_rows_and_constant_features(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(graph_space, "SAMPLE", 50)
    x = topics(200)
    x[:, :7], x[::2] = 1, 0
    kept = graph_space.sample(as_rows(x), generator(0))
    assert len(kept) < 50
    assert kept.any(axis=1).all()
    assert (np.ptp(kept, axis=0) > 0).all()


def test_agreement_is_one_for_all_edges_within_and_zero_for_chance() -> None:
    everyone = np.ones(40, dtype=bool)
    halves = np.arange(40) // 20
    assert agreement(np.concatenate([ring(20), ring(20) + 20]), halves, everyone) == 1
    random = np.random.default_rng(0).integers(40, size=(40, 500))
    assert abs(agreement(random, halves, everyone)) < 0.05
    assert agreement(ring(40), np.zeros(40, dtype=int), everyone) == 0


def test_rows_that_are_not_known_in_both_halves_do_not_count() -> None:
    graph = np.concatenate([ring(20), ring(20) + 20])
    graph[0] = 39
    known = np.arange(40) != 0
    halves = np.arange(40) // 20
    assert agreement(graph, halves, known) == 1
    assert agreement(graph, halves, np.ones(40, dtype=bool)) < 1


def test_too_few_rows_or_features_that_say_something_leave_the_components() -> None:
    few_features, few_rows = np.zeros((2, 100, 40), dtype=np.float32)
    few_features[:, :8] = np.random.default_rng(0).normal(size=(100, 8))
    few_rows[:4] = np.random.default_rng(0).normal(size=(4, 40))
    assert choose(few_features, 5)
    assert choose(few_rows, 5)
    assert agreement(ring(4), np.array([0, 0, 1, 1]), np.zeros(4, dtype=bool)) == 0
