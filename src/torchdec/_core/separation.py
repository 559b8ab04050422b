"""Stage 2, after k-means: other clusters of the same code, where the graph of its near rows separates them better.

k-means prefers clusters of one extent and one size. Where kinds of rows differ in either, the lowest inertia cuts
through one of them and takes two others for one; and it cuts two long ones across that lie side by side. The
neighbours of the rows show both.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans

from torchdec._core.communities import conductance, edges_of, joined, k_communities, modularity
from torchdec._core.kmeans import kmeans
from torchdec._core.nearest import nearest

# The graph of the embedding is made of so many rows at most, each with so many neighbours.
_GRAPH_ROWS, _NEIGHBORS = 10_000, 15
# Communities are taken where they leave less than this share of the edges cut: of several partitions that are
# about as good one leaves somewhat fewer than another, and no more depends on which.
_CLEARER = 2 / 3
# Two clusters become one where they are joined by this share of their edges, and another one becomes two whose
# share is less than so much of that. Some kinds of PBMC cells are joined nearly as far.
_JOINED, _APART = 0.05, 0.5
# Two clusters that are joined by so much are cut anew where that leaves less than this share of those edges cut,
# and modularity rises by so much: a few rows at the rim are cut off with fewer edges, and lower it.
_TOUCHING, _FEWER, _MORE_MODULAR = 0.02, 0.4, 0.01
# There are so many rounds of moves at most; parts of a cluster are the best of so many starts of k-means.
_ROUNDS, _STARTS = 5, 3


@dataclass(frozen=True)
class _Graph:
    """Points, and those of them that are the vertices, with their edges."""

    points: NDArray[np.float32]
    vertices: NDArray[np.float32]
    edges: csr_matrix
    random_state: np.random.RandomState

    def restarted(self, best: KMeans, labels: NDArray[np.integer], most_passes: int = 300) -> KMeans:
        """Run k-means on all points from the means of groups of the vertices; a centre without any stays."""
        centers = best.cluster_centers_.copy()
        for label in np.unique(labels):
            centers[label] = self.vertices[labels == label].mean(axis=0)
        return kmeans(self.points, best.n_clusters, self.random_state, centers, most_passes=most_passes)


def separated(points: NDArray[np.float32], best: KMeans, random_state: np.random.RandomState) -> KMeans:
    """Return k-means from a start that the graph of the embedding separates better, or else `best`."""
    n = min(len(points), _GRAPH_ROWS)
    if best.n_clusters == 1 or n <= _NEIGHBORS:
        return best
    vertices = points[random_state.permutation(len(points))[:n]]
    edges = edges_of(nearest(vertices, _NEIGHBORS, cosine=False))
    graph = _Graph(points, vertices, edges, random_state)
    best = _from_communities(graph, best)
    for _ in range(_ROUNDS):
        labels = _moved(graph, best.predict(vertices))
        if labels is None:
            break
        other = graph.restarted(best, labels)
        if conductance(edges, other.predict(vertices)) >= conductance(edges, best.predict(vertices)):
            break
        best = other
    return _cut_anew(graph, best)


def _from_communities(graph: _Graph, best: KMeans) -> KMeans:
    """Start from the communities of the graph; return what is separated clearly better."""
    found = k_communities(graph.edges, best.n_clusters)
    if found is None:
        return best
    other = graph.restarted(best, found)
    before, after = best.predict(graph.vertices), other.predict(graph.vertices)
    fewer_cut = conductance(graph.edges, after) < _CLEARER * conductance(graph.edges, before)
    # Few edges are cut too where a handful of rows is a cluster of its own; modularity asks for large ones.
    return other if fewer_cut and modularity(graph.edges, after) > modularity(graph.edges, before) else best


def _moved(graph: _Graph, labels: NDArray[np.int32]) -> NDArray[np.int32] | None:
    """Merge two clusters that are joined and split one that falls apart, as often as there are three to move."""
    pairs = _pairs(graph.edges, labels, _JOINED)
    if not pairs:
        return None
    parts = _parts(graph, labels)
    moved, touched = labels.copy(), set[int]()
    for share, first, second in pairs:
        free = [part for part in parts if part[1] not in {*touched, first, second}]
        if {first, second} & touched or not free or free[0][0] >= _APART * share:
            continue
        _, cluster, rows = free[0]
        moved[labels == second] = first
        moved[rows] = second
        touched |= {first, second, cluster}
    return moved if touched else None


def _pairs(edges: csr_matrix, labels: NDArray[np.int32], least: float) -> list[tuple[float, int, int]]:
    """Return how far two clusters are joined, and the two, where it is so much at least; the most first."""
    shares = np.triu(joined(edges, labels), 1)
    pairs = np.argwhere(shares >= least).tolist()
    return sorted(((float(shares[a, b]), a, b) for a, b in pairs), key=lambda pair: -pair[0])


def _parts(graph: _Graph, labels: NDArray[np.int32]) -> list[tuple[float, int, NDArray[np.int64]]]:
    """Return how far the two parts of a cluster are joined, the cluster, and the rows of one part; least first."""
    parts = []
    for cluster in range(int(labels.max()) + 1):
        rows = np.flatnonzero(labels == cluster)
        if len(rows) <= 2 * _NEIGHBORS:  # parts of fewer rows than a row has neighbours tell nothing
            continue
        try:
            starts = [kmeans(graph.vertices[rows], 2, graph.random_state) for _ in range(_STARTS)]
        except ValueError:  # rows that are all the same have no parts
            continue
        halves = min(starts, key=lambda start: start.inertia_).labels_
        parts.append((float(joined(graph.edges[rows][:, rows], halves)[0, 1]), cluster, rows[halves == 1]))
    return sorted(parts, key=lambda part: part[0])


def _cut_anew(graph: _Graph, best: KMeans) -> KMeans:
    """Cut two clusters by the communities of their rows, where those are joined by far fewer edges.

    Each cluster is tried once, in the pairs that are joined most: with many clusters there are many pairs.
    k-means makes one pass only from there: more would bring back the cut of the lowest inertia. Self-training
    pulls the rows of each part together instead.
    """
    labels = best.predict(graph.vertices)
    anew, changed, tried = labels.copy(), False, set[int]()
    for _, first, second in _pairs(graph.edges, labels, _TOUCHING):
        rows = np.flatnonzero((labels == first) | (labels == second))
        if {first, second} & tried or len(rows) <= 2 * _NEIGHBORS:
            continue
        tried |= {first, second}
        edges = graph.edges[rows][:, rows]
        halves = k_communities(edges, 2)
        if halves is not None and _is_better(edges, (labels[rows] == second).astype(np.int64), halves):
            anew[rows] = np.where(halves == 1, second, first)
            changed = True
    return graph.restarted(best, anew, most_passes=1) if changed else best


def _is_better(edges: csr_matrix, cut: NDArray[np.int64], other: NDArray[np.int64]) -> bool:
    """Tell whether another cut of two clusters leaves far fewer of their edges cut, and is no mere rim."""
    fewer = joined(edges, other)[0, 1] < _FEWER * joined(edges, cut)[0, 1]
    return bool(fewer and modularity(edges, other) > modularity(edges, cut) + _MORE_MODULAR)
