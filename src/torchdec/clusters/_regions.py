"""Clusters cut into regions, for which some rows can speak."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Int64
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from torchdec._core.constraints import Facts
from torchdec._core.kmeans import kmeans

Places = Float[NDArray[np.float32], "rows axes"]
# Smaller regions than twice the first aren't cut, and no cluster is opened by less than this part of the mean one.
_LEAST, _SMALL = 5, 0.25
# Starts of k-means, and regions that each cluster has at least, so that one answer never speaks for most of it.
_STARTS, _QUARTERS = 3, 4
# Rows that have to agree before a region leaves its cluster, since one may be odd, and those that are asked.
AGREE, _ASKED = 2, 3


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
        The row that speaks for each, near its middle: of the rows of which something is known, if there are such,
        one of the group that most of them are of.
    groups : ndarray of shape (r,)
        The group of that row in what is known; -1 where nothing is.
    spoken : ndarray of shape (g, r)
        Rows of each group in it.
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

    @property
    def votes(self) -> Int64[NDArray[np.int64], " regions"]:
        """Rows that speak for each as its speaker does."""
        return np.asarray(self.spoken.max(axis=0, initial=0))

    def sides(
        self, facts: Facts
    ) -> tuple[Int64[NDArray[np.int64], " regions"], Bool[NDArray[np.bool_], " regions"]]:
        """Return the region that stands for the cluster of each, and which are known to be of another kind.

        Regions of a cluster that aren't known to be apart are on one side. The largest side stands for the
        cluster. A region of another side is of another kind if at least two rows say so: its own, or one of its
        own and the nearest region of which something is known.
        """
        sizes, mains = self.sizes, np.empty(len(self.groups), dtype=np.int64)
        leaving, votes = np.zeros(len(mains), dtype=bool), self.votes
        order = np.lexsort((-sizes, -votes))
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
            sides.sort(key=lambda side: -sizes[side].sum())
            mains[own] = sides[0][0] if sides else own[0]
            of_side = {region: number for number, side in enumerate(sides) for region in side}
            for region in itertools.chain(*sides[1:]):
                near = [other for other in of_side if other != region]
                nearest = near[cdist(self.centers[[region]], self.centers[near]).argmin()]
                leaving[region] = votes[region] >= AGREE or of_side[nearest] == of_side[region]
        return mains, leaving

    def relations(self, facts: Facts) -> Int64[NDArray[np.int64], "regions regions"]:
        """Return for each two regions 1 if they are known to be of one kind, -1 if of two, and else 0."""
        found = np.zeros((len(self.groups), len(self.groups)), dtype=np.int64)
        known = np.flatnonzero(self.groups >= 0)
        own = self.groups[known]
        found[np.ix_(known, known)] = (own[:, None] == own).astype(int) - facts.apart[np.ix_(own, own)]
        return found


def regions_of(
    places: Places, labels: Int[NDArray[np.int32], " rows"], facts: Facts, seed: int, n: int | None = None
) -> Regions:
    """Cut clusters into halves by k-means, the widest first, until there are `n` regions, and find their speakers.

    Without `n`, each cluster is cut into four, and these further until what is known in a region is of one group.
    """
    group_of = np.full(len(places), -1)
    group_of[facts.rows] = facts.groups
    clusters = [np.flatnonzero(labels == cluster) for cluster in np.unique(labels[labels >= 0])]

    def is_of_one_group(rows: Int64[NDArray[np.int64], " region"]) -> bool:
        own = group_of[rows]
        return len(np.unique(own[own >= 0])) < 2

    if n is None:
        quarters = [_halved([own], places, seed, _QUARTERS) for own in clusters]
        cells = [cell for own in quarters for cell in _halved(own, places, seed, np.inf, is_of_one_group)]
    else:
        cells = _halved(clusters, places, seed, n)
    of_row = np.full(len(places), -1)
    centers, regions, spoken = [], [], []
    for number, rows in enumerate(cells):
        of_row[rows] = number
        centers.append(places[rows].mean(axis=0))
        rows = rows[np.argsort(np.linalg.norm(places[rows] - centers[-1], axis=1), kind="stable")]
        known, unknown = rows[group_of[rows] >= 0], rows[group_of[rows] < 0]
        spoken.append(np.bincount(group_of[known], minlength=len(facts.apart)))
        speaker = known[spoken[-1][group_of[known]].argmax()] if len(known) else rows[0]
        other = unknown[len(unknown) // 4] if len(unknown) and len(known) < _ASKED else -1
        regions.append((labels[rows[0]], speaker, group_of[speaker], other))
    found, speakers, groups, others = np.array(regions).T
    return Regions(of_row, np.array(centers), found, speakers, groups, np.array(spoken).T, others)


def _halved(
    cells: list[Int64[NDArray[np.int64], " cell"]],
    places: Places,
    seed: int,
    n: float,
    is_whole: Callable[[Int64[NDArray[np.int64], " cell"]], bool] = lambda _: False,
) -> list[Int64[NDArray[np.int64], " cell"]]:
    """Cut the widest of some sets of rows in two until there are n of them, or none that may be cut."""

    def width(rows: Int64[NDArray[np.int64], " cell"]) -> float:
        own = places[rows]
        if len(rows) < 2 * _LEAST or (own == own[0]).all() or is_whole(rows):
            return 0.0
        return float(((own - own.mean(axis=0)) ** 2).sum())

    cells, widths = list(cells), [width(rows) for rows in cells]
    while len(cells) < n and max(widths) > 0:
        widest = int(np.argmax(widths))
        rows = cells[widest]
        is_second = kmeans(places[rows], 2, np.random.RandomState(seed), n_init=_STARTS).labels_ == 1
        cells[widest : widest + 1] = rows[~is_second], rows[is_second]
        widths[widest : widest + 1] = width(rows[~is_second]), width(rows[is_second])
    return cells


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
