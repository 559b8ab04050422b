"""k-means takes its many starts, and dead clusters get new centres."""

from time import perf_counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from torchdec._core import centroids
from torchdec._core.batches import Streamed, embed
from torchdec._core.centroids import kmeans_centroids, reseed
from torchdec._core.compute import resolve
from torchdec._core.layers import stack
from torchdec._core.randomness import generator
from torchdec.rows import as_rows


def clumps(k: int, each: int = 30) -> torch.Tensor:
    centers = 10 * torch.randn(k, 2, generator=generator(0))
    return (centers[:, None] + 0.1 * torch.randn(k, each, 2, generator=generator(1))).reshape(-1, 2)


def starting_from(
    monkeypatch: pytest.MonkeyPatch, *starts: tuple[list[list[float]], float], most_passes: int = 300
) -> None:
    """Let the starts of k-means arrive at these centres and inertias."""
    given = iter(starts)

    def kmeans(points: np.ndarray, *_: object) -> SimpleNamespace:
        centers, inertia = np.array((start := next(given))[0], dtype=np.float32), start[1]
        labels = np.square(points[:, None] - centers).sum(2).argmin(1).astype(np.int32)
        return SimpleNamespace(cluster_centers_=centers, labels_=labels, inertia_=inertia, max_iter=most_passes)

    monkeypatch.setattr(centroids, "kmeans", kmeans)


def test_centres_are_the_means_of_their_rows_in_float32() -> None:
    code = clumps(4)
    began = perf_counter()
    centers, labels, record = kmeans_centroids(code, 4, n_init=5, seed=0, started=began)
    assert 0 < record.seconds <= perf_counter() - began
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
    kmeans = centroids.kmeans
    monkeypatch.setattr(
        centroids, "kmeans", lambda points, *a, **k: fits.append(len(points)) or kmeans(points, *a, **k)
    )
    centers, labels, record = kmeans_centroids(code, 5, n_init=20, seed=0, started=0.0)
    assert fits == [500] * 20
    assert sum(record.sizes) == 3000
    assert record.inertia == pytest.approx(whole.inertia, rel=0.02)
    for cluster in range(5):
        torch.testing.assert_close(centers[cluster], code[labels == cluster].mean(0), rtol=1e-3, atol=1e-3)


def test_the_sample_holds_no_row_twice_and_comes_from_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    code = torch.arange(1000.0)[:, None]
    monkeypatch.setattr(centroids, "_MOST_ROWS", 600)
    seen: list[list[float]] = []
    kmeans = centroids.kmeans
    monkeypatch.setattr(
        centroids, "kmeans", lambda points, *a: seen.append(sorted(points[:, 0])) or kmeans(points, *a)
    )
    for seed in (0, 0, 1):
        kmeans_centroids(code, 2, n_init=1, seed=seed, started=0.0)
    assert len(set(seen[0])) == 600
    assert seen[1] == seen[0]
    assert seen[2] != seen[0]


def test_the_starts_see_all_of_131072_rows_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    kmeans = centroids.kmeans
    monkeypatch.setattr(centroids, "kmeans", lambda points, *a: seen.append(len(points)) or kmeans(points, *a))
    rows = torch.rand(131_073, 1, generator=generator(0))
    for code in (rows[:-1], rows):
        kmeans_centroids(code, 2, n_init=1, seed=0, started=0.0)
    assert seen == [131_072, 131_072]


def test_a_code_that_is_computed_when_it_is_asked_for_gives_what_a_tensor_gives() -> None:
    rows, cpu = as_rows(np.random.default_rng(0).random((300, 4), dtype=np.float32)), resolve("cpu", "float32")
    encoder = stack((4, 2), generator(0))
    ours, theirs = (
        kmeans_centroids(code, 3, n_init=2, seed=0, started=0.0)
        for code in (Streamed(encoder, rows, 1.0, cpu), embed(encoder, rows, 1.0, cpu))
    )
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])


@pytest.fixture
def chunks_of_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all but three rows be too many, and a pass take them one by one."""
    monkeypatch.setattr(centroids, "_MOST_ROWS", 3)
    monkeypatch.setattr(centroids, "_CHUNK", 1)


@pytest.mark.usefixtures("chunks_of_one_row")
@pytest.mark.parametrize(("most_passes", "expected"), [(1, [[0.5], [62 / 3]]), (2, [[3.25], [50.0]])])
def test_settling_makes_no_more_passes_than_the_start_may(
    most_passes: int, expected: list[list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = torch.tensor([[0.0], [1.0], [10.0], [2.0], [50.0]])
    starting_from(monkeypatch, ([[0.0], [3.0]], 0.0), most_passes=most_passes)
    centers, labels, _ = kmeans_centroids(code, 2, n_init=1, seed=0, started=0.0)
    torch.testing.assert_close(centers, torch.tensor(expected))
    torch.testing.assert_close(labels.long(), (code - centers.T).abs().argmin(dim=1))


@pytest.mark.usefixtures("chunks_of_one_row")
def test_settling_finds_the_means_and_keeps_the_centre_of_a_cluster_without_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = torch.tensor([[0.0], [1.0], [10.0], [2.0], [50.0]])
    starting_from(monkeypatch, ([[0.0], [9.0], [60.0], [1e6]], 0.0))
    centers, labels, record = kmeans_centroids(code, 4, n_init=1, seed=0, started=0.0)
    assert centers.tolist() == [[1.0], [10.0], [50.0], [1e6]]
    assert labels.tolist() == [0, 0, 1, 0, 2]
    assert labels.dtype == torch.int32
    assert record.sizes == (3, 1, 1, 0)
    assert record.inertia == 2.0


@pytest.mark.usefixtures("chunks_of_one_row")
def test_the_inertia_of_all_rows_has_more_digits_than_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    # Where 2e8 is reached, numbers of float32 are 16 apart.
    code = torch.tensor([[990_000.0], [1_010_000.0], *[[-1.0], [1.0]] * 50])
    starting_from(monkeypatch, ([[0.0], [1e6]], 0.0))
    assert kmeans_centroids(code, 2, n_init=1, seed=0, started=0.0)[2].inertia == 2e8 + 100


@pytest.mark.parametrize("most", [100, 8])
def test_as_many_distinct_rows_as_clusters_leave_no_inertia(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centroids, "_MOST_ROWS", most)
    code = torch.tensor([[0.0], [1.0]]).repeat(20, 1)
    centers, _, record = kmeans_centroids(code, 2, n_init=3, seed=0, started=0.0)
    assert sorted(centers[:, 0].tolist()) == [0.0, 1.0]
    assert record.inertia == 0


def test_the_start_with_the_lowest_inertia_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    code = torch.tensor([[0.0], [0.0], [0.0], [4.0]])
    starting_from(monkeypatch, ([[0.5]], 101.9), ([[1.0]], 100.0), ([[0.0]], 102.1))
    centers, _, record = kmeans_centroids(code, 1, n_init=3, seed=0, started=0.0)
    assert centers.tolist() == [[1.0]]
    assert record.inertia == 100.0


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


def test_the_row_is_drawn_in_proportion_to_its_squared_distance() -> None:
    code = torch.tensor([[0.0], [1.0], [-2.0]])
    drawn = []
    for seed in range(400):
        centers = torch.tensor([[0.0], [1e6]])
        reseed(centers, [1], code, torch.zeros(3, dtype=torch.long), generator(seed))
        drawn.append(centers[1].item())
    assert set(drawn) == {1.0, -2.0}
    assert drawn.count(-2.0) == pytest.approx(320, abs=24)  # four fifths, within three standard deviations


def test_rows_go_over_to_a_new_centre_that_is_nearer_before_the_next_one_is_moved() -> None:
    # 61 and 43 rows; then 41, 43 and 20; then 41, 38, 20 and 5.
    code = torch.tensor([0.0] * 40 + [1.0] + [10.0] * 20 + [100.0] * 38 + [104.0] * 5)[:, None]
    centers = torch.tensor([[0.0], [100.0], [1e6], [1e6], [1e6]])
    reseed(centers, [2, 3, 4], code, torch.tensor([0] * 61 + [1] * 43), generator(0))
    assert centers[:, 0].tolist() == [0, 100, 10, 104, 1]
