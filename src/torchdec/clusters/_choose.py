"""How many clusters to ask for."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from torchdec._core.number_of_clusters import Choice, choose
from torchdec._core.randomness import split
from torchdec._neighbors import NeighborEncoder
from torchdec._representation import Representation


def choose_k(
    X: Any,
    ks: Iterable[int] = range(2, 21),
    *,
    representation: Representation | FrozenEstimator | None = None,
    n_divisions: int = 5,
    random_state: int | np.random.RandomState | None = None,
) -> Choice:
    """Recommend a number of clusters, from one representation of the rows.

    The rows are divided into two halves at random, some times. For each k, k-means runs on the codes of both
    halves, and the centres of one tell the clusters of the other: clusters that are there are found again. The
    code is that of the representation, not one that self-training has sharpened for some k already.

    Parameters
    ----------
    X : array, sparse matrix, DataFrame or Rows of shape (n, d)
    ks : iterable of int, default=range(2, 21)
        Numbers to try.
    representation : Representation or FrozenEstimator, default=None
        Cloned and fitted, or used as it is where it is frozen; None is `NeighborEncoder()`.
    n_divisions : int, default=5
        Divisions into halves. More make the strength surer, at a proportional cost.
    random_state : int, RandomState or None, default=None
        Of the representation where it has none, the divisions and k-means.

    Returns
    -------
    Choice
        `n_clusters`, `reason`, `runner_up`, and the figures of all candidates.

    Raises
    ------
    ValueError
        If `ks` has no number of 1 or more, or one larger than half of the rows.

    References
    ----------
    Tibshirani, Walther, "Cluster Validation by Prediction Strength", JCGS 14 (3), 2005.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from torchdec import NeighborEncoder
    >>> from torchdec.clusters import choose_k
    >>> X, _ = make_blobs(300, 8, centers=4, random_state=1)
    >>> choose_k(X, range(2, 8), representation=NeighborEncoder(max_steps=60), random_state=0).n_clusters
    4
    """
    tried = sorted(set(ks))
    if not tried or tried[0] < 1:
        raise ValueError(f"ks={tried[:5]} holds no number of clusters, or one below 1; try range(2, 21).")
    seeds = split(random_state, "representation", "choice")
    if isinstance(representation, FrozenEstimator):
        fitted = representation
    else:
        fitted = NeighborEncoder() if representation is None else clone(representation)
        if fitted.random_state is None:
            fitted.set_params(random_state=seeds["representation"])
        fitted.fit(X)
    code = fitted.transform(X)
    if tried[-1] > len(code) // 2:
        raise ValueError(f"ks has {tried[-1]}, more than half of the {len(code)} rows; try fewer clusters.")
    return choose(code, tried, n_divisions=n_divisions, seed=seeds["choice"])
