"""Few rows, and few rows beside many: default settings find what k-means finds without a mistake."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from small import REPRESENTATIONS, small_dec
from torchdec import DEC, NeighborEncoder


def far_groups(sizes: Sequence[int], d: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw groups of these sizes, and check that k-means finds them."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    X = 8 * random.normal(size=(len(sizes), d))[labels] + random.normal(size=(len(labels), d))
    found = KMeans(len(sizes), n_init=10, random_state=0).fit_predict(X)
    assert adjusted_rand_score(labels, found) == 1
    return X, labels


@pytest.mark.parametrize(
    ("sizes", "d"),
    [
        ([2, 1], 5),
        ([1, 1, 1], 2),
        ([3, 2], 5),
        ([3, 2, 2], 5),
        ([3, 2, 2, 2], 50),
        ([4, 3, 3], 5),
        ([3, 3, 2, 1, 1], 300),
        ([5, 5, 5, 5], 50),
        ([10, 9, 1], 5),
        ([9, 9, 2], 50),
        ([10, 10, 10], 300),
        ([1] * 12, 5),
        ([100, 4], 10),
        ([150, 10, 10], 50),
        ([60, 60, 6, 6], 10),
    ],
)
def test_default_settings_find_far_groups_of_few_rows(sizes: list[int], d: int) -> None:
    X, labels = far_groups(sizes, d)
    assert adjusted_rand_score(labels, DEC(len(sizes), random_state=0).fit(X).labels_) == 1


def test_a_far_group_of_four_rows_is_found_beside_hundreds() -> None:
    X, labels = far_groups([300, 300, 4], 10)
    assert adjusted_rand_score(labels, DEC(3, random_state=0).fit(X).labels_) == 1


def test_rows_that_are_there_several_times_are_no_obstacle() -> None:
    X, labels = far_groups([4, 3, 3], 5)
    X, labels = np.repeat(X, 3, axis=0), np.repeat(labels, 3)
    assert adjusted_rand_score(labels, DEC(3, random_state=0).fit(X).labels_) == 1


@pytest.mark.parametrize("k", [1, "auto"])
def test_few_rows_do_for_one_cluster_and_for_a_number_left_open(k: Any) -> None:
    X, _ = far_groups([5, 5], 5)
    assert len(small_dec(k, "neighbors").fit(X).labels_) == 10


def test_groups_that_k_means_cuts_are_kept_whole_where_the_graph_shows_them() -> None:
    """Two long lines side by side: the clusters of k-means on the rows cut both across."""
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    X = np.stack([np.linspace(0, 20, 200), 3.0 * labels], axis=1) + 0.1 * random.normal(size=(200, 2))
    assert adjusted_rand_score(labels, KMeans(2, n_init=10, random_state=0).fit_predict(X)) < 0.1
    assert adjusted_rand_score(labels, DEC(2, random_state=0).fit(X).labels_) == 1


@pytest.mark.parametrize(("n_rows", "expected"), [(3, 3), (20, 3), (100, 10), (150, 15), (100_000, 15)])
def test_neighbors_left_open_are_a_tenth_of_the_rows_but_three_to_fifteen(n_rows: int, expected: int) -> None:
    assert NeighborEncoder()._n_neighbors(n_rows) == expected
    assert NeighborEncoder(n_neighbors=40)._n_neighbors(n_rows) == 40


def test_from_150_rows_on_the_code_is_what_fifteen_neighbors_make_of_it() -> None:
    X, _ = far_groups([80, 70], 5)
    encoder = clone(REPRESENTATIONS["neighbors"]).set_params(random_state=0)
    code = encoder.fit(X).transform(X)
    np.testing.assert_array_equal(clone(encoder).set_params(n_neighbors=15).fit(X).transform(X), code)
