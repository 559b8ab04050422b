"""Partitions of a graph of neighbours: communities, how many edges these cut, and how likely they make edges."""

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sknetwork.clustering import Louvain, get_modularity

# Edges that only one of the two rows counts among its nearest: as often as `NeighborEncoder` draws them.
ONE_WAY = 0.25
# Rounds of moves at most; where fewer rows than this proportion moved, only what they touch is counted anew.
_ROUNDS, _FEW = 40, 0.1
# A neighbour that is so many times farther than the third one is none.
_THIRD, _FAR = 2, 3.0
# Of each row and pair of clusters, so that empty pairs have a logarithm.
_NOTHING = 1e-3
# Between these, in so many steps, the resolution is looked for at which Louvain finds as many as asked for.
_LOWEST, _HIGHEST, _STEPS = 0.05, 20.0, 12


def edges_of(graph: Int64[NDArray[np.int64], "rows neighbors"]) -> csr_matrix:
    """Return the edges between rows and their neighbours, each 1 in both directions."""
    n, width = graph.shape
    edges = csr_matrix((np.ones(n * width), graph.ravel(), np.arange(0, n * width + 1, width)), shape=(n, n))
    return csr_matrix(edges.maximum(edges.T))


def communities(edges: csr_matrix, resolution: float = 1.0) -> Int64[NDArray[np.int64], " rows"]:
    """Partition the rows so that the modularity of their graph is high (Louvain; Blondel et al., 2008)."""
    louvain = Louvain(resolution=resolution, random_state=0, shuffle_nodes=True)
    return np.asarray(louvain.fit_predict(edges), dtype=np.int64)


def k_communities(edges: csr_matrix, k: int) -> Int64[NDArray[np.int64], " rows"] | None:
    """Partition the rows into `k` communities; None where no resolution gives as many.

    Of those that are met while the resolution is looked for, the ones with the highest modularity. Where none are,
    the fewest above `k` are merged, the pair first whose union gains most modularity.
    """
    low, high, more = _LOWEST, _HIGHEST, None
    exact = []
    for _ in range(_STEPS):
        middle = float(np.sqrt(low * high))
        found = communities(edges, middle)
        n_found = found.max() + 1
        if n_found == k:
            exact.append(found)
        if n_found > k:
            high = middle
            if more is None or n_found <= more.max():
                more = found
        else:
            low = middle
    if exact:
        return max(exact, key=lambda labels: modularity(edges, labels))
    return None if more is None else _merged(edges, more, k)


def _merged(edges: csr_matrix, labels: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    joined = between(edges, labels)
    group = np.arange(len(joined))
    while len(joined) > k:
        share = joined.sum(axis=1) / joined.sum()
        gain = joined / joined.sum() - np.outer(share, share)
        np.fill_diagonal(gain, -np.inf)
        first, second = sorted(np.unravel_index(gain.argmax(), gain.shape))
        joined[first] += joined[second]
        joined[:, first] += joined[:, second]
        joined = np.delete(np.delete(joined, second, axis=0), second, axis=1)
        group[group == second] = first
        group[group > second] -= 1
    return np.asarray(group[labels])


def modularity(edges: csr_matrix, labels: NDArray[np.integer]) -> float:
    """Share of the edges within groups, beyond what chance would put there."""
    return float(get_modularity(edges, labels))


def conductance(edges: csr_matrix, labels: NDArray[np.integer]) -> float:
    """Share of the edges of a group that leave it, mean over the groups: 0 where none does."""
    counts = between(edges, labels)
    ends = counts.sum(axis=1)
    return float(1 - (np.diag(counts)[ends > 0] / ends[ends > 0]).mean())


def joined(edges: csr_matrix, labels: NDArray[np.integer]) -> Float64[NDArray[np.float64], "groups groups"]:
    """Share of the edges of the smaller of each two groups that lead to the other: 0 where none does."""
    counts = between(edges, labels)
    ends = counts.sum(axis=1)
    return np.asarray(counts / np.maximum(np.minimum.outer(ends, ends), 1))


def weighted(graph: NDArray[np.int64], points: NDArray[np.float32] | None = None) -> csr_matrix:
    """Return the edges of the graph: 1 where both rows are among each other's nearest, else `ONE_WAY`.

    Where the points are given, a neighbour that is far beside the nearest ones is none: a group of four rows has
    three at most in itself.
    """
    n, width = graph.shape
    start, end = np.repeat(np.arange(n), width), graph.ravel()
    if points is not None:
        near = ~_far(points, graph).ravel()
        start, end = start[near], end[near]
    ends = csr_matrix((np.ones(len(start)), (start, end)), shape=(n, n))
    ends.data[:] = 1  # a neighbour that is listed twice counts once
    ends.setdiag(0)
    ends.eliminate_zeros()
    return csr_matrix((1 - ONE_WAY) * ends.minimum(ends.T) + ONE_WAY * ends.maximum(ends.T))


def _far(points: NDArray[np.float32], graph: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which neighbours are farther than `_FAR` times the third neighbour, of the row or of its neighbour."""
    distances = np.stack([np.linalg.norm(points - points[column], axis=1) for column in graph.T], axis=1)
    reach = np.sort(distances, axis=1)[:, min(_THIRD, distances.shape[1] - 1)]
    reach = np.where(reach > 0, reach, distances.max(axis=1))  # of rows that are there several times
    return np.asarray(distances > _FAR * np.minimum(reach[:, None], reach[graph]))


def between(edges: csr_matrix, labels: NDArray[np.integer], k: int | None = None) -> NDArray[np.float64]:
    """Return the weight of the edges between each two clusters, float64 (k, k); k may be that of the labels."""
    k = int(labels.max()) + 1 if k is None else k
    coo = edges.tocoo()
    pairs = labels[coo.row].astype(np.int64) * k + labels[coo.col]
    counts = np.bincount(pairs, weights=coo.data, minlength=k * k)
    return np.asarray(counts.reshape(k, k), dtype=np.float64)


def log_likelihood(counts: NDArray[np.float64]) -> float:
    """Return the log-likelihood an edge of the degree-corrected block model that fits best.

    By the weight between each two clusters (Karrer, Newman, Physical Review E 83, 2011). It is the mutual
    information of the clusters at the two ends of an edge.
    """
    ends, total = counts.sum(axis=1), counts.sum()
    expected = np.outer(ends, ends) / total
    some = counts > 0
    return float((counts[some] * np.log(counts[some] / expected[some])).sum() / total)


def refined(edges: csr_matrix, labels: NDArray[np.integer], k: int) -> NDArray[np.int64]:
    """Move each row to the cluster that its neighbours make most likely, as long as that makes the edges likelier.

    All rows move at once in the even rounds, half of them, drawn at random, in the odd ones, so that two that
    would swap their clusters for ever do not.
    """
    n, random = len(labels), np.random.default_rng(0)
    ones, every = np.ones(n), np.arange(n + 1)
    now: NDArray[np.int64] = np.asarray(labels, dtype=np.int64)
    to_clusters = _to_clusters(edges, now, k)
    best, best_labels = -np.inf, now
    for number in range(_ROUNDS):
        counts = np.asarray(csr_matrix((ones, now, every), shape=(n, k)).T @ to_clusters)
        likelihood = log_likelihood(counts)
        if likelihood > best:
            best, best_labels = likelihood, now
        elif number % 2:
            break
        ends = counts.sum(axis=1)
        affinity = np.log((counts * counts.sum() + _NOTHING) / (np.outer(ends, ends) + _NOTHING))
        gain = to_clusters @ affinity.T
        other = gain.argmax(axis=1)
        rows = np.arange(n)
        moves = gain[rows, other] > gain[rows, now] + 1e-9
        if number % 2:
            moves &= random.random(n) < 0.5
        moving = np.flatnonzero(moves)
        after = now.copy()
        after[moving] = other[moving]
        if not len(moving) or np.bincount(after, minlength=k).min() == 0:
            break
        if len(moving) < _FEW * n:
            _recount(to_clusters, edges, moving, now, after)
        else:
            to_clusters = _to_clusters(edges, after, k)
        now = after
    return best_labels


def _to_clusters(edges: csr_matrix, labels: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    member = np.zeros((len(labels), k))
    member[np.arange(len(labels)), labels] = 1
    return np.asarray(edges @ member)


def _recount(
    to_clusters: NDArray[np.float64],
    edges: csr_matrix,
    moving: NDArray[np.int64],
    before: NDArray[np.int64],
    after: NDArray[np.int64],
) -> None:
    k = to_clusters.shape[1]
    coo = edges[moving].tocoo()
    for labels, sign in ((before, -1.0), (after, 1.0)):
        np.add.at(to_clusters.reshape(-1), coo.col * k + labels[moving][coo.row], sign * coo.data)
