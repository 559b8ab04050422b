"""k-means takes its many starts, and dead clusters get new centres."""

import pytest
import torch
from sklearn.metrics import silhouette_score

from torchdec._core.centroids import kmeans_centroids, reseed
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


def test_the_silhouette_is_that_of_the_labels() -> None:
    code = clumps(4)
    _, labels, record = kmeans_centroids(code, 4, n_init=3, seed=0, started=0.0)
    assert record.silhouette == pytest.approx(silhouette_score(code.numpy(), labels.numpy()))


def test_a_single_cluster_and_one_a_row_have_no_silhouette() -> None:
    code = clumps(2, 3)
    for k in (1, 6):
        assert kmeans_centroids(code, k, n_init=2, seed=0, started=0.0)[2].silhouette == 0


def test_a_start_that_is_well_apart_beats_one_that_is_a_little_tighter() -> None:
    """A wide clump and two narrow ones near each other: two centres in the wide one have the lower inertia."""
    wide = 6 * torch.randn(2000, 2, generator=generator(0))
    narrow = torch.randn(2, 100, 2, generator=generator(1)) / 2 + torch.tensor([[[60.0, 0.0]], [[87.0, 0.0]]])
    code = torch.cat([wide, narrow.reshape(-1, 2)])
    centers, _, record = kmeans_centroids(code, 3, n_init=20, seed=0, started=0.0)
    assert (centers[:, 0] > 50).sum() == 2
    tightest = min(kmeans_centroids(code, 3, n_init=1, seed=s, started=0.0)[2].inertia for s in range(20))
    assert record.inertia > tightest


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
