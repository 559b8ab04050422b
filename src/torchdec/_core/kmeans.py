"""k-means by scikit-learn: the same bits each time, and a clear error if there are too few distinct rows."""

import warnings
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController

# Threads add their sums of rows in the order in which they come to an end: two sums give the same bits either way.
_MOST_THREADS = 2


def kmeans(
    points: NDArray[np.float32],
    n_clusters: int,
    random_state: np.random.RandomState,
    init: str | NDArray[np.float32] = "k-means++",
    *,
    n_init: int = 1,
    most_passes: int = 300,
) -> KMeans:
    """Return a `KMeans` that is fitted from so many starts, in so many passes over the points at most.

    Raises
    ------
    ValueError
        If there are fewer distinct points than clusters.
    """
    model = KMeans(n_clusters, init=init, n_init=n_init, max_iter=most_passes, random_state=random_state)
    openmp = _openmp()
    n_threads = min([_MOST_THREADS, *(library["num_threads"] for library in openmp.info())])
    with warnings.catch_warnings(record=True) as caught, openmp.limit(limits=n_threads):
        warnings.simplefilter("always", ConvergenceWarning)
        fitted = model.fit(points)
    if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
        # It says that a cluster has no points, as one may after few passes too.
        distinct = len(np.unique(points, axis=0))
        if distinct < n_clusters:
            raise ValueError(
                f"n_clusters={n_clusters} is more than the {distinct} distinct rows that X has after encoding; "
                f"try n_clusters={distinct} or fewer."
            )
    return fitted


@cache
def _openmp() -> ThreadpoolController:
    """Return what sets the number of threads of the libraries loaded by now, scikit-learn's among them."""
    return ThreadpoolController().select(user_api="openmp")
