"""Numbers of clusters that are there are strong, and the largest strong one is recommended."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from small import blobs
from small_tables import KINDS, N_NUMBERS, mixed_table
from torchdec._core.number_of_clusters import (
    Candidate,
    choose,
    jaccard,
    numbers_to_try,
    prediction_strength,
    recommend,
)


def test_prediction_strength_equals_the_naive_loop() -> None:
    random = np.random.default_rng(0)
    own, predicted = random.integers(0, 3, 40), random.integers(0, 4, 40)
    shares = []
    for cluster in range(3):
        rows = np.flatnonzero(own == cluster)
        pairs = [(i, j) for i in rows for j in rows if i != j]
        shares.append(np.mean([predicted[i] == predicted[j] for i, j in pairs]))
    assert_allclose(prediction_strength(predicted, own), min(shares))


def test_rows_that_stay_together_are_strong_whatever_their_numbers() -> None:
    own = np.array([0, 0, 0, 1, 1, 1, 2])  # a cluster of one row says nothing
    assert prediction_strength(np.array([2, 2, 2, 0, 0, 0, 0]), own) == 1
    assert prediction_strength(np.arange(7), own) == 0
    assert prediction_strength(np.array([0, 0, 0, 1, 1, 1, 2, 3]), np.array([0, 0, 0, 1, 1, 1, 2, 2])) == 0
    assert prediction_strength(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])) == 0


@pytest.mark.parametrize("k", [2, 5, 12])
def test_groups_that_are_there_are_counted_and_halves_show_the_same(k: int) -> None:
    code, _ = blobs(60 * k, 10, k, seed=1)
    choice = choose(code, range(1, 16), seed=0)
    assert choice.n_clusters == k
    assert f"{k} is the largest number" in choice.reason
    best = next(candidate for candidate in choice.candidates if candidate.n_clusters == k)
    assert best.stability > 0.8
    strengths = [candidate.strength for candidate in choice.candidates]
    assert strengths == sorted(strengths, reverse=True)


def test_there_are_no_more_clusters_than_distinct_rows() -> None:
    code = np.repeat(np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32), 40, axis=0)
    choice = choose(code, range(2, 31), seed=0)
    assert choice.n_clusters == 5
    assert [candidate.n_clusters for candidate in choice.candidates] == [2, 3, 4, 5]
    assert choice.reason.endswith(" 6 to 30 not tried: X has 5 distinct rows after encoding.")


@pytest.mark.parametrize("uniform", [False, True])
def test_one_cloud_of_rows_is_one_cluster_at_every_resolution_but_the_finest(uniform: bool) -> None:
    random = np.random.default_rng(0)
    code = (random.random((600, 10)) if uniform else random.normal(size=(600, 10))).astype(np.float32)
    for resolution in ("coarse", "auto"):
        choice = choose(code, range(1, 301), resolution=resolution, seed=0)
        assert choice.n_clusters == 1
        assert choice.reason.startswith("Of 1 to 300 clusters, no number above 1 is strong")
    few = choose(code, range(2, 8), seed=0)
    assert few.n_clusters == 2
    assert "no number is strong; 2 is the nearest" in few.reason


def test_a_finer_look_finds_at_least_as_many() -> None:
    random = np.random.default_rng(0)
    near = random.normal(size=(900, 4)) + 5 * np.arange(3).repeat(300)[:, None] * np.eye(4)[0]
    far = random.normal(size=(900, 4)) + 40 * np.eye(4)[1]
    code = np.vstack([near, far]).astype(np.float32)
    found = [
        choose(code, range(1, 301), resolution=name, seed=0).n_clusters for name in ("coarse", "auto", "fine")
    ]
    assert found[0] == 2
    assert found[1] == found[2] == 4


def test_the_same_seed_gives_the_same_choice() -> None:
    code, _ = blobs(200, 4, 3)
    assert choose(code, [2, 3, 4], seed=5) == choose(code, range(2, 5), seed=5)


def test_jaccard_equals_the_sets_written_out() -> None:
    labels, others = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, -1])
    assert_allclose(jaccard(labels, others, 3, 2), [[2 / 3, 1 / 5], [0, 2 / 3], [0, 0]])


def candidate(k: int, strength: float) -> Candidate:
    return Candidate(k, strength, strength >= 0.5)


def test_the_largest_strong_number_is_taken_and_the_one_with_the_largest_step_after_it_comes_second() -> None:
    choice = recommend([candidate(k, s) for k, s in enumerate((1.0, 0.9, 0.9, 0.6, 0.6, 0.1), 1)], range(1, 9))
    assert (choice.n_clusters, choice.runner_up) == (5, 3)
    assert (
        choice.reason == "Of 1 to 8 clusters, 5 is the largest number that is strong (0.60). The runner-up is 3."
    )


def test_without_a_strong_one_the_fewest_are_taken() -> None:
    choice = recommend([candidate(2, 0.4), candidate(3, 0.3), candidate(4, 0.1)], [2, 3, 4])
    assert (choice.n_clusters, choice.runner_up) == (2, 3)
    assert recommend([candidate(3, 0.9)], [3]).runner_up is None
    even = recommend([candidate(k, 0.1) for k in range(2, 31, 2)], range(2, 31, 2))
    assert even.reason.startswith("Of 2, 4, 6, ... 30 clusters, ")


def test_auto_is_1_to_500_of_a_table_to_30_or_half_of_the_rows() -> None:
    assert numbers_to_try("auto", 21) == range(1, 11)
    assert numbers_to_try("fine", 2000) == range(1, 501)
    assert numbers_to_try("auto", 1000, is_table=True) == range(1, 31)
    assert numbers_to_try({8, 3, 500}, 1000) == [3, 8, 500]


def test_as_many_classes_of_a_table_are_chosen_as_there_are() -> None:
    rows, _ = mixed_table(600, sizes=(0.6, 0.3, 0.1))
    choice = choose(rows.take(np.arange(600)), range(1, 7), kinds=KINDS, seed=0)
    assert choice.n_clusters == 3


def test_a_table_of_independent_columns_is_one_class() -> None:
    rows, _ = mixed_table(600)
    values, random = rows.take(np.arange(600)), np.random.default_rng(0)
    columns = [(place, place + 1) for place in range(N_NUMBERS)]
    for start, stop in [*columns, *KINDS]:
        values[:, start:stop] = values[random.permutation(600), start:stop]
    assert choose(values, range(1, 6), kinds=KINDS, seed=0).n_clusters == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_levels_of_a_kind_that_tells_nothing_else_are_no_classes(seed: int) -> None:
    random, n = np.random.default_rng(seed), 1000
    kinds = [np.eye(levels)[random.integers(0, levels, n)] for levels in (2, 3)]
    numbers = np.stack([random.normal(size=n), random.exponential(size=n)], axis=1)
    table = np.hstack([numbers, *kinds]).astype(np.float32)
    kind_alone = np.hstack([table[:, 1:2], 3 * table[:, 2:4]])  # found again in each half
    choice = choose(kind_alone, range(1, 6), kinds=((1, 3),), seed=seed)
    assert choice.candidates[1].strength > 0.8
    assert choice.n_clusters == 1
    assert choose(table, range(1, 6), kinds=((2, 4), (4, 7)), seed=seed).n_clusters == 1
