"""Partitions of the same rows into k clusters, found in several ways; none of them is best on all data."""

import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from torchdec._core.communities import k_communities
from torchdec._core.kmeans import kmeans
from torchdec._core.spanning_tree import SmallClusters, SpanningTree, linkage, small_clusters, spanning_tree

# The Gini index of the sizes that a tree may have, from nearly alike to nearly as they come.
_GINI = (0.1, 0.2, 0.3, 0.5, 0.8)
# Rows go in so many small groups into what merges groups one by one, and into communities: those of larger groups
# are better.
_MOST_SMALL, _FOR_COMMUNITIES = 1500, 500
# Starts of k-means that are candidates each, and how many more there are of which the lowest inertia is one. They
# see so many rows at most.
_STARTS, _MORE_STARTS, _MOST_SEEN = 4, 6, 20_000
# Up to so many rows the points themselves are clustered too; full Gaussians take so many columns at most.
_FEW_ROWS, _MOST_COLUMNS = 5000, 64
# Added to the variances of Gaussians, relative to the mean variance of the columns; their rounds at most.
_RIDGE, _MOST_ROUNDS = 1e-3, 200

Labels = NDArray[np.integer]


def candidates(
    code: NDArray[np.float32],
    k: int,
    graph: NDArray[np.int64],
    edges: csr_matrix,
    points: NDArray[np.float32] | None,
    random_state: np.random.RandomState,
    *,
    first: bool,
) -> Iterator[tuple[str, Labels]]:
    """Yield the name and the labels of each candidate; each has k clusters, and no two are the same rows.

    What is found without the code is left to the `first` of several codes.
    """
    tree = spanning_tree(code, graph)
    yield from _kmeans(code, k, random_state, "")
    yield from _merged(code, tree, k, "")
    if first or len(code) > _FOR_COMMUNITIES:  # so few rows are a group each, whatever their code
        found = communities_of(edges, small_clusters(tree, _FOR_COMMUNITIES), k)
        if found is not None:
            yield "communities", found
    if not first or points is None or len(points) > _FEW_ROWS:
        return
    yield from _kmeans(points, k, random_state, " of rows")
    yield from _merged(points, spanning_tree(points, graph), k, " of rows")
    yield from _gaussians(points, k, random_state)


def _kmeans(
    points: NDArray[np.float32], k: int, random_state: np.random.RandomState, of: str
) -> Iterator[tuple[str, Labels]]:
    seen = points
    if len(points) > _MOST_SEEN:
        some = points[np.sort(random_state.permutation(len(points))[:_MOST_SEEN])]
        seen = some if len(np.unique(some, axis=0)) >= k else points  # where most rows are the same
    starts = [kmeans(seen, k, random_state) for _ in range(_STARTS + _MORE_STARTS)]
    best = min(starts, key=lambda start: start.inertia_)
    others = [start for start in starts[:_STARTS] if start is not best]
    for name, start in ("", best), *((f", start {number}", start) for number, start in enumerate(others, 1)):
        yield f"k-means{of}{name}", start.labels_ if seen is points else start.predict(points)


def _merged(points: NDArray[np.float32], tree: SpanningTree, k: int, of: str) -> Iterator[tuple[str, Labels]]:
    small = small_clusters(tree, _MOST_SMALL)
    if len(small.sizes) >= k:
        for gini in _GINI:
            yield f"tree {gini}{of}", linkage(small, gini, k)
        yield f"ward{of}", ward(points, small, k)


def _gaussians(
    points: NDArray[np.float32], k: int, random_state: np.random.RandomState
) -> Iterator[tuple[str, Labels]]:
    """Yield full Gaussians, where there are enough rows for them."""
    n, d = points.shape
    if d > _MOST_COLUMNS or n < k * (d + 1):
        return
    ridge = _RIDGE * float(points.var(axis=0).mean()) + np.finfo(np.float32).tiny
    model = GaussianMixture(k, reg_covar=ridge, n_init=3, max_iter=_MOST_ROUNDS, random_state=random_state)
    # It starts from k-means, whose threads add up in an order of their own; and some Gaussians never settle.
    with threadpool_limits(1, user_api="openmp"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = model.fit_predict(points.astype(np.float64))
    yield "gaussians", labels


def communities_of(edges: csr_matrix, small: SmallClusters, k: int) -> Labels | None:
    """Return k communities of the graph of the small groups, for all rows; None where there are none."""
    n, m = len(small.labels), len(small.sizes)
    member = csr_matrix((np.ones(n), (np.arange(n), small.labels)), shape=(n, m))
    found = k_communities(csr_matrix(member.T @ edges @ member), k)
    return None if found is None else found[small.labels]


def ward(points: NDArray[np.float32], small: SmallClusters, k: int) -> NDArray[np.int64]:
    """Merge small groups by Ward's rule (nearest-neighbour chains; Murtagh, 1983) until k clusters are left."""
    m = len(small.sizes)
    sizes = small.sizes.astype(np.float64)
    centers = np.zeros((m, points.shape[1]))
    np.add.at(centers, small.labels, points - points.mean(axis=0))
    centers /= sizes[:, None]
    norms, dead = np.square(centers).sum(axis=1), np.zeros(m, dtype=bool)
    merges, chain = list[tuple[float, int, int]](), list[int]()
    while len(merges) < m - 1:
        if not chain:
            chain.append(int(dead.argmin()))
        at = chain[-1]
        cost = norms + norms[at] - 2 * (centers @ centers[at])
        cost *= sizes * sizes[at] / (sizes + sizes[at])
        cost[dead] = np.inf
        cost[at] = np.inf
        near = int(cost.argmin())
        if len(chain) > 1 and cost[chain[-2]] <= cost[near]:
            near = chain[-2]
            del chain[-2:]
            merges.append((float(cost[near]), at, near))
            total = sizes[at] + sizes[near]
            centers[at] = (centers[at] * sizes[at] + centers[near] * sizes[near]) / total
            sizes[at], norms[at], dead[near] = total, centers[at] @ centers[at], True
        else:
            chain.append(near)
    # Chains do not find the merges in the order of their costs, but those that belong to k clusters cost least.
    group = np.arange(m)
    for _, first, second in sorted(merges, key=lambda merge: merge[0])[: m - k]:
        group[group == group[second]] = group[first]
    return np.asarray(np.unique(group, return_inverse=True)[1][small.labels], dtype=np.int64)
