"""Which cluster each centre belongs to, where a cluster has several."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Owners:
    """The cluster of each centre; None stands for these where each centre is a cluster of its own, in order."""

    clusters: Int64[Tensor, " centers"]  # 0 to k - 1, each at least once
    n_clusters: int  # k

    def largest(self, values: Float[Tensor, "rows centers"]) -> Float[Tensor, "rows clusters"]:
        """Return of each cluster the largest of its centres' values; the gradient goes to that centre alone."""
        # From -inf and not from 0, which a value may equal: it would get a part of the gradient.
        lowest = values.new_full((len(values), self.n_clusters), -torch.inf)
        return lowest.scatter_reduce(1, self.clusters.expand_as(values), values, "amax")


def owners_of(center_clusters: NDArray[np.int32] | Sequence[int], device: torch.device | str) -> Owners | None:
    """Make the owners of centres from the cluster of each; None where each is a cluster of its own, in order."""
    clusters = np.asarray(center_clusters, dtype=np.int64)
    if np.array_equal(clusters, np.arange(len(clusters))):
        return None
    return Owners(torch.from_numpy(clusters).to(device), int(clusters.max()) + 1)
