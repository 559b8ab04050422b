"""Stage 2: as many centres for each cluster of a partition as its shape takes."""

import numpy as np
import torch
from jaxtyping import Float32, Int32
from numpy.typing import NDArray
from torch import Tensor

from torchdec._core import workers
from torchdec._core.batches import Streamed
from torchdec._core.kmeans import kmeans
from torchdec._core.objective import squared_distances

# Rows that the centres are found on: a sample where there are more. A cluster with fewer rows in it than the
# second number is given up to the third.
_MOST_ROWS, _FEW, _MORE = 2**17, 64, 1024
# A cluster gets several centres where they win back more than this share of its rows, and half of those that one
# loses, as any rule does at a rim; then the fewest that lose but the second share more than the most.
_WORTH, _ALIKE = 0.03, 0.001
# Centres at most, of a cluster and, where there are more than 128 of these, of all.
_MOST_OF_ONE, _MOST_OF_ALL = 16, 2**11
# Rows of a cluster, evenly spaced, that k-means finds its centres on, and its starts.
_MOST_TO_CUT, _STARTS = 2**11, 3
# Rows whose distances to all centres are held at a time.
_CHUNK = 2**14


def place_centers(
    code: Tensor | Streamed,
    labels: Int32[NDArray[np.int32], " rows"],
    n_clusters: int,
    random_state: np.random.RandomState,
) -> tuple[Float32[Tensor, "centers code"], Int32[NDArray[np.int32], " centers"]]:
    """Place centres so that the nearest one of a row is of its cluster, one for each cluster where that does.

    One centre is the mean of its cluster. Where it loses rows to others because of the cluster's shape (a ring, a
    half-moon), k-means within the cluster finds 2, 4, ... 16; a rim that overlaps with others is left as it is.

    Parameters
    ----------
    code : Tensor or Streamed of shape (n, z)
    labels : ndarray of shape (n,), int32
        The cluster of each row, 0 to k - 1; each cluster has a row.
    n_clusters : int
        k.
    random_state : RandomState
        Of the sample, where there are more than 131,072 rows, and of k-means.

    Returns
    -------
    centers, center_clusters
        Centres float32 (m, z) on the code's device, those of a cluster together, and the cluster of each.
    """
    some = torch.from_numpy(_some(labels, n_clusters, random_state))
    points = code[some]
    placed = _Placement(points.cpu(), torch.from_numpy(labels)[some].long(), n_clusters, random_state)
    placed.grow()
    placed.give_back()
    centers = torch.cat(placed.centers).to(points.device)
    counts = workers.same(torch.tensor([len(own) for own in placed.centers]))
    if workers.rank():  # another machine may differ in last bits, and so in the number of centres
        centers = centers.new_empty(int(counts.sum()), centers.shape[1])
    center_clusters = np.repeat(np.arange(n_clusters, dtype=np.int32), counts.numpy())
    return workers.same(centers), center_clusters


def _some(labels: NDArray[np.int32], n_clusters: int, random_state: np.random.RandomState) -> NDArray[np.int64]:
    """Return the numbers of all rows, or of a sample in which each cluster has some."""
    if len(labels) <= _MOST_ROWS:
        return np.arange(len(labels))
    random = np.random.default_rng(random_state.randint(2**31))
    parts = [random.choice(len(labels), _MOST_ROWS, replace=False, shuffle=False)]
    sizes = np.bincount(labels[parts[0]], minlength=n_clusters)
    for cluster in np.flatnonzero(sizes < _FEW):
        own = np.flatnonzero(labels == cluster)
        parts.append(random.choice(own, min(_MORE, len(own)), replace=False))
    return np.unique(np.concatenate(parts))


class _Placement:
    """The centres of each cluster; rows that lie nearer to one of another cluster are lost to theirs.

    Attributes
    ----------
    centers : list of Tensor
        Of each cluster those that it has now, (c, z).
    """

    def __init__(
        self, points: Tensor, labels: Tensor, n_clusters: int, random_state: np.random.RandomState
    ) -> None:
        self._points, self._labels, self._random_state = points, labels, random_state
        self._sizes = torch.bincount(labels, minlength=n_clusters)
        self._found: dict[tuple[int, int], Tensor] = {}
        self._distinct: dict[int, int] = {}
        self.centers = [self._of(cluster, 1) for cluster in range(n_clusters)]

    def grow(self) -> None:
        """Give several centres to the clusters that lose rows, and to which they win back most of these."""
        one_each, at_first = list(self.centers), self._lost()
        least = torch.maximum(_WORTH * self._sizes, at_first / 2)
        useless = torch.zeros(len(one_each), dtype=torch.bool)
        while True:
            self.centers = list(one_each)
            several = self._double(~useless)
            in_vain = several & (at_first - self._lost() <= least)
            if not in_vain.any():
                return
            useless |= in_vain

    def _double(self, may_grow: Tensor) -> Tensor:
        """Double the centres of clusters that lose rows, as long as they do; tell which have several then."""
        while True:
            lost = self._lost() / self._sizes
            several = torch.tensor([len(own) > 1 for own in self.centers])
            losing = may_grow & ((lost > _WORTH) | (several & (lost > _ALIKE)))
            growing = losing.nonzero().flatten().tolist()
            growing = [cluster for cluster in growing if len(self.centers[cluster]) < self._most(cluster)]
            if not growing:
                return several
            for cluster in growing:
                self.centers[cluster] = self._of(cluster, 2 * len(self.centers[cluster]))

    def give_back(self) -> None:
        """Take the fewest centres for each cluster with which as few rows are lost, of all clusters, as now."""
        for cluster, own in enumerate(self.centers):
            if len(own) == 1:
                continue
            others = self._nearest([*self.centers[:cluster], own[:0], *self.centers[cluster + 1 :]])
            now, size = self._wrong(cluster, own, others), int(self._sizes[cluster])
            for count in (1, 2, 4, 8):
                worse = self._wrong(cluster, self._of(cluster, count), others) - now
                if count >= len(own) or worse <= (_WORTH if count == 1 else _ALIKE) * size:
                    self.centers[cluster] = self._of(cluster, min(count, len(own)))
                    break

    def _of(self, cluster: int, count: int) -> Tensor:
        """Return so many centres of a cluster, or as many as it may have."""
        if count > 1:
            count = min(count, self._most(cluster))
        if (cluster, count) not in self._found:
            if count == 1:
                own = self._points[self._labels == cluster]
                centers = own.double().mean(dim=0, keepdim=True).float()
            else:
                found = kmeans(self._some_of(cluster).numpy(), count, self._random_state, n_init=_STARTS)
                centers = torch.from_numpy(found.cluster_centers_)
            self._found[cluster, count] = centers
        return self._found[cluster, count]

    def _most(self, cluster: int) -> int:
        if cluster not in self._distinct:
            self._distinct[cluster] = len(torch.unique(self._some_of(cluster), dim=0))
        return min(_MOST_OF_ONE, max(1, _MOST_OF_ALL // len(self._sizes)), self._distinct[cluster])

    def _some_of(self, cluster: int) -> Tensor:
        own = self._points[self._labels == cluster]
        return own[:: -(-len(own) // _MOST_TO_CUT)]

    def _nearest(self, centers: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return for each row the squared distance to the nearest of these centres, and the cluster of that."""
        owner = torch.repeat_interleave(torch.tensor([len(own) for own in centers]))
        parts = torch.split(self._points, _CHUNK)
        nearest = [squared_distances(part, torch.cat(centers)).min(dim=1) for part in parts]
        return torch.cat([part.values for part in nearest]), owner[torch.cat([part.indices for part in nearest])]

    def _lost(self) -> Tensor:
        """Count the rows that each cluster loses."""
        lost = self._labels[self._nearest(self.centers)[1] != self._labels]
        return torch.bincount(lost, minlength=len(self.centers))

    def _wrong(self, cluster: int, own: Tensor, others: tuple[Tensor, Tensor]) -> int:
        """Count the lost rows of all clusters if one has these centres, given the nearest of the others."""
        distance, nearest = others
        nearest = nearest.where(self._nearest([own])[0] >= distance, cluster)
        return int((nearest != self._labels).sum())
