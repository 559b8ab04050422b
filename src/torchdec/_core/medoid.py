"""Which of several clusterings of the same rows the others agree with most."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score


def agreement(partitions: Sequence[NDArray[np.integer]]) -> NDArray[np.float64]:
    """Return the mean adjusted Rand index of each of several partitions with the others, float64 (m,).

    Clusters that are found by chance differ from one training to the next, those that are there come again; so
    the partition with the highest value, the medoid, is the one to trust.
    """
    m = len(partitions)
    indices = np.zeros((m, m))
    for first in range(m):
        for second in range(first):
            indices[first, second] = adjusted_rand_score(partitions[first], partitions[second])
    return np.asarray((indices + indices.T).sum(axis=1) / (m - 1))
