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

# Rows that lost ones are counted on: a sample where there are more. A cluster with fewer rows in it than the
# second number is given up to the third.
_MOST_ROWS, _FEW, _MORE = 2**15, 16, 64
# A cluster gets several centres where they win back more than this share of its rows, and half of those that one
# loses, as any rule does at a rim; then the fewest that lose but the second share more than the most.
_WORTH, _ALIKE = 0.03, 0.001
# Centres at most, of a cluster and, where there are more than 64 of these, of all.
_MOST_OF_ONE, _MOST_OF_ALL = 16, 2**10
# Rows of a cluster, evenly spaced, that k-means finds its centres on, and its starts.
_MOST_TO_CUT, _STARTS = 2**11, 3
# Rows that are averaged at a time.
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
    Each cluster has a row; of more than 32,768 rows a sample is drawn. Returned are the centres, float32 (m, z) on
    the embedding's device, those of a cluster together, and the cluster of each.
    """
    means = _means(code, labels, n_clusters)
    if 2 * n_clusters > _MOST_OF_ALL:
        return workers.same(means), np.arange(n_clusters, dtype=np.int32)
    some = torch.from_numpy(_some(labels, n_clusters, random_state))
    points, own = code[some].cpu(), torch.from_numpy(labels)[some].long()
    placed = _Placement(points, own, means.cpu(), random_state)
    placed.grow()
    placed.give_back()
    centers = torch.cat(placed.centers).to(means.device)
    counts = workers.same(torch.tensor([len(own) for own in placed.centers]))
    if workers.rank():  # another machine may differ in last bits, and so in the number of centres
        centers = centers.new_empty(int(counts.sum()), centers.shape[1])
    center_clusters = np.repeat(np.arange(n_clusters, dtype=np.int32), counts.numpy())
    return workers.same(centers), center_clusters


def _means(code: Tensor | Streamed, labels: NDArray[np.int32], n_clusters: int) -> Tensor:
    """Return the mean of each cluster over all rows, in one pass."""
    sums, start = torch.empty(0), workers.span(len(code)).start
    for chunk in code.split(_CHUNK):
        if not len(sums):
            sums = torch.zeros(n_clusters, chunk.shape[1], dtype=torch.float64, device=chunk.device)
        own = torch.from_numpy(labels[start : start + len(chunk)]).to(chunk.device)
        sums.index_add_(0, own, chunk.double())
        start += len(chunk)
    sizes = torch.from_numpy(np.bincount(labels, minlength=n_clusters)).to(sums.device)
    return (workers.total(sums) / sizes[:, None]).float()


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
    """The centres of each cluster; rows that lie nearer to one of another cluster are lost to theirs."""

    def __init__(self, points: Tensor, labels: Tensor, means: Tensor, random_state: np.random.RandomState) -> None:
        self._points, self._labels, self._random_state = points, labels, random_state
        self._sizes = torch.bincount(labels, minlength=len(means))
        self._most_of_one = min(_MOST_OF_ONE, max(1, _MOST_OF_ALL // len(means)))
        self._found: dict[tuple[int, int], Tensor] = {
            (cluster, 1): mean[None] for cluster, mean in enumerate(means)
        }
        self._most: dict[int, int] = {}
        self.centers = list(means[:, None])
        # Of each row to the nearest centre of each cluster, squared.
        self._distances = squared_distances(points, means)

    def grow(self) -> None:
        """Give several centres to the clusters that lose rows, and to which they win back most of these."""
        at_first = self._lost()
        least = torch.maximum(_WORTH * self._sizes, at_first / 2)
        useless = torch.zeros(len(self.centers), dtype=torch.bool)
        while True:
            several = self._double(~useless)
            in_vain = several & (at_first - self._lost() <= least)
            if not in_vain.any():
                return
            useless |= in_vain
            for cluster in several.nonzero().flatten().tolist():
                self._take(cluster, 1)

    def _double(self, may_grow: Tensor) -> Tensor:
        """Double the centres of clusters that lose rows, as long as they do; tell which have several then."""
        while True:
            lost = self._lost() / self._sizes
            several = torch.tensor([len(own) > 1 for own in self.centers])
            losing = (may_grow & ((lost > _WORTH) | (several & (lost > _ALIKE)))).nonzero().flatten().tolist()
            growing = [cluster for cluster in losing if len(self.centers[cluster]) < self._most_of(cluster)]
            if not growing:
                return several
            for cluster in growing:
                self._take(cluster, 2 * len(self.centers[cluster]))

    def give_back(self) -> None:
        """Take the fewest centres for each cluster with which as few rows are lost, of all clusters, as now."""
        for cluster, most in enumerate([len(own) for own in self.centers]):
            if most == 1:
                continue
            lost, size, count = int(self._lost().sum()), int(self._sizes[cluster]), 1
            while count < most:
                self._take(cluster, count)
                worse = int(self._lost().sum()) - lost
                if worse <= _ALIKE * size:
                    break
                count *= 2
            else:
                self._take(cluster, most)

    def _take(self, cluster: int, count: int) -> None:
        """Give a cluster so many centres, or as many as it may have."""
        own = self.centers[cluster] = self._of(cluster, min(count, self._most_of(cluster)))
        self._distances[:, cluster] = squared_distances(self._points, own).amin(dim=1)

    def _of(self, cluster: int, count: int) -> Tensor:
        if (cluster, count) not in self._found:
            found = kmeans(self._some_of(cluster), count, self._random_state, n_init=_STARTS)
            self._found[cluster, count] = torch.from_numpy(found.cluster_centers_)
        return self._found[cluster, count]

    def _most_of(self, cluster: int) -> int:
        if cluster not in self._most:
            distinct = len(np.unique(self._some_of(cluster), axis=0))
            self._most[cluster] = min(self._most_of_one, distinct)
        return self._most[cluster]

    def _some_of(self, cluster: int) -> NDArray[np.float32]:
        own: NDArray[np.float32] = self._points[self._labels == cluster].numpy()
        return own[:: -(-len(own) // _MOST_TO_CUT)]

    def _lost(self) -> Tensor:
        """Count the rows that each cluster loses."""
        lost = self._labels[self._distances.argmin(dim=1) != self._labels]
        return torch.bincount(lost, minlength=len(self.centers))
