"""One model of two that were fitted on different rows of the same columns."""

from copy import deepcopy
from numbers import Integral
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from torchdec._core.compute import resolve
from torchdec._core.landmarks import FAR, landmarks_of
from torchdec._core.randomness import generator
from torchdec._core.randomness import split as seeds_of
from torchdec._core.torch_globals import under_own_globals
from torchdec._dec import DEC
from torchdec._representation import rows_to_fit
from torchdec.clusters._change import learning, recorded, train_briefly
from torchdec.rows._derived import PartOfRows
from torchdec.rows._shown import shown


@under_own_globals
def merge_models(a: DEC, b: DEC, X: Any, *, updates: int = 5, random_state: int = 0) -> DEC:
    """Make one model of two: that of `a`, with the clusters of `b` that it doesn't know.

    Such as those of two regions, each with kinds of rows that the other never saw. A cluster of `b` is opened if
    most of the rows that `b` knows of it are strange to `a`: they lie farther out than 95 % of those of its fit.
    Its rows are those that lie nearer for `b` than for `a`. The encoder of `a` has never told them apart, so it
    learns all clusters as labels (cross-entropy) in a short self-training on `X`. If scatter was more than 5 % of
    the rows of its fit, nothing looks strange beside it, and no cluster is opened.

    Parameters
    ----------
    a, b : DEC
        Fitted on the same columns; both stay as they are. Clusters of `a` keep their numbers and names.
    X : array, sparse matrix, DataFrame or Rows of shape (n, d)
        Rows like those of both fits, best these themselves: what is learnt of `b` is learnt from them.
    updates : int, default=5
        Updates that are trained towards, if a cluster is opened.
    random_state : int, default=0
        Of the order of the rows.

    Returns
    -------
    DEC
        Its `labels_` are those of `X`. `edits_[-1]` has the numbers of the clusters that were `opened`, with the
        names of `b`, and their numbers in `b` (`of`).

    Raises
    ------
    ValueError
        If one of the models cannot read `X`, `updates` is less than 1, or a cluster of `b` would be opened that
        has the name of one of `a`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import DEC, NeighborEncoder
    >>> from torchdec.clusters import merge_models
    >>> X, y = load_digits(return_X_y=True)
    >>> encoder = NeighborEncoder(max_epochs=10)
    >>> low, high = (DEC(6, representation=encoder, tol=0.5, random_state=0).fit(X[own]) for own in (y < 6, y > 3))
    >>> merge_models(low, high, X, updates=1).edits_[-1]["edit"]
    'merge_models'
    """
    return models_merged(a, b, X, X, updates, random_state)


def models_merged(a: DEC, b: DEC, X: Any, X_of_b: Any, updates: int, random_state: int) -> DEC:
    """Make one model of two; `X_of_b` are the rows of `X` as `b` reads them, which a file is prepared for."""
    started = perf_counter()
    check_is_fitted(b)
    if not (isinstance(updates, Integral) and updates >= 1):
        raise ValueError(f"updates={shown(updates)} must be 1 or more.")
    given, filled = map(a.prepared, rows_to_fit(deepcopy(a), X, reset=False))
    compute, seeds = resolve(a.device, a.precision), seeds_of(random_state, "rows", "training")
    code, labels, of = _joined(a, b, X, X_of_b)
    n_known, result = len(a.cluster_names_), deepcopy(a)
    for number, cluster in enumerate(of, n_known):
        if (name := b.cluster_names_[cluster]) and name in a.cluster_names_:
            raise ValueError(f"both models have a cluster named {shown(name)}, of different rows; rename one.")
        middle = code[labels == number].mean(axis=0, keepdims=True)
        result.cluster_centers_ = np.concatenate([result.cluster_centers_, middle])
        result.center_clusters_ = np.append(result.center_clusters_, np.int32(number))
        result.cluster_names_.append(name)
    if of:
        which = np.flatnonzero(labels >= 0)
        taught = learning(given, which, labels[which], a.scale_, generator(seeds["rows"]), compute)
        train_briefly(result, filled, int(updates), seeds["training"], compute, started, taught)
        some = PartOfRows(given, which)
        result.landmarks_ = landmarks_of(some, a.scale_, labels[which], seeds["rows"], compute)
        result.noise_level_ = result._level_of_noise(given, compute)
        result._calibrate(given, compute)
    opened = list(range(n_known, n_known + len(of)))
    return recorded(result, {"edit": "merge_models", "rows": len(given), "opened": opened, "of": of})


def _joined(a: DEC, b: DEC, X: Any, X_of_b: Any) -> tuple[NDArray[np.float32], NDArray[np.int64], list[int]]:
    """Return the embedding of rows by `a`, their clusters in both models, and which clusters of `b` are new.

    A row of such a cluster is of it only if it lies nearer for `b`: what `b` doesn't know it puts anywhere.
    """
    labels, of_b = a.predict(X).astype(np.int64), b.predict(X_of_b)
    far_a, far_b = a.outlier_scores(X), b.outlier_scores(X_of_b)
    is_known = (of_b >= 0) & (far_b <= FAR)
    n_rows = np.bincount(of_b[is_known], minlength=len(b.cluster_names_))
    n_strange = np.bincount(of_b[is_known & (far_a > FAR)], minlength=len(n_rows))
    of: list[int] = []
    for cluster in np.flatnonzero(n_strange > n_rows / 2).tolist():
        own = (of_b == cluster) & (far_b < far_a)
        if own.any():
            labels[own] = len(a.cluster_names_) + len(of)
            of.append(cluster)
    return a.transform(X), labels, of
