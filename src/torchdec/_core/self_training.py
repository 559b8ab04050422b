"""Stage 3: encoder and centres learn from their own confident assignments; a generator of `Update`."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn

from torchdec._core.batches import embed
from torchdec._core.centroids import reseed
from torchdec._core.compute import Compute
from torchdec._core.objective import (
    kl_divergence,
    log_cluster_frequency,
    log_soft_assignment,
    log_target_distribution,
    reconstruction_error,
)
from torchdec._core.records import Update
from torchdec._core.training import Source


@dataclass(frozen=True)
class Settings:
    """The numbers of stage 3; `torchdec.DEC` documents each."""

    alpha: float
    reconstruction_weight: float
    update_interval: int | Literal["epoch"]
    learning_rate: float
    momentum: float


@dataclass(frozen=True)
class Targets:
    """What an update of the targets computes over all rows."""

    code: Float[Tensor, "rows code"]
    labels: Int64[Tensor, " rows"]
    log_p: Float[Tensor, "rows clusters"]
    confidence: float
    kl: float


@torch.inference_mode()
def compute_targets(code: Tensor, centers: Tensor, alpha: float) -> Targets:
    """Equations 1 and 3 over **all** rows: f_j is a sum over the data, never over a batch."""
    log_q = log_soft_assignment(code, centers, alpha)
    log_p = log_target_distribution(log_q, log_cluster_frequency(log_q))
    best = log_q.max(dim=1)
    return Targets(code, best.indices, log_p, best.values.exp().mean().item(), kl_divergence(log_p, log_q).item())


def self_train(
    encoder: nn.Module,
    decoder: nn.Module | None,
    centers: Tensor,
    labels: Tensor,
    source: Source,
    settings: Settings,
) -> Iterator[Update]:
    """Alternate target updates and SGD, in place on encoder, centres and decoder, until the caller stops asking.

    Each `Update` is yielded before the training that follows it, so the first one describes the k-means start
    and a caller who stops there leaves everything as it was.

    Parameters
    ----------
    centers : Tensor of shape (k, z)
        Trained in place together with the encoder.
    labels : Tensor of shape (n,)
        The k-means clusters, which the first update counts changes against.
    """
    centers.requires_grad_()
    with_decoder = decoder if settings.reconstruction_weight > 0 else None
    parameters = [centers, *encoder.parameters(), *(with_decoder.parameters() if with_decoder else ())]
    optimizer = torch.optim.SGD(parameters, lr=settings.learning_rate, momentum=settings.momentum)
    rows, scale, compute, batches = source.rows, source.scale, source.compute, source.batches()
    interval = source.steps_an_epoch if settings.update_interval == "epoch" else settings.update_interval
    number, loss = 0, None
    while True:
        targets = compute_targets(embed(encoder, rows, scale, compute), centers.detach(), settings.alpha)
        sizes = torch.bincount(targets.labels, minlength=len(centers)).tolist()
        dead = [cluster for cluster, size in enumerate(sizes) if size == 0]
        changed = (targets.labels != labels).float().mean().item()
        labels = targets.labels
        if dead:
            targets = _revive(dead, centers, targets, optimizer, settings.alpha, source.generator)
        yield Update(
            number=number,
            step=number * interval,
            changed=changed,
            sizes=tuple(sizes),
            confidence=targets.confidence,
            kl=targets.kl,
            loss=loss,
            reseeded=tuple(dead),
            seconds=perf_counter() - source.started,
        )
        total = torch.zeros((), device=compute.device)
        for _ in range(interval):
            index = next(batches)
            x = source.take(index)
            log_p = targets.log_p[index.to(compute.device)]
            step_loss = _batch_loss(x, log_p, encoder, with_decoder, centers, settings, compute)
            optimizer.zero_grad()
            step_loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += step_loss.detach()
        number += 1
        loss = total.item() / interval
        if not loss < float("inf"):
            raise FloatingPointError(
                f"The loss of self-training is {loss} before update {number}; "
                f"try a learning_rate below {settings.learning_rate:g}."
            )


class Calmest:
    """The state of encoder and centres at the update where the smallest share of rows changed their cluster.

    Update 0 does not count: it is k-means itself, before any training.
    """

    def __init__(self, encoder: nn.Module, centers: Tensor) -> None:
        self._encoder, self._centers = encoder, centers
        self._changed = float("inf")
        self.updates_ago = 0

    def see(self, update: Update) -> None:
        """Remember the present state if it is the calmest so far, else count one more update since."""
        if update.number == 0:
            return
        if update.changed < self._changed:
            self._changed, self.updates_ago = update.changed, 0
            self._kept = deepcopy(self._encoder.state_dict()), self._centers.detach().clone()
        else:
            self.updates_ago += 1

    def restore(self) -> None:
        """Put encoder and centres back into the calmest state, in place."""
        state, centers = self._kept
        self._encoder.load_state_dict(state)
        with torch.no_grad():
            self._centers.copy_(centers)


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
        reconstructed = decoder(code).float() if decoder else None
    loss = kl_divergence(log_p, log_soft_assignment(code, centers, settings.alpha))
    if reconstructed is not None:
        loss = loss + settings.reconstruction_weight * reconstruction_error(x, reconstructed)
    return loss


def _revive(
    dead: list[int],
    centers: Tensor,
    targets: Targets,
    optimizer: torch.optim.SGD,
    alpha: float,
    generator: Generator,
) -> Targets:
    """Re-seed the dead clusters, forget their momentum, and compute the targets again."""
    with torch.no_grad():
        reseed(centers, dead, targets.code, targets.labels, generator)
        momentum = optimizer.state[centers].get("momentum_buffer")
        if momentum is not None:
            momentum[dead] = 0
    return compute_targets(targets.code, centers.detach(), alpha)
