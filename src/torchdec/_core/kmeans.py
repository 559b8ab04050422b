"""k-means from one start, by scikit-learn, with a clear error where the code has too few distinct rows."""

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning


def kmeans(
    points: NDArray[np.float32],
    n_clusters: int,
    random_state: np.random.RandomState,
    init: str | NDArray[np.float32] = "k-means++",
    most_passes: int = 300,
) -> KMeans:
    """Return a `KMeans` that is fitted in so many passes over the points at most.

    Raises
    ------
    ValueError
        If there are fewer distinct points than clusters.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        fitted = KMeans(n_clusters, init=init, n_init=1, max_iter=most_passes, random_state=random_state).fit(
            points
        )
    if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
        # It says that a cluster has no points, as one may after few passes too.
        distinct = len(np.unique(points, axis=0))
        if distinct < n_clusters:
            raise ValueError(
                f"n_clusters={n_clusters} is more than the {distinct} distinct rows that X has after encoding; "
                f"try n_clusters={distinct} or fewer."
            )
    return fitted
