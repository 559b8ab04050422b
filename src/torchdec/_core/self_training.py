"""Stage 3: encoder and centres learn from their own confident assignments; yields `Update` and `Stretch`."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from torchdec._core import workers
from torchdec._core.centroids import reseed
from torchdec._core.objective import kl_divergence, log_soft_assignment, reconstruction_error
from torchdec._core.owners import Owners
from torchdec._core.records import Stretch, Update
from torchdec._core.targets import P, Targets, compute_targets, restored
from torchdec._core.training import SGD, Source

# Of SGD, as in the code of the paper.
_MOMENTUM = 0.9
# Steps between two records where updates are farther apart.
RECORD_EVERY = 2000


# What it adds to the loss, given what makes soft assignments of rows.
Penalty = Callable[[Callable[[Tensor], Tensor]], Tensor]


@dataclass(frozen=True)
class Settings:
    """The numbers of stage 3, which `torchdec.DEC` documents, and whether clusters without rows are re-seeded."""

    alpha: float
    reconstruction_weight: float
    update_interval: int
    learning_rate: float
    revive: bool = True


class SelfTraining:
    """Target updates and SGD in turn, in place on encoder, centres and decoder, until the caller stops asking.

    The decoder is trained where the reconstruction error has a weight. `labels` are the clusters of stage 2, which
    the first update counts changes against; `penalty`, of soft assignments of rows of its own choice, is added to
    the loss of each step. Where the journal of the source knows this stage, all are put where they were at the
    record that was yielded last, and the next one is the one after it.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module | None,
        centers: Tensor,
        labels: Tensor,
        source: Source,
        settings: Settings,
        owners: Owners | None = None,
        penalty: Penalty | None = None,
    ) -> None:
        self.encoder, self.centers = encoder, centers.requires_grad_()
        self.penalty = penalty
        self.decoder = decoder if settings.reconstruction_weight > 0 else None
        self.source, self.settings, self.batches = source, settings, source.batches()
        self.owners, self.n_clusters = owners, owners.n_clusters if owners else len(centers)
        networks = nn.ModuleList([encoder, *([self.decoder] if self.decoder else [])])
        self.parameters = [centers, *networks.parameters()]
        self.optimizer = SGD(self.parameters, lr=settings.learning_rate, momentum=_MOMENTUM, fused=True)
        self.position = Position(
            centers, labels, lambda state: restored(state, encoder, source.compute, settings.alpha, owners)
        )
        source.journal.follow(
            "self-training",
            networks=networks,
            optimizer=self.optimizer,
            batches=self.batches,
            position=self.position,
        )

    def updates(self) -> Iterator[Update | Stretch]:
        """Update the targets, and train towards them until the next update, for ever.

        Each `Update` is yielded before the training that follows it, so the first one describes the start
        and a caller who stops there leaves everything as it was. An interval of many steps yields a `Stretch` now
        and then.
        """
        position = self.position
        while True:
            loss = None
            if position.p is not None:
                yield from self.interval(position.p)
                loss = self.mean_loss()
            targets = self.targets()
            self.check_finite(targets.kl)
            sizes = torch.bincount(targets.labels, minlength=self.n_clusters).tolist()
            dead = [cluster for cluster, size in enumerate(sizes) if size == 0]
            changed = torch.count_nonzero(targets.labels != position.labels).item() / len(self.source.rows)
            if dead and self.settings.revive:
                self.revive(dead, targets)
                targets = self.targets()
            number = position.updates
            position.update(targets)
            yield Update(
                number=number,
                step=self.batches.drawn,
                changed=changed,
                sizes=tuple(sizes),
                confidence=targets.confidence,
                kl=targets.kl,
                loss=loss,
                reseeded=tuple(dead) if self.settings.revive else (),
                seconds=perf_counter() - self.source.started,
            )

    def targets(self) -> Targets:
        """Compute those of all rows, from encoder and centres as they are."""
        source = self.source
        centers, alpha = self.centers.detach(), self.settings.alpha
        return compute_targets(
            self.encoder, centers, source.rows, source.scale, source.compute, alpha, self.owners
        )

    def revive(self, dead: list[int], targets: Targets) -> None:
        """Re-seed the dead clusters and forget the momentum of the centres that move."""
        with torch.no_grad():
            code, labels = targets.code, targets.code_labels
            moved = reseed(self.centers, dead, code, labels, self.source.generator, self.owners)
            momentum = self.optimizer.state[self.centers].get("momentum_buffer")
            if momentum is not None:
                momentum[moved] = 0

    def interval(self, p: P) -> Iterator[Stretch]:
        """Take the steps that are left until the next update."""
        position, n_steps = self.position, self.settings.update_interval
        while position.steps < n_steps:
            self.step(p)
            if position.steps % RECORD_EVERY == 0 and position.steps < n_steps:
                seconds = perf_counter() - self.source.started
                yield Stretch(position.updates - 1, position.steps, n_steps, self.mean_loss(), seconds)

    def step(self, p: P) -> None:
        """Move encoder and centres down the gradient of one batch."""
        own, part = workers.share(next(self.batches))
        rows = self.source.as_they_are(own)
        loss = part * self.loss(self.source.half_changed(rows), p.of(own, rows))
        if self.penalty is not None:
            loss = loss + part * self.penalty(self.soft_assignment)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        workers.add_gradients(self.parameters)
        self.optimizer.step()
        self.position.total += loss.detach()
        self.position.steps += 1

    def loss(self, x: Tensor, log_p: Tensor) -> Tensor:
        """Equation 2 on a batch and its targets, and the weighted reconstruction error of a decoder."""
        with self.source.compute.arithmetic():
            code = self.encoder(x).float()
            reconstructed = self.decoder(code) if self.decoder else None
        loss = kl_divergence(log_p, log_soft_assignment(code, self.centers, self.settings.alpha, self.owners))
        if reconstructed is not None:
            loss = loss + self.settings.reconstruction_weight * reconstruction_error(x, reconstructed)
        return loss

    def soft_assignment(self, x: Tensor) -> Tensor:
        """Return q of rows."""
        with self.source.compute.arithmetic():
            code = self.encoder(x).float()
        return log_soft_assignment(code, self.centers, self.settings.alpha, self.owners).exp()

    def mean_loss(self) -> float:
        """Return that of the steps since the last update; raises where it is not finite."""
        position = self.position
        mean = workers.total(position.total).item() / position.steps
        self.check_finite(mean)
        position.total /= workers.size()  # each has its share of the sum again
        return mean

    def check_finite(self, loss: float) -> None:
        """Raise where training has diverged: its last step may have left a loss that was finite until then."""
        if not loss < float("inf"):
            raise FloatingPointError(
                f"The loss of self-training is {loss} before update {self.position.updates}; "
                f"try a learning_rate below {self.settings.learning_rate:g}."
            )


class Position:
    """Where self-training is between two updates."""

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

    Update 0 does not count: it is stage 2 itself, before any training.
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
