"""Clusters of any shape get as many centres as they need, and all that follows is of clusters."""

from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import make_blobs, make_moons

from small import linear, rings
from torchdec._core import place_centers as placing
from torchdec._core import targets
from torchdec._core.batches import CHUNK, Streamed, embed
from torchdec._core.centroids import reseed, settled
from torchdec._core.compute import resolve
from torchdec._core.layers import stack
from torchdec._core.objective import kl_divergence, log_soft_assignment
from torchdec._core.owners import Owners, owners_of
from torchdec._core.place_centers import place_centers
from torchdec._core.randomness import generator
from torchdec._core.self_training import SelfTraining, Settings
from torchdec._core.targets import Frozen, Stored, compute_targets, restored
from torchdec._core.training import Source
from torchdec.rows import as_rows

CPU = resolve("cpu", "float32")


SHAPES = {
    "moons": make_moons(800, noise=0.05, random_state=0),
    "few rows": make_moons(30, noise=0.04, random_state=0),
    "rings": rings(0, 1, 2, n=400, spread=0.12),
    "ring around a blob": rings(3, 0, spread=0.3),
}


def placed(
    X: NDArray[Any], labels: NDArray[np.int64], seed: int = 0
) -> tuple[torch.Tensor, NDArray[np.int32], NDArray[np.int32]]:
    """Return centres, the cluster of each, and the cluster of the nearest centre of each row."""
    code, k = torch.tensor(X, dtype=torch.float32), int(labels.max()) + 1
    centers, clusters = place_centers(code, labels.astype(np.int32), k, np.random.RandomState(seed))
    assert centers.dtype == torch.float32
    assert clusters.dtype == np.int32
    assert sorted(set(clusters)) == list(range(k))
    return centers, clusters, clusters[torch.cdist(code, centers).argmin(dim=1)]


@pytest.mark.parametrize("name", SHAPES)
def test_the_nearest_centre_of_a_row_is_of_its_cluster_whatever_the_shape(name: str) -> None:
    X, labels = SHAPES[name]
    centers, _, nearest = placed(X, labels)
    assert (nearest != labels).mean() <= 0.001
    assert len(centers) <= 16 * (labels.max() + 1)


def test_only_clusters_whose_shape_needs_them_have_several_centres() -> None:
    X, labels = SHAPES["ring around a blob"]
    far = np.concatenate([X, X[labels == 1] + [20, 0], X[labels == 1] + [0, 20]])
    clusters = placed(far, np.concatenate([labels, np.repeat([2, 3], 300)]))[1]
    counts = np.bincount(clusters)
    assert counts[0] in (4, 8)
    assert counts[1:].tolist() == [1, 1, 1]


@pytest.mark.parametrize("spread", [0.4, 0.9])
def test_blobs_have_one_centre_which_is_their_mean_also_where_they_overlap(spread: float) -> None:
    X, labels = make_blobs(2000, centers=4, cluster_std=spread, random_state=0)
    centers, clusters, nearest = placed(X, labels)
    assert clusters.tolist() == [0, 1, 2, 3]
    means = np.array([X[labels == cluster].mean(axis=0) for cluster in range(4)])
    np.testing.assert_allclose(centers, means, rtol=1e-5)
    if spread == 0.9:
        assert (nearest != labels).mean() > 0.03


def test_centres_that_win_back_less_than_half_of_the_lost_rows_are_not_taken() -> None:
    """Two of these clusters would win back 3 % of their rows with 16 centres, of half that are lost."""
    X, labels = make_blobs(600, centers=5, cluster_std=5.0, random_state=2)
    assert placed(X, labels)[1].tolist() == [0, 1, 2, 3, 4]


def test_clusters_of_few_rows_and_of_equal_ones_have_no_more_centres_than_rows() -> None:
    X = np.array([[0.0], [4.0], [1.0], [1.0], [1.0], [9.0]])
    labels = np.array([0, 0, 1, 1, 1, 2])
    centers, clusters, nearest = placed(X, labels)
    np.testing.assert_array_equal(nearest, labels)
    assert np.bincount(clusters).tolist() == [2, 1, 1]
    assert sorted(centers[:2, 0].tolist()) == [0.0, 4.0]


def test_equal_rows_of_two_clusters_end_in_one_centre_each() -> None:
    assert placed(np.zeros((40, 2)), np.arange(40) % 2)[1].tolist() == [0, 1]


def test_the_same_seed_places_the_same_centres() -> None:
    X, labels = SHAPES["moons"]
    assert torch.equal(placed(X, labels, 3)[0], placed(X, labels, 3)[0])


def test_of_many_rows_a_sample_is_seen_in_which_small_clusters_have_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "_MOST_ROWS", 300)
    X, labels = rings(1, 2, n=5000, spread=0.12)
    small = np.array([[8.0, 8.0], [8.2, 8.0]])
    labels = np.concatenate([labels, [2, 2]])
    assert len(placing._some(labels.astype(np.int32), 3, np.random.RandomState(0))) < 400
    centers, clusters, nearest = placed(np.concatenate([X, small]), labels)
    assert (nearest != labels).mean() < 0.01
    np.testing.assert_allclose(centers[clusters == 2], [[8.1, 8.0]], rtol=1e-6)


def test_a_small_ring_among_many_rows_is_seen_well_enough_to_have_its_centres(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(placing, "_MOST_ROWS", 500)
    blob, ring = rings(0, n=20_000)[0], rings(2, n=64)[0]
    _, clusters, nearest = placed(np.concatenate([blob, ring]), np.repeat([0, 1], [20_000, 64]))
    assert np.bincount(clusters)[1] >= 4
    assert (nearest[20_000:] == 1).all()


def test_of_so_many_clusters_that_each_has_one_centre_these_are_the_means(monkeypatch: pytest.MonkeyPatch) -> None:
    X, labels = SHAPES["moons"]
    monkeypatch.setattr(placing, "_MOST_OF_ALL", 8)
    assert np.bincount(placed(X, labels)[1]).max() <= 4
    monkeypatch.setattr(placing, "_MOST_OF_ALL", 3)
    centers, clusters, _ = placed(X, labels)
    assert clusters.tolist() == [0, 1]
    np.testing.assert_allclose(centers, [X[labels == c].mean(axis=0) for c in range(2)], rtol=1e-5)


def test_a_code_that_is_computed_when_asked_for_gets_the_centres_of_one_that_is_kept() -> None:
    X, labels = SHAPES["moons"]
    rows, encoder = as_rows(X.astype(np.float32)), stack((2, 2), generator(0))
    kept, streamed = embed(encoder, rows, 1.0, CPU), Streamed(encoder, rows, 1.0, CPU)
    ours, theirs = (
        place_centers(code, labels.astype(np.int32), 2, np.random.RandomState(0)) for code in (kept, streamed)
    )
    assert torch.equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[1], theirs[1])
    assert settled(streamed, theirs[0], 0)[2] == pytest.approx(settled(kept, ours[0], 0)[2])
    nearest = torch.cdist(kept, ours[0]).amin(dim=1)
    assert settled(kept, ours[0], 0)[2] == pytest.approx(nearest.double().square().sum().item(), rel=1e-5)


OF_CENTER = [2, 0, 1, 0, 1, 0]


@pytest.mark.parametrize("alpha", [0.5, 1.0, 5.0])
def test_q_of_a_cluster_is_that_of_its_nearest_centre(alpha: float) -> None:
    random = np.random.default_rng(0)
    z, mu = random.normal(size=(9, 3)), random.normal(size=(6, 3))
    kernel = (1 + np.square(z[:, None] - mu).sum(axis=2) / alpha) ** (-(alpha + 1) / 2)
    of_clusters = np.stack([kernel[:, np.array(OF_CENTER) == c].max(axis=1) for c in range(3)], axis=1)
    q = log_soft_assignment(torch.tensor(z), torch.tensor(mu), alpha, owners_of(OF_CENTER, "cpu")).exp()
    np.testing.assert_allclose(q, of_clusters / of_clusters.sum(axis=1, keepdims=True), rtol=1e-12)


def test_the_gradient_is_that_of_the_nearest_centres_alone() -> None:
    """Of each row, those of the paper with one centre a cluster, at the centres that are nearest to it."""
    random = np.random.default_rng(0)
    z, mu = (torch.tensor(random.normal(size=(n, 3)), requires_grad=True) for n in (9, 6))
    owners = owners_of(OF_CENTER, "cpu")
    log_p = torch.randn(9, 3, dtype=torch.float64, generator=generator(0)).log_softmax(dim=1)
    kl_divergence(log_p, log_soft_assignment(z, mu, 1.0, owners)).backward()
    of_center, expected_z, expected_mu = np.array(OF_CENTER), torch.zeros(9, 3), torch.zeros(6, 3)
    for row in range(9):
        apart = torch.cdist(z[row : row + 1], mu)[0].detach()
        own = [np.flatnonzero(of_center == c) for c in range(3)]
        nearest = [int(o[apart[o].argmin()]) for o in own]
        one, three = (value.detach().requires_grad_() for value in (z[row : row + 1], mu[nearest]))
        (kl_divergence(log_p[row : row + 1], log_soft_assignment(one, three)) / 9).backward()
        expected_z[row] = one.grad[0]
        expected_mu[nearest] += three.grad
    torch.testing.assert_close(z.grad.float(), expected_z)
    torch.testing.assert_close(mu.grad.float(), expected_mu)


def test_one_centre_a_cluster_in_order_has_no_owners() -> None:
    assert owners_of(np.arange(4, dtype=np.int32), "cpu") is None
    owners = owners_of([1, 0, 0], "cpu")
    assert isinstance(owners, Owners)
    assert (owners.clusters.tolist(), owners.n_clusters) == ([1, 0, 0], 2)


X, TRUTH = rings(0, 2, 4, n=CHUNK - 77, spread=0.2)
ROWS, LABELS = as_rows(X), TRUTH.astype(np.int32)


class Setup:
    """An encoder that lets rings be rings, and the centres of these."""

    def __init__(self) -> None:
        self.encoder = linear(2, times=4)
        code = embed(self.encoder, ROWS, 0.7, CPU)
        self.centers, of_center = place_centers(code, LABELS, 3, np.random.RandomState(0))
        assert len(of_center) > 3
        self.owners = owners_of(of_center, "cpu")

    def targets(self) -> targets.Targets:
        return compute_targets(self.encoder, self.centers.detach(), ROWS, 0.7, CPU, 1.0, self.owners)

    def training(self, **settings: Any) -> SelfTraining:
        source = Source(ROWS, 0.7, 128, generator(2), CPU, 0.0)
        own = replace(Settings(1.0, 0.0, source.steps_an_epoch, 0.02), **settings)
        labels = torch.from_numpy(LABELS)
        return SelfTraining(self.encoder, None, self.centers, labels, source, own, self.owners)


def test_targets_are_of_clusters_stored_or_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Setup()
    stored = setup.targets()
    assert isinstance(stored.p, Stored)
    code = embed(setup.encoder, ROWS, 0.7, CPU).double()
    q = log_soft_assignment(code, setup.centers.double(), 1.0, setup.owners).exp()
    p = q.square() / q.sum(dim=0)
    p = p / p.sum(dim=1, keepdim=True)
    torch.testing.assert_close(stored.p.log_p.exp().double(), p, rtol=1e-4, atol=1e-6)
    monkeypatch.setattr(targets, "MOST_STORED", 0)
    frozen = setup.targets()
    assert isinstance(frozen.p, Frozen)
    index = torch.arange(300)
    rows = torch.from_numpy(ROWS.take(index.numpy())) * 0.7
    torch.testing.assert_close(frozen.p.of(index, rows).exp().double(), p[:300], rtol=1e-4, atol=1e-6)
    again = restored(frozen.p.state_dict(), setup.encoder, CPU, 1.0, setup.owners)
    assert torch.equal(again.of(index, rows), frozen.p.of(index, rows))
    for own in (stored, frozen):
        np.testing.assert_array_equal(own.labels.numpy(), LABELS)
        assert own.kl == pytest.approx((p * (p / q).log()).sum(dim=1).mean().item(), rel=1e-4)


@pytest.mark.parametrize("most_stored", [0, 2**24])
def test_self_training_counts_rows_of_clusters_and_all_centres_learn(
    most_stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "MOST_STORED", most_stored)
    setup = Setup()
    before = setup.centers.clone()
    updates = list(islice(setup.training().updates(), 3))
    for update in updates:
        assert (update.sizes, update.changed, update.reseeded) == (tuple(np.bincount(LABELS)), 0.0, ())
    assert updates[2].kl < updates[0].kl
    assert (setup.centers.detach() != before).any(dim=1).all()


def test_a_centre_without_rows_stays_and_its_cluster_is_not_dead() -> None:
    setup = Setup()
    first = int((setup.owners.clusters == 2).nonzero()[0])
    setup.centers[first] = 1e4
    updates = list(islice(setup.training().updates(), 2))
    assert all(update.reseeded == () for update in updates)
    assert setup.centers[first].tolist() == [1e4] * 2


def test_a_cluster_whose_centres_all_lost_their_rows_lives_again() -> None:
    setup = Setup()
    own = setup.owners.clusters == 0
    setup.centers[own] = 1e4
    updates = list(islice(setup.training(learning_rate=1e-6).updates(), 2))
    assert updates[0].reseeded == (0,)
    assert updates[0].sizes[0] == 0
    assert updates[1].sizes[0] > 0
    assert (setup.centers[own].detach() < 1e3).all(dim=1).sum() == 1


def test_a_row_is_drawn_by_its_distance_to_the_nearest_centre_of_its_cluster() -> None:
    """All rows but one lie on one of the two centres of the largest cluster."""
    code = torch.tensor([0.0] * 40 + [10.0] * 40 + [13.0])[:, None]
    centers = torch.tensor([[1e6], [0.0], [10.0], [1e6]])
    for seed in range(9):
        again = centers.clone()
        labels, owners = torch.zeros(81, dtype=torch.long), owners_of([1, 0, 0, 1], "cpu")
        assert reseed(again, [1], code, labels, generator(seed), owners) == [0]
        assert again[:, 0].tolist() == [13.0, 0.0, 10.0, 1e6]


def test_of_a_cluster_that_lives_again_only_the_centre_that_moved_forgets_its_momentum() -> None:
    setup = Setup()
    training = setup.training(update_interval=3)
    updates = training.updates()
    list(islice(updates, 2))
    (dead,) = {int(cluster) for cluster in setup.owners.clusters} - {0, 1}
    own = (setup.owners.clusters == dead).nonzero().flatten().tolist()
    assert dead not in own
    before = training.optimizer.state[setup.centers]["momentum_buffer"].clone()
    training.revive([dead], training.targets())
    after = training.optimizer.state[setup.centers]["momentum_buffer"]
    assert (before != 0).all()
    assert (after[own[0]] == 0).all()
    others = torch.arange(len(before)) != own[0]
    assert torch.equal(after[others], before[others])
