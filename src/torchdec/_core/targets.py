"""The targets of self-training: stored, or made again from a frozen copy of what they came from."""

from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from torchdec._core import workers
from torchdec._core.batches import Encode, embed, own_in_order
from torchdec._core.compute import Compute
from torchdec._core.layers import Stack
from torchdec._core.objective import (
    kl_divergence,
    log_cluster_frequency,
    log_soft_assignment,
    log_target_distribution,
)
from torchdec._core.owners import Owners
from torchdec.rows._protocol import Rows

# P of more values (64 MB) is not stored: its memory grows with the rows, that of its making does not.
MOST_STORED = 2**24
# Rows whose code is kept where P is not, evenly spaced: KL(P || Q) is their mean, and new centres are among them.
SAMPLE = 2**17


@runtime_checkable
class P(Protocol):
    """Where a batch gets its targets."""

    def of(self, index: Tensor, rows: Tensor) -> Tensor:
        """Return log p of the rows at `index`, which are these, scaled and not augmented."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return what `restored` makes it of."""
        ...


@dataclass(frozen=True)
class Stored:
    """P itself, one row for each row of the data."""

    log_p: Float[Tensor, "rows clusters"]

    def of(self, index: Tensor, rows: Tensor) -> Tensor:  # noqa: ARG002
        """Look the targets up by row number."""
        return self.log_p[index.to(self.log_p.device)]

    def state_dict(self) -> dict[str, Any]:
        """Return the targets."""
        return {"log_p": self.log_p}


@dataclass(frozen=True)
class Frozen:
    """Encoder and centres as they were at the update, and f: all that p of any row depends on (equation 3)."""

    encoder: nn.Module
    centers: Float[Tensor, "centers code"]
    log_frequency: Float[Tensor, " clusters"]
    alpha: float
    compute: Compute
    owners: Owners | None = None

    @cached_property
    def _encode(self) -> Encode:
        return Encode(self.encoder, self.compute)

    @torch.no_grad()
    def of(self, index: Tensor, rows: Tensor) -> Tensor:  # noqa: ARG002
        """Compute the targets once more: one pass forward."""
        log_q = log_soft_assignment(self._encode(rows), self.centers, self.alpha, self.owners)
        return log_target_distribution(log_q, self.log_frequency)

    def state_dict(self) -> dict[str, Any]:
        """Return the copy and f."""
        return {
            "encoder": self.encoder.state_dict(),
            "centers": self.centers,
            "log_frequency": self.log_frequency,
        }


@dataclass(frozen=True)
class Targets:
    """What an update of the targets computes over all rows.

    `code` is that of the rows `code_labels` is of: all where P is stored, an evenly spaced sample where not.
    """

    p: P
    labels: Tensor
    confidence: float
    kl: float
    code: Float[Tensor, "some code"]
    code_labels: Int64[Tensor, " some"]


def compute_targets(
    encoder: nn.Module,
    centers: Tensor,
    rows: Rows,
    scale: float,
    compute: Compute,
    alpha: float,
    owners: Owners | None = None,
) -> Targets:
    """Equations 1 and 3 over **all** rows: f_j is a sum over the data, never over a batch."""
    if workers.size() == 1 and len(rows) * len(centers) <= MOST_STORED:
        return stored_targets(embed(encoder, rows, scale, compute), centers, alpha, owners)
    return frozen_targets(encoder, centers, rows, scale, compute, alpha, owners)


@torch.inference_mode()
def stored_targets(code: Tensor, centers: Tensor, alpha: float, owners: Owners | None = None) -> Targets:
    """Compute the targets of all rows from their embedding."""
    log_q = log_soft_assignment(code, centers, alpha, owners)
    log_p = log_target_distribution(log_q, log_cluster_frequency(log_q))
    best = log_q.max(dim=1)
    kl = kl_divergence(log_p, log_q).item()
    return Targets(Stored(log_p), best.indices, best.values.exp().mean().item(), kl, code, best.indices)


@torch.no_grad()
def frozen_targets(
    encoder: nn.Module,
    centers: Tensor,
    rows: Rows,
    scale: float,
    compute: Compute,
    alpha: float,
    owners: Owners | None = None,
) -> Targets:
    """Compute in one pass over the rows what their targets depend on; of each row, only its cluster is kept."""
    frozen, centers = _frozen(encoder, compute), centers.clone()
    n = len(rows)
    every = -(-n // SAMPLE)
    labels = torch.zeros(n, dtype=torch.int32, device=compute.device)
    n_clusters = owners.n_clusters if owners else len(centers)
    frequency = torch.zeros(n_clusters, dtype=torch.float64, device=compute.device)
    confidence = torch.zeros((), dtype=torch.float64, device=compute.device)
    sample = torch.zeros(-(-n // every), centers.shape[1], device=compute.device)
    encode, start = Encode(frozen, compute), workers.span(n).start
    for chunk in own_in_order(rows, scale, compute):
        code = encode(chunk)
        q = log_soft_assignment(code, centers, alpha, owners).exp()
        best = q.max(dim=1)
        labels[start : start + len(chunk)] = best.indices
        frequency += q.sum(dim=0)
        confidence += best.values.sum()
        picked = code[-start % every :: every]
        sample[-(-start // every) :][: len(picked)] = picked
        start += len(chunk)
    log_frequency = workers.total(frequency).log().float()
    workers.total(confidence)
    for of_rows in (sample, labels):
        workers.total(of_rows)  # zeros but for the own rows
    log_q = log_soft_assignment(sample, centers, alpha, owners)
    kl = kl_divergence(log_target_distribution(log_q, log_frequency), log_q).item()
    p = Frozen(frozen, centers, log_frequency, alpha, compute, owners)
    return Targets(p, labels, confidence.item() / n, kl, sample, labels[::every].long())


def restored(
    state: dict[str, Any], encoder: nn.Module, compute: Compute, alpha: float, owners: Owners | None = None
) -> P:
    """Make the targets of a state again; `encoder` is any of the same shape."""
    if "log_p" in state:
        return Stored(state["log_p"].to(compute.device))
    frozen = _frozen(encoder, compute)
    frozen.load_state_dict(state["encoder"])
    centers, log_frequency = (state[name].to(compute.device) for name in ("centers", "log_frequency"))
    return Frozen(frozen, centers, log_frequency, alpha, compute, owners)


def _frozen(encoder: nn.Module, compute: Compute) -> nn.Module:
    """Copy an encoder whose weights stay as they are; those that each product would cast anew are cast once."""
    frozen = deepcopy(encoder).requires_grad_(False)
    if compute.precision == "bfloat16" and isinstance(frozen, Stack):
        frozen[:-1].bfloat16()
    return frozen
