"""Clusters cut into regions of their embedding, for which some rows can speak."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Int64
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from torchdec._core.constraints import Facts
from torchdec._core.kmeans import kmeans

Code = Float[NDArray[np.float32], "rows code"]
# A region has at least so many rows, and a small cluster less than this part of the mean.
_LEAST, _SMALL = 5, 0.25


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of the embedding, each within a cluster.

    Attributes
    ----------
    of_row : ndarray of shape (n,)
        The region of each row; -1 for a row in no cluster.
    centers : ndarray of shape (r, z)
        Their means.
    clusters : ndarray of shape (r,)
        The cluster of each.
    typical : ndarray of shape (n,), bool
        Rows that lie nearer to the centre of their region than its median row: they speak for it.
    """

    of_row: Int64[NDArray[np.int64], " rows"]
    centers: Float[NDArray[np.float32], "regions code"]
    clusters: Int[NDArray[np.int64], " regions"]
    typical: Bool[NDArray[np.bool_], " rows"]

    @property
    def sizes(self) -> Int64[NDArray[np.int64], " regions"]:
        """Rows of each."""
        return np.bincount(self.of_row[self.of_row >= 0], minlength=len(self.centers))

    @property
    def mains(self) -> Int64[NDArray[np.int64], " clusters"]:
        """The largest region of each cluster; any for a cluster without rows."""
        own = self.clusters == np.arange(self.clusters.max() + 1)[:, None]
        return np.asarray(np.where(own, self.sizes, -1).argmax(axis=1))

    def speaking(self, facts: Facts) -> Int64[NDArray[np.int64], "groups regions"]:
        """Count the rows of each group that speak for each region."""
        counts = np.zeros((len(facts.apart), len(self.centers)), dtype=np.int64)
        speaks = self.typical[facts.rows]
        np.add.at(counts, (facts.groups[speaks], self.of_row[facts.rows[speaks]]), 1)
        return counts

    def votes(self, facts: Facts) -> Int64[NDArray[np.int64], "regions regions"]:
        """Count for each two regions how much speaks for one kind, minus how much speaks for two."""
        touches = (self.speaking(facts) > 0).astype(np.int64)
        return touches.T @ touches - touches.T @ facts.apart.astype(np.int64) @ touches


def regions_of(code: Code, labels: Int[NDArray[np.int32], " rows"], parts: int, seed: int) -> Regions:
    """Cut each cluster into up to so many regions by k-means."""
    of_row, clusters, n = np.full(len(code), -1), [], 0
    for cluster in range(int(labels.max(initial=-1)) + 1):
        own = np.flatnonzero(labels == cluster)
        if not len(own):
            continue
        most = min(parts, max(1, len(own) // _LEAST), len(np.unique(code[own], axis=0)))
        found = (
            kmeans(code[own], most, np.random.RandomState(seed)).labels_ if most > 1 else np.zeros(len(own), int)
        )
        of_row[own] = n + found
        clusters += [cluster] * most
        n += most
    return _with_middles(code, of_row, np.array(clusters, dtype=np.int64))


def _with_middles(code: Code, of_row: Int64[NDArray[np.int64], " rows"], clusters: NDArray[np.int64]) -> Regions:
    own = [code[of_row == region] for region in range(len(clusters))]
    centers = np.array([rows.mean(axis=0) for rows in own], dtype=np.float32).reshape(len(own), code.shape[1])
    typical = np.zeros(len(code), dtype=bool)
    for region, (rows, center) in enumerate(zip(own, centers, strict=True)):
        distance = np.linalg.norm(rows - center, axis=1)
        typical[of_row == region] = distance <= np.median(distance)
    return Regions(of_row, centers, clusters, typical)


def divided(regions: Regions, code: Code, facts: Facts) -> Regions:
    """Cut regions in two while rows speak for them that are of different kinds."""
    settled: set[int] = set()
    while True:
        counts = regions.speaking(facts)
        # Groups apart in the same region: the two in most rows, of the region that has most.
        a, b = np.nonzero(np.triu(facts.apart))
        torn = np.minimum(counts[a], counts[b])
        torn[:, list(settled)] = 0
        if not torn.any():
            return regions
        pair, region = np.unravel_index(torn.argmax(), torn.shape)
        own = np.flatnonzero(regions.of_row == region)
        members = [own[np.isin(own, facts.rows[facts.groups == group])] for group in (a[pair], b[pair])]
        seeds = np.array([code[rows[regions.typical[rows]]].mean(axis=0) for rows in members], dtype=np.float32)
        if (seeds[0] == seeds[1]).all():
            settled.add(int(region))
            continue
        found = kmeans(code[own], 2, np.random.RandomState(0), seeds, most_passes=20).labels_
        if min(np.bincount(found, minlength=2)) < _LEAST:
            settled.add(int(region))
            continue
        of_row = regions.of_row.copy()
        of_row[own[found == 1]] = len(regions.centers)
        clusters = np.append(regions.clusters, regions.clusters[region])
        regions = _with_middles(code, of_row, clusters)


def joined(regions: Regions, facts: Facts) -> Int64[NDArray[np.int64], " regions"]:
    """Return a number for each region, the same for those of one kind.

    Regions are joined by what rows say, most votes first, and then as they were in one cluster, nearest first; but
    never two that rows say are apart. Regions of two clusters are joined if it is known of both whether they
    belong to the largest of their own: else either might be the one in the wrong cluster, or only the row that
    speaks for it. A small piece that would be cut off a cluster and is of no other stays where it is: its rows may
    leave, but they don't open a cluster.
    """
    votes, sizes = regions.votes(facts), regions.sizes
    distances = cdist(regions.centers, regions.centers)
    same = regions.clusters[:, None] == regions.clusters
    kinds = np.arange(len(votes))

    def join(i: int, j: int) -> None:
        ours, theirs = kinds == kinds[i], kinds == kinds[j]
        if not (votes[np.ix_(ours, theirs)] < 0).any():
            kinds[theirs] = kinds[i]

    main = regions.mains[regions.clusters]
    is_known = (votes[np.arange(len(votes)), main] != 0) | (main == np.arange(len(votes)))
    counts = np.where(same, votes >= 0, (votes > 0) & is_known[:, None] & is_known)
    a, b = np.triu_indices(len(votes), 1)
    for pick in np.lexsort((distances[a, b], -votes[a, b])):
        i, j = a[pick], b[pick]
        if counts[i, j]:
            join(i, j)
    n_clusters = int(regions.clusters.max()) + 1
    shares = np.zeros((len(votes), n_clusters), dtype=np.int64)
    np.add.at(shares, (kinds, regions.clusters), sizes)
    kept = shares.argmax(axis=0)
    small = _SMALL * sizes.sum() / len(np.unique(regions.clusters))
    for piece in set(np.unique(kinds).tolist()) - set(kept.tolist()):
        if shares[piece].sum() < small:
            kinds[kinds == piece] = kept[shares[piece].argmax()]
    return np.unique(kinds, return_inverse=True)[1]
