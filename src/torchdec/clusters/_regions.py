"""Clusters cut into regions, for which some rows can speak."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Int64
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from torchdec._core.constraints import Facts
from torchdec._core.kmeans import kmeans

Places = Float[NDArray[np.float32], "rows axes"]
# A region has at least so many rows, and no cluster is opened by less than this part of the mean one.
_LEAST, _SMALL = 5, 0.25
# Rows that have to agree before a region leaves its cluster, since one may be odd, and those that are asked.
_AGREE, _ASKED = 2, 3


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of a space, each within a cluster.

    Attributes
    ----------
    of_row : ndarray of shape (n,)
        The region of each row; -1 for a row in no cluster.
    centers : ndarray of shape (r, p)
        Their means.
    clusters : ndarray of shape (r,)
        The cluster of each.
    speakers : ndarray of shape (r,)
        The row that speaks for each: one of which something is known if there is such a row, and the nearer to the
        middle the better.
    groups : ndarray of shape (r,)
        The group of that row in what is known; -1 where nothing is.
    spoken : ndarray of shape (g, r)
        How many rows of each group speak for it.
    others : ndarray of shape (r,)
        Another row to ask for it; -1 where enough are known.
    """

    of_row: Int64[NDArray[np.int64], " rows"]
    centers: Float[NDArray[np.float32], "regions axes"]
    clusters: Int[NDArray[np.int64], " regions"]
    speakers: Int64[NDArray[np.int64], " regions"]
    groups: Int64[NDArray[np.int64], " regions"]
    spoken: Int64[NDArray[np.int64], "groups regions"]
    others: Int64[NDArray[np.int64], " regions"]

    @property
    def sizes(self) -> Int64[NDArray[np.int64], " regions"]:
        """Rows of each."""
        return np.bincount(self.of_row[self.of_row >= 0], minlength=len(self.centers))

    def sides(
        self, facts: Facts
    ) -> tuple[Int64[NDArray[np.int64], " regions"], Bool[NDArray[np.bool_], " regions"]]:
        """Return the region that stands for the cluster of each, and which are known to be of another kind.

        Regions of a cluster that aren't known to be apart are on one side. The side that most rows speak for
        stands for the cluster, and any other is of another kind if at least two rows speak for it.
        """
        sizes, mains = self.sizes, np.empty(len(self.groups), dtype=np.int64)
        leaving, votes = np.zeros(len(mains), dtype=bool), np.zeros(len(mains), dtype=np.int64)
        known = np.flatnonzero(self.groups >= 0)
        votes[known] = self.spoken[self.groups[known], known]
        order = np.argsort(-sizes * np.maximum(votes, 1), kind="stable")
        for cluster in np.unique(self.clusters):
            own = order[self.clusters[order] == cluster]
            sides: list[list[int]] = []
            for region in own[self.groups[own] >= 0].tolist():
                apart = facts.apart[self.groups[region]]
                side = next((each for each in sides if not apart[self.groups[each]].any()), None)
                if side is None:
                    sides.append([region])
                else:
                    side.append(region)
            sides.sort(key=lambda side: -(sizes * votes)[side].sum())
            mains[own] = sides[0][0] if sides else own[0]
            for side in sides[1:]:
                leaving[side] = votes[side].sum() >= _AGREE
        return mains, leaving

    def relations(self, facts: Facts) -> Int64[NDArray[np.int64], "regions regions"]:
        """Return for each two regions 1 if they are known to be of one kind, -1 if of two, and else 0."""
        found = np.zeros((len(self.groups), len(self.groups)), dtype=np.int64)
        known = np.flatnonzero(self.groups >= 0)
        own = self.groups[known]
        found[np.ix_(known, known)] = (own[:, None] == own).astype(int) - facts.apart[np.ix_(own, own)]
        return found


def regions_of(
    places: Places, labels: Int[NDArray[np.int32], " rows"], parts: int, facts: Facts, seed: int
) -> Regions:
    """Cut each cluster into up to so many regions by k-means, and find who speaks for them.

    Rows that lie nearer to the middle of their region than half of its rows speak for it, and of several kinds
    the one that most rows speak for counts.
    """
    of_row, n = np.full(len(places), -1), 0
    centers, regions, spoken = [], [], []
    group_of = np.full(len(places), -1)
    group_of[facts.rows] = facts.groups
    for cluster in range(int(labels.max(initial=-1)) + 1):
        own = np.flatnonzero(labels == cluster)
        if not len(own):
            continue
        most = min(parts, max(1, len(own) // _LEAST), len(np.unique(places[own], axis=0)))
        found = (
            kmeans(places[own], most, np.random.RandomState(seed)).labels_ if most > 1 else np.zeros(len(own), int)
        )
        of_row[own] = n + found
        n += most
        for part in range(most):
            rows = own[found == part]
            centers.append(places[rows].mean(axis=0))
            distances = np.linalg.norm(places[rows] - centers[-1], axis=1)
            rows = rows[np.argsort(distances, kind="stable")][: (len(rows) + 1) // 2]
            known, unknown = rows[group_of[rows] >= 0], rows[group_of[rows] < 0]
            spoken.append(np.bincount(group_of[known], minlength=len(facts.apart)))
            speaker = known[spoken[-1][group_of[known]].argmax()] if len(known) else rows[0]
            other = unknown[len(unknown) // 2] if len(unknown) and len(known) < _ASKED else -1
            regions.append((cluster, speaker, group_of[speaker], other))
    clusters, speakers, groups, others = np.array(regions).T
    return Regions(of_row, np.array(centers), clusters, speakers, groups, np.array(spoken).T, others)


def kinds_of(regions: Regions, facts: Facts) -> Int64[NDArray[np.int64], " regions"]:
    """Return a number for each region, the same for those of one kind.

    Clusters become one if most rows that stay in both are known to be of one kind. A region that is known to be of
    another kind than its cluster goes to the cluster of that kind. If there is none, it opens one together with
    others of the kind, unless they are few rows. A region of which nothing is known goes with the nearest in its
    cluster of which something is.
    """
    sizes, clusters, groups = regions.sizes, regions.clusters, regions.groups
    n_clusters, known = int(clusters.max()) + 1, np.flatnonzero(groups >= 0)
    mains, leaving = regions.sides(facts)
    masses = np.zeros((len(facts.apart), n_clusters), dtype=np.int64)
    staying = known[~leaving[known]]
    np.add.at(masses, (groups[staying], clusters[staying]), sizes[staying])
    is_sure = masses > np.bincount(clusters, sizes * ~leaving, n_clusters) / 2
    goes_to = np.arange(n_clusters)
    for sure in is_sure:
        goes_to[sure] = np.flatnonzero(sure)[:1]
    largest_last = sorted(set(mains.tolist()), key=lambda main: sizes[main])
    home = {int(groups[main]): int(goes_to[clusters[main]]) for main in largest_last}
    kinds, distances = goes_to[clusters], cdist(regions.centers, regions.centers)
    small = _SMALL * sizes.sum() / len(np.unique(clusters))
    opened: list[list[int]] = []
    for region in np.flatnonzero(leaving).tolist():
        if int(groups[region]) in home:
            kinds[region] = home[int(groups[region])]
            continue
        alike = (
            own
            for own in opened
            if (clusters[own[0]] == clusters[region] or groups[region] in groups[own])
            and not facts.apart[groups[region], groups[own]].any()
        )
        if (own := next(alike, None)) is None:
            opened.append([region])
        else:
            own.append(region)
    for kind, own in enumerate(opened, n_clusters):
        if sizes[own].sum() >= small:
            kinds[own] = kind
    certain = np.where(leaving, kinds != goes_to[clusters], groups >= 0)
    for region in np.flatnonzero(~certain).tolist():
        same = np.flatnonzero(certain & (clusters == clusters[region]))
        if len(same):
            kinds[region] = kinds[same[distances[region, same].argmin()]]
    return np.unique(kinds, return_inverse=True)[1]
