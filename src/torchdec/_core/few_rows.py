"""Few rows: the clusters that k-means finds in the rows, where those of the code cut more edges of the rows.

A group of some rows beside hundreds is far from them in the code too, but k-means on the code gains more by
cutting a large group in two.
"""

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans

from torchdec._core.communities import conductance, edges_of
from torchdec._core.kmeans import kmeans
from torchdec._nearest import nearest

# Below so many rows the clusters that k-means finds in the rows themselves are tried too.
FEW_ROWS = 1000
# Components that they are clustered and judged on, and starts of k-means there.
COMPONENTS, _STARTS = 50, 10
# Neighbours in the graph that judges. One that is so many times farther than the third neighbour, of it or of the
# row, is none: a group of four rows, which has no more in itself, is a part of its own then.
_NEIGHBORS, _THIRD, _FAR = 5, 2, 3
# The clusters of the rows are taken where they leave less than this share of the edges cut.
_CLEARER = 2 / 3


def clearer_in_rows(
    points: Float32[NDArray[np.float32], "rows code"],
    best: KMeans,
    components: Float32[NDArray[np.float32], "rows components"],
    random_state: np.random.RandomState,
) -> KMeans:
    """Return k-means from the clusters of the rows where they cut clearly fewer edges of the rows, else `best`."""
    found = kmeans(components, best.n_clusters, random_state, n_init=_STARTS).labels_
    centers = best.cluster_centers_.copy()
    for cluster in np.unique(found):
        centers[cluster] = points[found == cluster].mean(axis=0)
    edges = _near_edges(components)
    # k-means may leave such clusters again, where the code has them near each other; one pass stays with them.
    others = [kmeans(points, best.n_clusters, random_state, centers, most_passes=n) for n in (300, 1)]
    other = min(others, key=lambda other: conductance(edges, other.labels_))
    clearer = conductance(edges, other.labels_) < _CLEARER * conductance(edges, best.labels_)
    return other if clearer else best


def _near_edges(points: NDArray[np.float32]) -> csr_matrix:
    """Return the edges between near neighbours; in place of a far one a row is joined to itself."""
    n = len(points)
    graph = nearest(points, min(_NEIGHBORS, n - 1), cosine=False)
    distances = np.linalg.norm(points[:, None] - points[graph], axis=2)
    reach = distances[:, min(_THIRD, distances.shape[1] - 1)]
    reach = np.where(reach > 0, reach, distances[:, -1])  # of rows that are there several times
    far = distances > _FAR * np.minimum(reach[:, None], reach[graph])
    return edges_of(np.where(far, np.arange(n)[:, None], graph))
