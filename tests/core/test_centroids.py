"""k-means takes its many starts, and dead clusters get new centres."""

import pytest
import torch

from torchdec._core import centroids
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


def test_communities_replace_a_start_that_cuts_through_a_wide_cluster() -> None:
    """One wide group and three tight ones: inertia is lowest where the wide one is cut and two tight are one."""
    random = generator(0)
    middles = torch.tensor([[0.0, 0.0], [30.0, 0.0], [32.0, 0.0], [31.0, 2.0]])
    spreads = torch.tensor([3.0, 0.1, 0.1, 0.1])
    code = middles[:, None] + spreads[:, None, None] * torch.randn(4, 300, 2, generator=random)
    truth = torch.arange(4).repeat_interleave(300)
    whole = {}
    for communities in (False, True):
        _, labels, _ = kmeans_centroids(
            code.reshape(-1, 2), 4, n_init=5, seed=0, started=0.0, communities=communities
        )
        whole[communities] = [len(labels[truth == group].unique()) for group in range(4)]
    assert whole[False][0] > 1
    assert whole[True] == [1, 1, 1, 1]


def test_communities_that_are_no_clearer_leave_the_lowest_inertia() -> None:
    code = torch.rand(400, 2, generator=generator(0))
    plain, other = (
        kmeans_centroids(code, 9, n_init=5, seed=0, started=0.0, communities=communities)[1]
        for communities in (False, True)
    )
    assert torch.equal(plain, other)


@pytest.mark.parametrize(("n", "k"), [(15, 3), (40, 1), (40, 39)])
def test_where_a_graph_has_no_such_communities_k_means_stays(n: int, k: int) -> None:
    code = torch.rand(n, 2, generator=generator(0))
    _, labels, record = kmeans_centroids(code, k, n_init=2, seed=0, started=0.0, communities=True)
    assert len(labels) == sum(record.sizes) == n
    assert min(record.sizes) > 0


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
