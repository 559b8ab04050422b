"""Clusters from the minimum spanning tree of points, with merges that keep the sizes of the clusters alike.

Single linkage follows shapes of any kind, but chains: one cluster swallows the others, and single far rows stay
alone. The correction by the Gini index of the sizes lets small clusters merge first (Genie; Gagolewski, Bartoszuk,
Cena, Information Sciences 363, 2016).
"""

from collections import Counter
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

# Parts of the neighbour graph are joined by the nearest pair of so many rows of each.
_MOST_ROWS_OF_PART = 1000


@dataclass(frozen=True)
class SpanningTree:
    """Edges of the spanning tree, the shortest first: int64 (n - 1, 2), and their lengths, float64 (n - 1,)."""

    edges: NDArray[np.int64]
    lengths: NDArray[np.float64]


def spanning_tree(
    points: NDArray[np.float32], graph: NDArray[np.int64], spacing: NDArray[np.float64] | None = None
) -> SpanningTree:
    """Return the spanning tree of the graph of near points; its parts are joined where they are nearest.

    Where the `spacing` around each point is given, no edge is shorter than that of its ends (mutual reachability).
    """
    n, width = graph.shape
    first, second = np.repeat(np.arange(n), width), graph.ravel()
    lengths = _lengths(points, first, second)
    parts = parts_of(n, first, second)
    while parts.max() > 0:
        starts, ends = _between_parts(points, parts)
        first, second = np.concatenate([first, starts]), np.concatenate([second, ends])
        lengths = np.concatenate([lengths, _lengths(points, starts, ends)])
        parts = parts_of(n, first, second)
    if spacing is not None:
        lengths = np.maximum(lengths, np.maximum(spacing[first], spacing[second]))
    # scipy takes a length of 0 for no edge, and adds up the lengths of an edge that is there both ways.
    low, high = np.minimum(first, second), np.maximum(first, second)
    _, once = np.unique(low * n + high, return_index=True)
    once = once[low[once] != high[once]]
    order = np.argsort(lengths[once], kind="stable")
    rank = np.arange(1, len(once) + 1, dtype=np.float64)
    tree = minimum_spanning_tree(csr_matrix((rank, (low[once][order], high[once][order])), shape=(n, n)))
    chosen = once[order][np.sort(tree.data).astype(np.int64) - 1]
    return SpanningTree(np.stack([low[chosen], high[chosen]], axis=1), lengths[chosen])


def _lengths(
    points: NDArray[np.float32], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.square(points[first] - points[second]).sum(axis=1)), dtype=np.float64)


def parts_of(n: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return which connected part of a graph each of its n points is in."""
    edges = csr_matrix((np.ones(len(first), dtype=np.int8), (first, second)), shape=(n, n))
    return np.asarray(connected_components(edges, directed=False)[1])


def _between_parts(
    points: NDArray[np.float32], parts: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a short edge from each part but the largest to another one."""
    random = np.random.default_rng(0)
    members = [np.flatnonzero(parts == part) for part in range(int(parts.max()) + 1)]
    some = [
        rows if len(rows) <= _MOST_ROWS_OF_PART else random.choice(rows, _MOST_ROWS_OF_PART, replace=False)
        for rows in members
    ]
    seen = np.concatenate(some)
    part_of_seen = parts[seen]
    largest = max(range(len(members)), key=lambda part: len(members[part]))
    starts, ends = [], []
    for part, rows in enumerate(some):
        if part == largest:
            continue
        others = seen[part_of_seen != part]
        far, near = faiss.knn(np.ascontiguousarray(points[rows]), np.ascontiguousarray(points[others]), 1)
        nearest = int(far[:, 0].argmin())
        starts.append(rows[nearest])
        ends.append(others[near[nearest, 0]])
    return np.asarray(starts, dtype=np.int64), np.asarray(ends, dtype=np.int64)


@dataclass(frozen=True)
class SmallClusters:
    """Rows in so few groups along the tree that they can be merged one by one: the group of each row, int64 (n,).

    `tree` is what is left of the tree between them.
    """

    labels: NDArray[np.int64]
    sizes: NDArray[np.int64]
    tree: SpanningTree


def small_clusters(tree: SpanningTree, most: int) -> SmallClusters:
    """Merge the smaller half of the groups, each along its shortest edge, until there are at most so many.

    Up to so many rows each is a group of its own.
    """
    n = len(tree.edges) + 1
    labels, sizes, edges, lengths = np.arange(n), np.ones(n, dtype=np.int64), tree.edges, tree.lengths
    while len(sizes) > most:
        shortest = np.full(len(sizes), len(edges))
        np.minimum.at(shortest, edges.ravel(), np.repeat(np.arange(len(edges)), 2))
        merging = np.unique(shortest[sizes <= np.partition(sizes, (len(sizes) - 1) // 2)[(len(sizes) - 1) // 2]])
        group = parts_of(len(sizes), *edges[merging].T)
        labels, sizes = group[labels].astype(np.int64), np.bincount(group, weights=sizes).astype(np.int64)
        edges = group[edges].astype(np.int64)
        left = edges[:, 0] != edges[:, 1]
        edges, lengths = edges[left], lengths[left]
    return SmallClusters(labels, sizes, SpanningTree(edges, lengths))


def linkage(small: SmallClusters, gini: float, k: int) -> NDArray[np.int64]:
    """Merge along the tree until `k` clusters are left; return the cluster of each row, int64 (n,).

    The shortest edge merges next, as long as the Gini index of the sizes (0: all alike) is at most `gini`; else
    the shortest one that leads to a smallest cluster.
    """
    merges, edges = _Merges(small.sizes), small.tree.edges.tolist()
    following = [*range(1, len(edges) + 1)]  # a linked list of the edges that are left; the first is `head`
    head, at, before, smallest = 0, 0, -1, 0
    for _ in range(len(small.sizes) - k):
        if merges.gini() <= gini:
            edge, head = head, following[head]
            if at == edge:
                at = head
            elif before == edge:
                before = -1
        else:
            if merges.smallest != smallest:  # what was passed over may lead to a smallest one now
                smallest, at, before = merges.smallest, head, -1
            while not merges.touches_smallest(*edges[at]):
                at, before = following[at], at
            edge, at = at, following[at]
            if before < 0:
                head = at
            else:
                following[before] = at
        merges.merge(*edges[edge])
    return merges.labels()[small.labels]


class _Merges:
    """Clusters that merge, and the Gini index of their sizes."""

    def __init__(self, sizes: NDArray[np.int64]) -> None:
        self._parent = list(range(len(sizes)))
        self._size: list[int] = sizes.tolist()
        self._sizes = sizes.astype(np.float64)  # 0 where a cluster has merged into another one
        self._with_size = Counter(self._size)
        self._total, self._count = float(self._sizes.sum()), len(sizes)
        ranks = np.arange(1 - len(sizes), len(sizes), 2)
        self._differences = float((ranks * np.sort(self._sizes)).sum())  # sum of |a - b| over the pairs of sizes
        self.smallest = min(self._size)

    def _root(self, vertex: int) -> int:
        parent = self._parent
        while parent[vertex] != vertex:
            parent[vertex] = parent[parent[vertex]]
            vertex = parent[vertex]
        return vertex

    def gini(self) -> float:
        return self._differences / (self._total * max(self._count - 1, 1))

    def touches_smallest(self, first: int, second: int) -> bool:
        return self.smallest in (self._size[self._root(first)], self._size[self._root(second)])

    def merge(self, first: int, second: int) -> None:
        a, b = self._root(first), self._root(second)
        both = self._size[a] + self._size[b]
        self._differences -= self._apart(self._size[a]) + self._apart(self._size[b])
        self._differences += abs(self._size[a] - self._size[b])
        self._with_size.subtract((self._size[a], self._size[b]))
        self._with_size[both] += 1
        self._parent[b], self._size[a] = a, both
        self._sizes[a], self._sizes[b] = both, 0
        self._count -= 1
        self._differences += self._apart(both)
        while not self._with_size[self.smallest]:
            del self._with_size[self.smallest]
            self.smallest = min(self._with_size)

    def _apart(self, size: int) -> float:
        """Return how much the sizes of all clusters differ from this one."""
        return float(np.abs(self._sizes - size).sum()) - size * (len(self._sizes) - self._count)

    def labels(self) -> NDArray[np.int64]:
        roots = [self._root(vertex) for vertex in range(len(self._parent))]
        return np.asarray(np.unique(roots, return_inverse=True)[1], dtype=np.int64)
