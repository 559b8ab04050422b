"""k-means takes its many starts, and dead clusters get new centres."""

import math

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from torchdec._core import centroids
from torchdec._core.centroids import kmeans_centroids, reseed, spread
from torchdec._core.randomness import generator


def clumps(k: int, each: int = 30) -> torch.Tensor:
    centers = 10 * torch.randn(k, 2, generator=generator(0))
    return (centers[:, None] + 0.1 * torch.randn(k, each, 2, generator=generator(1))).reshape(-1, 2)


def test_centres_are_the_means_of_their_rows_in_float32() -> None:
    code = clumps(4)
    centers, labels, record = kmeans_centroids(code, 4, n_init=5, seed=0, started=0.0)
    assert centers.dtype == torch.float32
    for cluster in range(4):
        torch.testing.assert_close(centers[cluster], code[labels == cluster].mean(0), rtol=1e-4, atol=1e-4)
    assert record.sizes == (30, 30, 30, 30)


def test_all_starts_are_taken() -> None:
    """Uniform rows have many poor optima, so the best of twenty beats nearly every single start."""
    code = torch.rand(400, 2, generator=generator(0))
    single = [kmeans_centroids(code, 25, n_init=1, seed=s, started=0.0)[2].inertia for s in range(9)]
    many = kmeans_centroids(code, 25, n_init=20, seed=0, started=0.0)[2]
    assert many.n_init == 20
    assert many.inertia < sorted(single)[2]


def test_of_many_rows_the_starts_see_a_sample_and_the_best_one_settles_on_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = torch.rand(3000, 2, generator=generator(0))
    _, _, whole = kmeans_centroids(code, 5, n_init=20, seed=0, started=0.0)
    monkeypatch.setattr(centroids, "_MOST_ROWS", 500)
    fits: list[int] = []
    kmeans = centroids._kmeans
    monkeypatch.setattr(
        centroids, "_kmeans", lambda points, *a, **k: fits.append(len(points)) or kmeans(points, *a, **k)
    )
    centers, labels, record = kmeans_centroids(code, 5, n_init=20, seed=0, started=0.0)
    assert fits == [500] * 20
    assert sum(record.sizes) == 3000
    assert record.inertia == pytest.approx(whole.inertia, rel=0.02)
    for cluster in range(5):
        torch.testing.assert_close(centers[cluster], code[labels == cluster].mean(0), rtol=1e-3, atol=1e-3)


def test_among_near_ties_the_start_with_most_rows_near_their_centre_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = torch.rand(200, 2, generator=generator(0))
    spreads = iter([1.0] * 7 + [0.5] + [1.0] * 12)
    monkeypatch.setattr(centroids, "_TIE", 1e9)
    monkeypatch.setattr(centroids, "spread", lambda points, kmeans: next(spreads))
    centers, _, _ = kmeans_centroids(code, 9, n_init=20, seed=0, started=0.0)
    random_state = np.random.RandomState(0)
    starts = [KMeans(9, n_init=1, random_state=random_state).fit(code.numpy()) for _ in range(20)]
    np.testing.assert_array_equal(centers.numpy(), starts[7].cluster_centers_)


def test_the_spread_is_the_mean_log_of_one_plus_the_squared_distance() -> None:
    points = np.array([[0.0], [2.0], [10.0]], dtype=np.float32)
    kmeans = KMeans(2, n_init=1, random_state=0).fit(points)
    assert spread(points, kmeans) == pytest.approx((math.log(2) + math.log(2) + 0) / 3)


def test_fewer_distinct_rows_than_clusters_is_an_error_that_says_how_many() -> None:
    code = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    with pytest.raises(ValueError, match="n_clusters=3 is more than the 2 distinct rows"):
        kmeans_centroids(code, 3, n_init=2, seed=0, started=0.0)


def test_a_dead_centre_moves_onto_a_row_of_the_largest_cluster() -> None:
    code = torch.cat([clumps(1, 50), clumps(1, 5) + 100])
    labels = torch.tensor([0] * 50 + [1] * 5)
    centers = torch.stack([code[:50].mean(0), code[50:].mean(0), torch.full((2,), 1e6)])
    others = centers[:2].clone()
    reseed(centers, [2], code, labels, generator(0))
    assert (centers[2] == code[:50]).all(dim=1).any()
    assert torch.equal(centers[:2], others)


def test_two_dead_centres_get_different_rows() -> None:
    code = clumps(1, 50)
    centers = torch.stack([code.mean(0), torch.full((2,), 1e6), torch.full((2,), 1e6)])
    reseed(centers, [1, 2], code, torch.zeros(50, dtype=torch.long), generator(0))
    assert not torch.equal(centers[1], centers[2])


def test_reseeding_works_when_all_rows_lie_on_their_centre() -> None:
    code = torch.ones(10, 2)
    centers = torch.tensor([[1.0, 1.0], [1e6, 1e6]])
    reseed(centers, [1], code, torch.zeros(10, dtype=torch.long), generator(0))
    assert torch.equal(centers, torch.ones(2, 2))
