"""Clusters as the peaks of density, and how deep the valleys between them are: ToMATo (Chazal et al., JACM 2013).

Joining rows along the densest paths, two peaks become one where their paths meet. The younger one, whose peak is
lower, is worth as much as the valley between them is sparser than it. So one tree has a partition for every
number of clusters, and each of them is nested in those of fewer.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from torchdec._core.nearest import nearest
from torchdec._core.spanning_tree import parts_of, spanning_tree

# Neighbours that tell the density, of few rows a fifth of them. In fewer, chance makes peaks of rows that have
# none: with 15, one Gaussian of 1,000 rows has valleys of .75; with 100 of .2 at most, and the digits of USPS .3.
_OF_DENSITY, _SHARE = 100, 5
# The density of more rows is told by so many of them: in more, it shows more of the peaks within clusters.
_MOST_TOLD_BY = 5000
# Rows are joined with so many neighbours, and with others that are at most so many times farther than these are.
_JOINED, _REACH = 15, 1.25
# A gap that no edge bridges is a valley too where it is so many times wider than rows on both sides are apart.
_GAP = 1.5
# A peak of fewer rows is none; in few rows, of fewer than a thirtieth.
_FEWEST, _FEWEST_OF = 10, 30
_ROUNDING = 1e-4


@dataclass(frozen=True, eq=False)
class DensityTree:
    """Rows, joined from the densest to the sparsest."""

    # Of each peak, the deepest first: 1 less the distance between rows at the peak over that in the valley. The
    # first is 1, of all rows together.
    depths: Float64[NDArray[np.float64], " peaks"]
    # What joins the rows: of each peak but the first the edge through its valley, then all others.
    edges: Int64[NDArray[np.int64], "edges 2"]

    def cut(self, n_clusters: int) -> Int32[NDArray[np.int32], " rows"]:
        """Return the cluster of each row where the deepest peaks, so many of them or all, stay apart."""
        kept = self.edges[min(n_clusters, len(self.depths)) - 1 :]
        return parts_of(len(self.edges) + 1, kept[:, 0], kept[:, 1])


def density_tree(points: Float32[NDArray[np.float32], "rows columns"], seed: int) -> DensityTree:
    """Join rows, float32 (n, p), by the density among them."""
    points = np.ascontiguousarray(points)
    n = len(points)
    width = min(_OF_DENSITY, max(1, n // _SHARE))
    found = nearest(points, width, cosine=False)
    far = np.stack([np.linalg.norm(points - points[column], axis=1) for column in found.T], axis=1)
    joined = min(_JOINED, width)
    local = far[:, :joined].mean(axis=1, dtype=np.float64)
    spacing = far.mean(axis=1, dtype=np.float64) if n <= _MOST_TOLD_BY else _spacing(points, width, seed)
    within = far <= _REACH * local[:, None]
    within[:, :joined] = True
    graph = np.where(within, found, found[:, :1])
    # Rows that are the same lie a little apart, so that what they are apart has a ratio.
    spacing = np.maximum(spacing, 1e-6 * spacing.mean() + np.finfo(np.float32).tiny)
    tree = spanning_tree(points, graph, spacing)
    parts = parts_of(n, np.repeat(np.arange(n), graph.shape[1]), graph.ravel())
    between = parts[tree.edges[:, 0]] != parts[tree.edges[:, 1]]
    gaps = np.where(between, 1 - _GAP * local[tree.edges].max(axis=1) / tree.lengths, 0)
    depths = _depths(tree.edges, tree.lengths, spacing, gaps)
    order = np.argsort(-depths, kind="stable")
    return DensityTree(np.append(1.0, depths[order][: np.count_nonzero(depths)]), tree.edges[order])


def _spacing(points: NDArray[np.float32], width: int, seed: int) -> NDArray[np.float64]:
    """Return how far some of the rows, those nearest to each, are from it."""
    drawn = np.random.default_rng(seed).permutation(len(points))[:_MOST_TOLD_BY]
    far = NearestNeighbors(n_neighbors=width + 1, algorithm="brute").fit(points[drawn]).kneighbors(points)[0]
    itself = np.zeros(len(points), dtype=bool)
    itself[drawn] = True
    return np.asarray(np.where(itself, far[:, 1:].mean(axis=1), far[:, :-1].mean(axis=1)), dtype=np.float64)


def _depths(
    edges: NDArray[np.int64],
    lengths: NDArray[np.float64],
    spacing: NDArray[np.float64],
    gaps: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return how deep the valley is that each edge goes through: 0 where it joins a row or a few to a peak."""
    n = len(spacing)
    fewest = max(2, min(_FEWEST, n // _FEWEST_OF))
    parent, sizes, peaks = list(range(n)), [1] * n, spacing.tolist()

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    depths = np.zeros(len(edges))
    for number, ((first, second), length) in enumerate(zip(edges.tolist(), lengths.tolist(), strict=True)):
        older, younger = sorted((root(first), root(second)), key=peaks.__getitem__)
        if min(sizes[younger], sizes[older]) >= fewest:
            depth = max(1 - peaks[younger] / length, gaps[number])
            depths[number] = depth if depth > _ROUNDING else 0
        parent[younger] = older
        sizes[older] += sizes[younger]
    return depths
