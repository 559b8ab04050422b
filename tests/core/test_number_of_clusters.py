"""Numbers of clusters that are there are strong, and the largest strong one is recommended."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from small import blobs
from small_tables import KINDS, N_NUMBERS, mixed_table
from torchdec._core.number_of_clusters import (
    Candidate,
    bic,
    choose,
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
def test_groups_that_are_there_are_counted(k: int) -> None:
    code, _ = blobs(60 * k, 10, k, seed=1)
    choice = choose(code, range(2, 16), n_divisions=3, seed=0)
    assert choice.n_clusters == k
    assert f"{k} is the largest number" in choice.reason


@pytest.mark.parametrize("seed", range(4))
def test_pairs_of_few_rows_are_no_clusters(seed: int) -> None:
    code, _ = blobs(40, 6, 3, seed=seed)
    assert choose(code, range(2, 21), n_divisions=5, seed=seed).n_clusters in (3, 4)
    own = np.r_[0, np.arange(19)]  # one pair, and eighteen rows alone
    assert prediction_strength(own, own) == 0


def test_there_are_no_more_clusters_than_distinct_rows() -> None:
    code = np.repeat(np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32), 40, axis=0)
    choice = choose(code, range(2, 31), n_divisions=5, seed=0)
    assert choice.n_clusters == 5
    assert [candidate.n_clusters for candidate in choice.candidates] == [2, 3, 4, 5]


def test_one_cloud_of_rows_has_no_strong_clusters() -> None:
    code = np.random.default_rng(0).normal(size=(400, 10)).astype(np.float32)
    choice = choose(code, range(2, 8), n_divisions=3, seed=0)
    assert "no number is predicted well" in choice.reason
    one = choose(code, range(1, 8), n_divisions=3, seed=0)
    assert one.n_clusters == 1


def test_the_same_seed_gives_the_same_choice() -> None:
    code, _ = blobs(200, 4, 3)
    assert choose(code, [2, 3, 4], n_divisions=2, seed=5) == choose(code, range(2, 5), n_divisions=2, seed=5)


def candidate(k: int, strength: float, silhouette: float = 0.1) -> Candidate:
    return Candidate(k, strength, 0.01, silhouette, 0.0)


def test_the_largest_strong_number_is_taken_and_the_strong_one_of_best_silhouette_comes_second() -> None:
    choice = recommend([candidate(2, 1.0, 0.3), candidate(3, 0.9, 0.5), candidate(4, 0.5, 0.9), candidate(5, 0.8)])
    assert (choice.n_clusters, choice.runner_up) == (5, 3)


def test_without_a_strong_one_the_strongest_is_taken() -> None:
    choice = recommend([candidate(2, 0.3), candidate(3, 0.6), candidate(4, 0.5, 0.9)])
    assert (choice.n_clusters, choice.runner_up) == (3, 4)
    assert recommend([candidate(3, 0.9)]).runner_up is None


def test_bic_equals_the_gaussians_written_out() -> None:
    code, own = blobs(90, 4, 3)
    centers = np.stack([code[own == j].mean(axis=0) for j in range(3)]).astype(np.float64)
    inertia = float(((code - centers[own]) ** 2).sum())
    variance = inertia / (4 * 87)
    shares = np.bincount(own) / 90
    density = np.log(shares[own]) - 2 * np.log(2 * np.pi * variance)
    density -= ((code - centers[own]) ** 2).sum(axis=1) / (2 * variance)
    assert_allclose(bic(own, inertia, 4), (2 + 12 + 1) * np.log(90) - 2 * density.sum())


def test_bic_is_lowest_at_the_groups_that_are_there() -> None:
    code, _ = blobs(400, 6, 4, seed=2, spread=0.3)
    candidates = choose(code, range(1, 8), n_divisions=3, seed=0).candidates
    assert min(candidates, key=lambda c: c.bic).n_clusters == 4


def test_the_reason_names_what_was_tried_what_came_second_and_what_was_left_out() -> None:
    choice = recommend([candidate(k, 1.0) for k in (2, 3, 5, 8)])
    assert choice.reason.startswith("Of 2, 3, 5 and 8 clusters, 8 is the largest number")
    assert choice.reason.endswith(f"The runner-up is {choice.runner_up}.")
    even = recommend([candidate(k, 0.1) for k in range(2, 31, 2)])
    assert even.reason.startswith("Of 2, 4, 6, ... 30 clusters, ")
    assert "runner-up" not in recommend([candidate(3, 0.9)]).reason


def test_a_silhouette_is_taken_only_where_there_is_one() -> None:
    code, _ = blobs(12, 3, 2)
    candidates = choose(code, [1, 2, 6], n_divisions=1, seed=0).candidates
    assert [candidate.silhouette is None for candidate in candidates] == [True, False, False]
    pairs = np.repeat(code[:2], 3, axis=0)
    assert choose(pairs, [2], n_divisions=1, seed=0).candidates[0].silhouette == pytest.approx(1)


def test_auto_is_2_to_30_or_half_of_the_rows() -> None:
    assert numbers_to_try("auto", 4) == [2]
    assert numbers_to_try("auto", 21) == list(range(2, 11))
    assert numbers_to_try("auto", 1000) == list(range(2, 31))
    assert numbers_to_try({8, 3, 500}, 1000) == [3, 8, 500]


def test_as_many_classes_of_a_table_are_chosen_as_there_are() -> None:
    rows, _ = mixed_table(600, sizes=(0.6, 0.3, 0.1))
    choice = choose(rows.take(np.arange(600)), range(1, 7), kinds=KINDS, seed=0)
    assert choice.n_clusters == 3
    assert choice.candidates[2].silhouette > 0


def test_a_table_of_independent_columns_is_one_class() -> None:
    rows, _ = mixed_table(600)
    values, random = rows.take(np.arange(600)), np.random.default_rng(0)
    columns = [(place, place + 1) for place in range(N_NUMBERS)]
    for start, stop in [*columns, *KINDS]:
        values[:, start:stop] = values[random.permutation(600), start:stop]
    assert choose(values, range(1, 6), kinds=KINDS, seed=0).n_clusters == 1
