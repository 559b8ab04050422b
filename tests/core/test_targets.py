"""Targets that are made again from a frozen copy equal those that are stored."""

from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch

from small import blobs
from torchdec._core import batches, centroids, targets
from torchdec._core.batches import CHUNK, Streamed, code_of, embed
from torchdec._core.centroids import kmeans_centroids
from torchdec._core.compute import resolve
from torchdec._core.layers import stack
from torchdec._core.objective import log_soft_assignment
from torchdec._core.randomness import generator
from torchdec._core.self_training import SelfTraining, Settings
from torchdec._core.targets import Frozen, Stored, Targets, compute_targets, frozen_targets, restored
from torchdec._core.training import Source
from torchdec.rows import as_rows

CPU = resolve("cpu", "float32")
N = 2 * CHUNK + 77
ROWS = as_rows(blobs(N, 5, 3)[0])


def setup() -> tuple[Any, torch.Tensor]:
    encoder = stack((5, 16, 2), generator(0))
    return encoder, kmeans_centroids(embed(encoder, ROWS, 0.7, CPU), 3, n_init=2, seed=0, started=0.0)[0]


def both(monkeypatch: pytest.MonkeyPatch, alpha: float = 1.0) -> tuple[Targets, Targets, Any]:
    encoder, centers = setup()
    stored = compute_targets(encoder, centers, ROWS, 0.7, CPU, alpha)
    monkeypatch.setattr(targets, "MOST_STORED", 3 * N - 1)
    frozen = compute_targets(encoder, centers, ROWS, 0.7, CPU, alpha)
    assert isinstance(stored.p, Stored)
    assert isinstance(frozen.p, Frozen)
    return stored, frozen, encoder


@pytest.mark.parametrize("alpha", [1.0, 7.0])
def test_targets_made_again_equal_the_stored_ones(alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    stored, frozen, encoder = both(monkeypatch, alpha)
    index = torch.from_numpy(np.random.default_rng(0).permutation(N)[:256])
    rows = torch.from_numpy(ROWS.take(index.numpy())) * 0.7
    before = frozen.p.of(index, rows)
    torch.testing.assert_close(before.exp(), stored.p.of(index, rows).exp(), rtol=1e-5, atol=1e-6)
    assert torch.equal(frozen.labels, stored.labels.int())
    assert frozen.confidence == pytest.approx(stored.confidence, rel=1e-6)
    assert frozen.kl == pytest.approx(stored.kl, rel=1e-4)
    with torch.no_grad():
        encoder[0].weight.add_(1.0)
    assert torch.equal(frozen.p.of(index, rows), before)
    state = frozen.p.state_dict()
    assert torch.equal(restored(state, encoder, CPU, alpha).of(index, rows), before)


def test_a_frozen_copy_in_bfloat16_gives_the_bits_of_the_encoder_that_it_is_of() -> None:
    encoder, centers = setup()
    compute = resolve("cpu", "bfloat16")
    frozen = frozen_targets(encoder, centers, ROWS, 0.7, compute, 1.0)
    code = embed(encoder, ROWS, 0.7, compute)
    assert torch.equal(frozen.code, code)
    rows = torch.from_numpy(ROWS.take(np.arange(50))) * 0.7
    state = frozen.p.state_dict()
    again = restored(state, encoder, compute, 1.0)
    assert torch.equal(again.of(torch.arange(50), rows), frozen.p.of(torch.arange(50), rows))
    assert encoder[0].weight.dtype == torch.float32


@pytest.mark.parametrize("sample", [1, 100, N - 1])
def test_the_sample_is_evenly_spaced_and_has_its_own_labels(sample: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "SAMPLE", sample)
    stored, frozen, _ = both(monkeypatch)
    every = -(-N // sample)
    torch.testing.assert_close(frozen.code, stored.code[::every])
    assert torch.equal(frozen.code_labels, stored.labels[::every])


def test_its_memory_does_not_grow_with_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "SAMPLE", 64)
    encoder, centers = setup()
    sizes = []
    for n in (N, 2 * N):
        frozen = frozen_targets(encoder, centers, as_rows(blobs(n, 5, 3)[0]), 0.7, CPU, 1.0)
        state = frozen.p.state_dict()
        tensors = (*state["encoder"].values(), state["centers"], state["log_frequency"], frozen.code)
        sizes.append(sum(tensor.numel() for tensor in tensors if tensor is not frozen.code))
        assert len(frozen.code) <= 64
    assert sizes[0] == sizes[1]


def test_self_training_is_the_same_with_either(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    for most in (10**9, 0):
        monkeypatch.setattr(targets, "MOST_STORED", most)
        encoder, centers = setup()
        source = Source(ROWS, 0.7, 128, generator(2), CPU, 0.0)
        labels = torch.zeros(N, dtype=torch.long)
        settings = Settings(1.0, 0.0, source.steps_an_epoch, 0.05)
        updates = SelfTraining(encoder, None, centers, labels, source, settings).updates()
        runs.append((list(islice(updates, 4)), centers.detach()))
    (stored, centers), (frozen, other) = runs
    torch.testing.assert_close(centers, other, rtol=1e-4, atol=1e-4)
    for a, b in zip(stored, frozen, strict=True):
        assert a.sizes == b.sizes
        assert a.changed == pytest.approx(b.changed)
        assert (a.kl, a.loss or 0.0) == pytest.approx((b.kl, b.loss or 0.0), rel=1e-3)


def test_a_dead_cluster_lives_again_where_no_code_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "MOST_STORED", 0)
    monkeypatch.setattr(targets, "SAMPLE", 50)
    encoder, centers = setup()
    centers[2] = 1e4
    source = Source(ROWS, 0.7, 128, generator(2), CPU, 0.0)
    labels = torch.zeros(N, dtype=torch.long)
    settings = Settings(1.0, 0.0, source.steps_an_epoch, 0.01)
    first, second = islice(SelfTraining(encoder, None, centers, labels, source, settings).updates(), 2)
    assert first.reseeded == (2,)
    assert second.sizes[2] > 0
    assert sum(second.sizes) == N


def test_kmeans_settles_alike_on_a_code_that_is_kept_and_on_one_that_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(centroids, "_MOST_ROWS", 300)
    encoder, _ = setup()
    kept = code_of(encoder, ROWS, 0.7, CPU)
    assert isinstance(kept, torch.Tensor)
    monkeypatch.setattr(batches, "MOST_KEPT", 2 * N - 1)
    streamed = code_of(encoder, ROWS, 0.7, CPU)
    assert isinstance(streamed, Streamed)
    ours = kmeans_centroids(streamed, 3, n_init=3, seed=0, started=0.0)
    theirs = kmeans_centroids(kept, 3, n_init=3, seed=0, started=0.0)
    torch.testing.assert_close(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])
    q = log_soft_assignment(kept, ours[0])
    assert (q.argmax(dim=1) == ours[1]).all()
