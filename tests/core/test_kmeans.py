"""k-means: how many passes it makes, when it refuses, and that it gives the same bits on many threads."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from torchdec._core.kmeans import kmeans


def test_fewer_distinct_points_than_clusters_are_refused_by_their_number() -> None:
    points = np.repeat(np.float32([[0], [1]]), 5, axis=0)
    with pytest.raises(ValueError, match=r"n_clusters=3 is more than the 2 distinct rows .* try n_clusters=2"):
        kmeans(points, 3, np.random.RandomState(0))


def test_a_cluster_that_loses_all_its_points_in_the_only_pass_is_no_error() -> None:
    points = np.float32([[1.4], [1.4], [1.6], [6.4], [6.7], [6.7]])
    start = np.float32([[0], [3], [10]])
    fitted = kmeans(points, 3, np.random.RandomState(0), start, most_passes=1)
    np.testing.assert_allclose(fitted.cluster_centers_, [[1.4], [4.0], [6.7]], rtol=1e-6)
    assert fitted.labels_.tolist() == [0, 0, 0, 2, 2, 2]


def test_as_many_distinct_points_as_clusters_are_enough_though_one_loses_its_points() -> None:
    points = np.float32([[0.9], [0.9], [0.9], [2], [2], [4], [4]])
    start = np.float32([[2], [8], [11]])
    fitted = kmeans(points, 3, np.random.RandomState(0), start, most_passes=1)
    assert fitted.cluster_centers_.shape == (3, 1)


def test_four_threads_give_the_same_bits_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4")  # else scikit-learn takes no more than there are cores
    points = np.random.default_rng(0).normal(size=(4000, 10)).astype(np.float32)
    with threadpool_limits(4, user_api="openmp"):
        centers = {kmeans(points, 8, np.random.RandomState(0)).cluster_centers_.tobytes() for _ in range(12)}
        threads = {each["num_threads"] for each in threadpool_info() if each["user_api"] == "openmp"}
    assert len(centers) == 1
    assert threads == {4}


def test_of_several_starts_the_one_with_the_lowest_inertia_is_taken() -> None:
    points = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    one, several = (kmeans(points, 8, np.random.RandomState(0), n_init=n_init) for n_init in (1, 20))
    assert several.inertia_ < one.inertia_
