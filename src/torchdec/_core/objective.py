"""The three formulas of the paper, as pure functions of tensors, in log space.

Xie, Girshick, Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016, section 3.1.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from torchdec._core.owners import Owners


def squared_distances(
    embedded: Float[Tensor, "rows code"], centers: Float[Tensor, "centers code"]
) -> Float[Tensor, "rows centers"]:
    """||z_i - mu_j||^2, from differences, without ever holding rows x centres x code numbers.

    The expansion |z|^2 - 2 z.mu + |mu|^2 would be one matrix product, but it cancels when the clusters are
    tight and far from the origin, which is what self-training makes them. Where z = mu, cdist's gradient is 0.
    """
    return torch.cdist(embedded, centers, compute_mode="donot_use_mm_for_euclid_dist").square()


def log_soft_assignment(
    embedded: Float[Tensor, "rows code"],
    centers: Float[Tensor, "centers code"],
    alpha: float = 1.0,
    owners: Owners | None = None,
) -> Float[Tensor, "rows clusters"]:
    """Equation 1, as logarithms: log q_ij, Student's t with `alpha` degrees of freedom around each centre.

    q_ij = (1 + ||z_i - mu_j||^2 / alpha)^(-(alpha + 1) / 2), normalised over j. In log space no row
    underflows, however far it lies from every centre.

    A cluster of several centres (`owners`) has the largest of their kernels, that of the nearest one: so the most
    likely cluster of a row is that of its nearest centre, whatever number of centres each has. Their sum would let
    a cluster of sixteen outweigh one beside it, as the tails of the kernel are heavy.
    """
    log_kernel = -(alpha + 1) / 2 * torch.log1p(squared_distances(embedded, centers) / alpha)
    if owners is not None:
        log_kernel = owners.largest(log_kernel)
    return log_kernel.log_softmax(dim=1)


def log_target_distribution(
    log_q: Float[Tensor, "rows clusters"], log_frequency: Float[Tensor, " clusters"]
) -> Float[Tensor, "rows clusters"]:
    """Equation 3, as logarithms: log p_ij, where p_ij is q_ij^2 / f_j normalised over j.

    `log_frequency` is log f_j = log sum_i q_ij over **all** rows (see `log_cluster_frequency`), so the targets
    of any part of the rows equal that part of the targets of all rows.
    """
    return (2 * log_q - log_frequency).log_softmax(dim=1)


def log_cluster_frequency(log_q: Float[Tensor, "rows clusters"]) -> Float[Tensor, " clusters"]:
    """Log f_j = log sum_i q_ij, the soft size of each cluster, over all rows."""
    return log_q.logsumexp(dim=0)


def kl_divergence(
    log_p: Float[Tensor, "rows clusters"], log_q: Float[Tensor, "rows clusters"]
) -> Float[Tensor, ""]:
    """Equation 2: sum_j p_ij log(p_ij / q_ij) in nats, **mean over rows**; 0 log 0 counts as 0.

    The mean, where the paper writes a sum, is what its code does when it divides by the batch: the learning
    rate then means the same for every batch size.
    """
    return torch.nn.functional.kl_div(log_q, log_p, reduction="batchmean", log_target=True)


def reconstruction_error(
    rows: Float[Tensor, "rows features"], reconstructed: Float[Tensor, "rows features"]
) -> Float[Tensor, ""]:
    """Squared error, mean over rows **and** features; rows are scaled so that predicting zero costs about 1.

    Taken in the precision of the rows, whichever the reconstruction has.
    """
    error: Tensor = _MeanSquare.apply(reconstructed, rows)  # type: ignore[no-untyped-call]
    return error


class _MeanSquare(torch.autograd.Function):
    """Mean square of a difference that is kept and turned into the gradient in place: fewer passes over memory."""

    @staticmethod
    def forward(ctx: Any, reconstructed: Tensor, rows: Tensor) -> Tensor:
        difference = reconstructed.to(rows.dtype, copy=True).sub_(rows)
        ctx.save_for_backward(difference)
        ctx.dtype = reconstructed.dtype
        flat = difference.flatten()
        return flat.dot(flat) / difference.numel()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (difference,) = ctx.saved_tensors
        return difference.mul_(2 * gradient / difference.numel()).to(ctx.dtype), None
