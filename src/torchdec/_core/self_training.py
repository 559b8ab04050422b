"""Stage 3: encoder and centres learn from their own confident assignments; yields `Update` and `Stretch`."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Generator, Tensor, nn

from torchdec._core import workers
from torchdec._core.centroids import reseed
from torchdec._core.compute import Compute
from torchdec._core.objective import kl_divergence, log_soft_assignment, reconstruction_error
from torchdec._core.records import Stretch, Update
from torchdec._core.targets import P, Targets, compute_targets, restored
from torchdec._core.training import Source

# Steps between two records where updates are farther apart.
RECORD_EVERY = 2000


@dataclass(frozen=True)
class Settings:
    """The numbers of stage 3; `torchdec.DEC` documents each."""

    alpha: float
    reconstruction_weight: float
    update_interval: int
    learning_rate: float
    momentum: float


def self_train(
    encoder: nn.Module,
    decoder: nn.Module | None,
    centers: Tensor,
    labels: Tensor,
    source: Source,
    settings: Settings,
) -> Iterator[Update | Stretch]:
    """Alternate target updates and SGD, in place on encoder, centres and decoder, until the caller stops asking.

    Each `Update` is yielded before the training that follows it, so the first one describes the k-means start
    and a caller who stops there leaves everything as it was. An interval of many steps yields a `Stretch` now and
    then. Where the journal of the source knows this stage, all are put where they were at the record that was
    yielded last, and the next one is the one after it.

    Parameters
    ----------
    centers : Tensor of shape (k, z)
        Trained in place together with the encoder.
    labels : Tensor of shape (n,)
        The k-means clusters, which the first update counts changes against.
    """
    centers.requires_grad_()
    with_decoder = decoder if settings.reconstruction_weight > 0 else None
    networks = nn.ModuleList([encoder, *([with_decoder] if with_decoder else [])])
    parameters = [centers, *networks.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=settings.learning_rate, momentum=settings.momentum, fused=True)
    rows, scale, compute, batches = source.rows, source.scale, source.compute, source.batches()
    interval = settings.update_interval
    position = Position(centers, labels, lambda state: restored(state, encoder, compute, settings.alpha))
    source.journal.follow(
        "self-training", networks=networks, optimizer=optimizer, batches=batches, position=position
    )

    def steps(p: P) -> Iterator[Stretch]:
        while position.steps < interval:
            index = next(batches)
            own, part = workers.share(index)
            batch = source.as_they_are(own)
            log_p, x = p.of(own, batch), half_changed(batch, source)
            loss = part * _batch_loss(x, log_p, encoder, with_decoder, centers, settings, compute)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            workers.add_gradients(parameters)
            optimizer.step()
            position.total += loss.detach()
            position.steps += 1
            if position.steps % RECORD_EVERY == 0 and position.steps < interval:
                seconds = perf_counter() - source.started
                yield Stretch(position.updates - 1, position.steps, interval, mean_loss(), seconds)

    def mean_loss() -> float:
        mean = workers.total(position.total).item() / position.steps
        if not mean < float("inf"):
            raise FloatingPointError(
                f"The loss of self-training is {mean} before update {position.updates}; "
                f"try a learning_rate below {settings.learning_rate:g}."
            )
        position.total /= workers.size()  # each has its share of the sum again
        return mean

    def new_targets() -> Targets:
        return compute_targets(encoder, centers.detach(), rows, scale, compute, settings.alpha)

    def updates() -> Iterator[Update | Stretch]:
        while True:
            loss = None
            if position.p is not None:
                yield from steps(position.p)
                loss = mean_loss()
            targets = new_targets()
            sizes = torch.bincount(targets.labels, minlength=len(centers)).tolist()
            dead = [cluster for cluster, size in enumerate(sizes) if size == 0]
            changed = torch.count_nonzero(targets.labels != position.labels).item() / len(rows)
            if dead:
                _revive(dead, centers, targets, optimizer, source.generator)
                targets = new_targets()
            number = position.updates
            position.update(targets)
            yield Update(
                number=number,
                step=batches.drawn,
                changed=changed,
                sizes=tuple(sizes),
                confidence=targets.confidence,
                kl=targets.kl,
                loss=loss,
                reseeded=tuple(dead),
                seconds=perf_counter() - source.started,
            )

    return updates()


def half_changed(batch: Tensor, source: Source) -> Tensor:
    """Change half of a batch where there is an augmentation; rows that stay as they are keep their clusters."""
    if source.augment is None:
        return batch
    changed, kept = batch.tensor_split(2)
    return torch.cat([source.changed(changed), kept])


class Position:
    """Where self-training is between two updates.

    Attributes
    ----------
    centers : Tensor of shape (k, z)
        Trained in place.
    labels : Tensor of shape (n,)
        The clusters that the next update counts changes against.
    p : P or None
        The targets; None before the first update.
    updates : int
        How many there were.
    steps, total : int, Tensor
        Steps since the last one, and the sum of their losses.
    """

    def __init__(self, centers: Tensor, labels: Tensor, restored: Callable[[dict[str, Any]], P]) -> None:
        self.centers, self.labels, self._restored = centers, labels, restored
        self.p: P | None = None
        self.updates = self.steps = 0
        self.total = torch.zeros((), device=centers.device)

    def update(self, targets: Targets) -> None:
        """Begin an interval with new targets."""
        self.labels, self.p = targets.labels, targets.p
        self.updates, self.steps = self.updates + 1, 0
        self.total.zero_()

    def state_dict(self) -> dict[str, Any]:
        """Return all of it."""
        p = self.p.state_dict() if self.p else {}
        # Of several workers each has its share of the total, and another time they may be others.
        numbers = {"updates": self.updates, "steps": self.steps, "total": workers.size() * self.total}
        return {"centers": self.centers, "labels": self.labels, "p": p, **numbers}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to such a state, the centres in place."""
        self.centers.data.copy_(state["centers"])
        device = self.centers.device
        self.labels, self.total = state["labels"].to(device), state["total"].to(device) / workers.size()
        self.updates, self.steps = state["updates"], state["steps"]
        self.p = self._restored(state["p"])


class Calmest:
    """The state of encoder and centres at the update where the smallest share of rows changed their cluster.

    Update 0 does not count: it is k-means itself, before any training.
    """

    def __init__(self, encoder: nn.Module, centers: Tensor) -> None:
        self._encoder, self._centers = encoder, centers
        self._changed = float("inf")
        self._kept: dict[str, Any] = {}
        self.updates_ago = 0

    def see(self, update: Update) -> None:
        """Remember the present state if it is the calmest so far, else count one more update since."""
        if update.number == 0:
            return
        if update.changed < self._changed:
            self._changed, self.updates_ago = update.changed, 0
            self._kept = {
                "encoder": deepcopy(self._encoder.state_dict()),
                "centers": self._centers.detach().clone(),
            }
        else:
            self.updates_ago += 1

    def restore(self) -> None:
        """Put encoder and centres back into the calmest state, in place."""
        self._encoder.load_state_dict(self._kept["encoder"])
        with torch.no_grad():
            self._centers.copy_(self._kept["centers"])

    def state_dict(self) -> dict[str, Any]:
        """Return what was seen and kept."""
        return {"changed": self._changed, "updates_ago": self.updates_ago, "kept": self._kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to such a state."""
        self._changed, self.updates_ago, self._kept = state["changed"], state["updates_ago"], state["kept"]


def _batch_loss(
    x: Tensor,
    log_p: Tensor,
    encoder: nn.Module,
    decoder: nn.Module | None,
    centers: Tensor,
    settings: Settings,
    compute: Compute,
) -> Tensor:
    """Equation 2 on a batch and its targets, plus the weighted reconstruction error where there is a decoder."""
    with compute.arithmetic():
        code = encoder(x).float()
        reconstructed = decoder(code) if decoder else None
    loss = kl_divergence(log_p, log_soft_assignment(code, centers, settings.alpha))
    if reconstructed is not None:
        loss = loss + settings.reconstruction_weight * reconstruction_error(x, reconstructed)
    return loss


def _revive(
    dead: list[int], centers: Tensor, targets: Targets, optimizer: torch.optim.SGD, generator: Generator
) -> None:
    """Re-seed the dead clusters and forget their momentum."""
    with torch.no_grad():
        reseed(centers, dead, targets.code, targets.code_labels, generator)
        momentum = optimizer.state[centers].get("momentum_buffer")
        if momentum is not None:
            momentum[dead] = 0
