"""The block model of a graph: how likely a partition makes its edges, and moves of rows that raise that."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

# Edges that only one of the two rows counts among its nearest: as often as `NeighborEncoder` draws them.
ONE_WAY = 0.25
# Rounds of moves at most; where fewer rows than this proportion moved, only what they touch is counted anew.
_ROUNDS, _FEW = 40, 0.1
# A neighbour that is so many times farther than the third one is none.
_THIRD, _FAR = 2, 3.0
# Of each row and pair of clusters, so that empty pairs have a logarithm.
_NOTHING = 1e-3


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


def between(edges: csr_matrix, labels: NDArray[np.integer], k: int) -> NDArray[np.float64]:
    """Return the weight of the edges between each two clusters, float64 (k, k)."""
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
