"""Communities of a graph of neighbours, and how many of its edges leave the groups of a partition."""

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sknetwork.clustering import Louvain, get_modularity

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
    between = _between(edges, labels)
    group = np.arange(len(between))
    while len(between) > k:
        share = between.sum(axis=1) / between.sum()
        gain = between / between.sum() - np.outer(share, share)
        np.fill_diagonal(gain, -np.inf)
        first, second = sorted(np.unravel_index(gain.argmax(), gain.shape))
        between[first] += between[second]
        between[:, first] += between[:, second]
        between = np.delete(np.delete(between, second, axis=0), second, axis=1)
        group[group == second] = first
        group[group > second] -= 1
    return np.asarray(group[labels])


def modularity(edges: csr_matrix, labels: NDArray[np.integer]) -> float:
    """Share of the edges within groups, beyond what chance would put there."""
    return float(get_modularity(edges, labels))


def conductance(edges: csr_matrix, labels: NDArray[np.integer]) -> float:
    """Share of the edges of a group that leave it, mean over the groups: 0 where none does."""
    between = _between(edges, labels)
    ends = between.sum(axis=1)
    return float(1 - (np.diag(between)[ends > 0] / ends[ends > 0]).mean())


def joined(edges: csr_matrix, labels: NDArray[np.integer]) -> Float64[NDArray[np.float64], "groups groups"]:
    """Share of the edges of the smaller of each two groups that lead to the other: 0 where none does."""
    between = _between(edges, labels)
    ends = between.sum(axis=1)
    return np.asarray(between / np.maximum(np.minimum.outer(ends, ends), 1))


def _between(edges: csr_matrix, labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Count the ends of edges between each two groups."""
    n = len(labels)
    member = csr_matrix((np.ones(n), (np.arange(n), labels)), shape=(n, int(labels.max()) + 1))
    return np.asarray((member.T @ edges @ member).toarray())
