"""Targets over all rows, indexed by row; updates when they are due; both terms with their weights."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from small import blobs
from torchdec._core import self_training, training
from torchdec._core.batches import embed
from torchdec._core.centroids import kmeans_centroids
from torchdec._core.compute import resolve
from torchdec._core.layers import stack
from torchdec._core.objective import log_soft_assignment, reconstruction_error
from torchdec._core.randomness import generator
from torchdec._core.records import Stretch, Update
from torchdec._core.self_training import Calmest, SelfTraining, Settings
from torchdec._core.targets import stored_targets
from torchdec._core.training import SGD, Source
from torchdec.rows import as_rows

CPU = resolve("cpu", "float32")
DEFAULTS: dict[str, Any] = {
    "alpha": 1.0,
    "reconstruction_weight": 0.0,
    "learning_rate": 0.01,
}


class Setup:
    """Encoder, decoder and centres on little data, and the updates that they give."""

    def __init__(self, n: int = 96, k: int = 3, sort: bool = False, batch_size: int = 16, **settings: Any) -> None:
        X, y = blobs(n, 5, 3)
        self.rows = as_rows(X[np.argsort(y, kind="stable")] if sort else X)
        self.encoder = stack((5, 16, 2), generator(0))
        self.decoder = stack((2, 16, 5), generator(1))
        self.code = embed(self.encoder, self.rows, 1.0, CPU)
        self.centers, self.labels, _ = kmeans_centroids(self.code, k, n_init=3, seed=0, started=0.0)
        self.source = Source(self.rows, 1.0, batch_size, generator(2), CPU, 0.0)
        self.settings = Settings(**{**DEFAULTS, "update_interval": self.source.steps_an_epoch, **settings})

    def updates(self) -> Iterator[Update]:
        return SelfTraining(
            self.encoder,
            self.decoder,
            self.centers,
            self.labels,
            self.source,
            self.settings,
        ).updates()


def test_targets_come_from_all_rows_and_are_picked_by_row_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on rows that are sorted by class: a frequency taken from batches would be another there."""
    setup = Setup(sort=True, update_interval=5)
    expected = stored_targets(setup.code, setup.centers, 1.0).p.log_p
    picked, seen = [], []
    monkeypatch.setattr(
        training,
        "to_device",
        lambda rows, index, *a: seen.append(index) or torch.from_numpy(rows.take(index.numpy())),
    )
    real = self_training.kl_divergence

    def spy(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
        if log_q.requires_grad:
            picked.append(log_p)
        return real(log_p, log_q)

    monkeypatch.setattr(self_training, "kl_divergence", spy)
    list(islice(setup.updates(), 2))
    assert len(picked) == len(seen) == 5
    for index, log_p in zip(seen, picked, strict=True):
        assert torch.equal(log_p, expected[index])


def test_the_first_update_describes_kmeans_and_changes_nothing() -> None:
    setup = Setup()
    before = setup.centers.clone()
    first = next(setup.updates())
    assert (first.number, first.step, first.changed, first.loss) == (0, 0, 0.0, None)
    assert first.sizes == tuple(torch.bincount(setup.labels).tolist())
    assert torch.equal(setup.centers.detach(), before)


@pytest.mark.parametrize("steps", [4, 7])
def test_updates_come_after_the_interval(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    step = SGD.step
    monkeypatch.setattr(SGD, "step", lambda *a, **k: taken.append(1) or step(*a, **k))
    updates = list(islice(Setup(update_interval=steps).updates(), 3))
    assert [update.step for update in updates] == [0, steps, 2 * steps]
    assert len(taken) == 2 * steps


@pytest.mark.parametrize("n", [8, 7, 1])
def test_half_of_a_batch_is_changed(n: int) -> None:
    batch = torch.rand(n, 5, generator=generator(0))
    source = Source(as_rows(batch.numpy()), 1.0, 4, generator(0), CPU, 0.0, lambda rows, generator: -rows)
    changed = source.half_changed(batch)
    torch.testing.assert_close(changed.abs(), batch)
    assert (changed < 0).any(dim=1).sum() == n - n // 2
    assert replace(source, augment=None).half_changed(batch) is batch


def test_encoder_and_centres_learn_together_and_the_divergence_falls() -> None:
    setup = Setup(learning_rate=0.05)
    centers, weight = setup.centers.clone(), setup.encoder[0].weight.clone()
    updates = list(islice(setup.updates(), 30))
    assert not torch.equal(setup.centers.detach(), centers)
    assert not torch.equal(setup.encoder[0].weight, weight)
    assert updates[-1].confidence > updates[0].confidence
    assert updates[-1].kl < max(update.kl for update in updates)


def test_the_loss_is_the_divergence_plus_weight_times_error_per_value() -> None:
    tiny = {"learning_rate": 1e-12, "batch_size": 96}
    plain, idec = Setup(**tiny), Setup(**tiny, reconstruction_weight=10.0)
    x = torch.from_numpy(idec.rows.take(np.arange(96)))
    error = reconstruction_error(x, idec.decoder(idec.encoder(x))).item()
    loss, both = (list(islice(setup.updates(), 2))[1].loss for setup in (plain, idec))
    first = next(Setup().updates())
    assert loss == pytest.approx(first.kl, rel=1e-4)
    assert both == pytest.approx(first.kl + 10 * error, rel=1e-4)


def test_the_decoder_learns_only_with_a_weight() -> None:
    for weight, learns in ((0.0, False), (1.0, True)):
        setup = Setup(reconstruction_weight=weight)
        before = setup.decoder[0].weight.clone()
        list(islice(setup.updates(), 2))
        assert (not torch.equal(setup.decoder[0].weight, before)) == learns


def test_alpha_reaches_the_targets() -> None:
    setup = Setup(alpha=7.0)
    q = log_soft_assignment(setup.code, setup.centers, 7.0).exp()
    assert next(setup.updates()).confidence == pytest.approx(q.max(dim=1).values.mean().item())


def test_a_dead_cluster_is_reported_and_lives_again() -> None:
    setup = Setup(k=3)
    setup.centers[2] = 1e4
    updates = list(islice(setup.updates(), 2))
    assert updates[0].reseeded == (2,)
    assert updates[0].sizes[2] == 0
    assert updates[1].sizes[2] > 0


def test_a_loss_that_is_not_finite_names_stage_and_learning_rate() -> None:
    setup = Setup(learning_rate=1e30)
    with pytest.raises(FloatingPointError, match=r"self-training is .* learning_rate below 1e\+30"):
        list(islice(setup.updates(), 5))


def test_a_batch_larger_than_the_data_is_the_data() -> None:
    updates = list(islice(Setup(n=10, batch_size=256).updates(), 3))
    assert [update.step for update in updates] == [0, 1, 2]


def test_the_calmest_state_is_the_one_with_fewest_changes_and_comes_back() -> None:
    setup = Setup()
    calmest = Calmest(setup.encoder, setup.centers)
    shares = [0.0, 0.3, 0.1, 0.2, 0.15]
    kept: list[Tensor] = []
    for update, changed in zip(setup.updates(), shares, strict=False):
        calmest.see(replace(update, changed=changed))
        if update.number == 2:
            kept = [parameter.detach().clone() for parameter in (setup.centers, *setup.encoder.parameters())]
    assert calmest.updates_ago == 2
    assert not torch.equal(setup.centers.detach(), kept[0])
    calmest.restore()
    for parameter, before in zip((setup.centers, *setup.encoder.parameters()), kept, strict=True):
        assert torch.equal(parameter.detach(), before)


def test_a_long_interval_is_reported_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = list(islice(Setup(update_interval=7).updates(), 3))
    monkeypatch.setattr(self_training, "RECORD_EVERY", 3)
    records = list(islice(Setup(update_interval=7).updates(), 7))
    updates = [replace(r, seconds=0.0) for r in records if isinstance(r, Update)]
    assert updates == [replace(update, seconds=0.0) for update in expected]
    stretches = [(r.update, r.step, r.n_steps) for r in records if isinstance(r, Stretch)]
    assert stretches == [(0, 3, 7), (0, 6, 7), (1, 3, 7), (1, 6, 7)]
