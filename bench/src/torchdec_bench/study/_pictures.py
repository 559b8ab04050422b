"""What the figures of the paper show of a fitted DEC, as small arrays."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from torchdec._core.objective import (
    kl_divergence,
    log_cluster_frequency,
    log_soft_assignment,
    log_target_distribution,
)
from torchdec._core.owners import owners_of
from torchdec.clusters import exemplars
from torchdec.rows import as_rows

_SAMPLE = 2000
_EXEMPLARS = 10


def pictures_of(model: Any, rows: Any, truth: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return the arrays that the figures are drawn from.

    Returns
    -------
    dict of str to ndarray
        ``code`` (m, z) and ``truth`` (m,) of up to 2,000 rows drawn at random; ``exemplars`` (k, 10, d), the rows
        nearest to each centre, NaN where a cluster has fewer; ``confidence`` and ``gradient`` (m,) of rows of
        the largest cluster: q_ij and |dL/dz_i| (equation 4); ``tenths`` (10, d), rows of that cluster at each
        tenth of its confidence.
    """
    table = as_rows(rows)
    sample = np.sort(np.random.default_rng(0).permutation(len(table))[:_SAMPLE])
    code = model.transform(rows)
    nearest = np.full((model.n_clusters, _EXEMPLARS, table.shape[1]), np.nan, dtype=np.float32)
    for cluster, numbers in enumerate(exemplars(model, rows, _EXEMPLARS)):
        nearest[cluster, : len(numbers)] = table.take(numbers)
    cluster = int(np.bincount(model.labels_).argmax())
    own = np.flatnonzero(model.labels_ == cluster)
    confidence, gradient = _gradients(model, code, cluster)
    ordered = own[np.argsort(confidence[own], kind="stable")]
    tenths = ordered[np.linspace(0, len(ordered) - 1, 10).round().astype(int)]
    shown = own[:: max(1, len(own) // _SAMPLE)]
    return {
        "code": code[sample],
        "truth": truth[sample].astype(np.int16),
        "exemplars": nearest,
        "confidence": confidence[shown],
        "gradient": gradient[shown],
        "tenths": table.take(tenths),
    }


def _gradients(
    model: Any, code: NDArray[np.float32], cluster: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return q_ij of one cluster and the length of dL/dz_i by equation 4 of the paper."""
    z, centers = torch.from_numpy(code).requires_grad_(), torch.from_numpy(model.cluster_centers_)
    log_q = log_soft_assignment(z, centers, model.alpha, owners_of(model.center_clusters_, "cpu"))
    with torch.no_grad():
        log_p = log_target_distribution(log_q, log_cluster_frequency(log_q))
    (pull,) = torch.autograd.grad(len(z) * kl_divergence(log_p, log_q), z)
    return log_q.detach()[:, cluster].exp().numpy(), pull.norm(dim=1).numpy()
