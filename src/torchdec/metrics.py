"""How well clusters agree with known classes, and hold for new rows. Importing it does not import torch."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

__all__ = ["ari", "best_mapping", "clustering_accuracy", "generalizability", "nmi"]


def clustering_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Return the share of rows in the right class, with clusters matched to classes as well as possible.

    This is the ACC of the clustering literature: the maximum of the accuracy over all one-to-one matchings
    of clusters and classes, found by the Hungarian algorithm. Where there are more clusters than classes,
    the rows of the clusters left over count as wrong, and so do those of the classes left over where there
    are fewer.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Known classes: integers, strings or any other labels that can be sorted.
    y_pred : array-like of shape (n,)
        Clusters; the labels need not be those of `y_true`.

    Returns
    -------
    float
        From above 0 to 1, where 1 means the same partition. Symmetric in its arguments.

    Raises
    ------
    ValueError
        If the labels are not 1-D, empty, NaN, or not equally many.

    Examples
    --------
    >>> from torchdec.metrics import clustering_accuracy
    >>> clustering_accuracy(["cat", "cat", "dog", "dog"], [7, 7, -1, 7])
    0.75
    """
    _, true, _, pred = _encoded(y_true, y_pred)
    counts, classes, clusters = _matched(true, pred)
    return float(counts[classes, clusters].sum() / len(true))


def best_mapping(y_true: ArrayLike, y_pred: ArrayLike) -> dict[Any, Any]:
    """Return the class that each cluster is matched with in `clustering_accuracy`.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Known classes.
    y_pred : array-like of shape (n,)
        Clusters.

    Returns
    -------
    dict
        Cluster -> class, as plain Python values, in the order of the clusters. No class occurs twice; where
        there are more clusters than classes, the clusters left over are absent.

    Raises
    ------
    ValueError
        If the labels are not 1-D, empty, NaN, or not equally many.

    Examples
    --------
    >>> from torchdec.metrics import best_mapping
    >>> best_mapping(["cat", "cat", "dog", "dog"], [7, 7, -1, 7])
    {-1: 'dog', 7: 'cat'}
    """
    class_names, true, cluster_names, pred = _encoded(y_true, y_pred)
    _, classes, clusters = _matched(true, pred)
    order = np.argsort(clusters)
    return dict(zip(cluster_names[clusters[order]].tolist(), class_names[classes[order]].tolist(), strict=True))


def nmi(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Return the mutual information of classes and clusters, divided by the mean of their entropies.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Known classes.
    y_pred : array-like of shape (n,)
        Clusters.

    Returns
    -------
    float
        From 0 (independent) to 1 (the same partition). The mean is the arithmetic one, as in
        scikit-learn's default; papers that use the geometric mean report slightly higher values.

    Raises
    ------
    ValueError
        If the labels are not 1-D, empty, NaN, or not equally many.

    Examples
    --------
    >>> from torchdec.metrics import nmi
    >>> nmi([0, 0, 1, 1], ["b", "b", "a", "a"])
    1.0
    """
    _, true, _, pred = _encoded(y_true, y_pred)
    # Rounding can push the value of equal partitions out of its range by one unit in the last place.
    return float(np.clip(normalized_mutual_info_score(true, pred, average_method="arithmetic"), 0.0, 1.0))


def ari(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Return the Rand index of classes and clusters, adjusted for chance.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Known classes.
    y_pred : array-like of shape (n,)
        Clusters.

    Returns
    -------
    float
        1 for the same partition, about 0 for a random one, never below -0.5.

    Raises
    ------
    ValueError
        If the labels are not 1-D, empty, NaN, or not equally many.

    Examples
    --------
    >>> from torchdec.metrics import ari
    >>> ari([0, 0, 1, 1], [5, 5, 3, 3])
    1.0
    """
    _, true, _, pred = _encoded(y_true, y_pred)
    return float(adjusted_rand_score(true, pred))


def _matched(
    true: NDArray[np.int64], pred: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the counts of classes x clusters, and the pairs of both that hold the most rows in all."""
    counts = contingency_matrix(true, pred)
    classes, clusters = linear_sum_assignment(counts, maximize=True)
    return counts, classes, clusters


def _encoded(
    y_true: ArrayLike, y_pred: ArrayLike
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[Any], NDArray[np.int64]]:
    """Return the distinct labels and their numbers from 0, for both arguments."""
    class_names, true = _numbered(y_true, "y_true")
    cluster_names, pred = _numbered(y_pred, "y_pred")
    if len(true) != len(pred):
        raise ValueError(
            f"y_true has {len(true)} labels and y_pred has {len(pred)}; give one of each for every row"
        )
    return class_names, true, cluster_names, pred


def _numbered(labels: ArrayLike, name: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    if n_masked := int(np.ma.getmaskarray(labels).sum()) if isinstance(labels, np.ma.MaskedArray) else 0:
        raise ValueError(f"{name} has {n_masked} masked labels; leave these rows out of both labels")
    array = np.asarray(labels)
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}; give one label a row, e.g. {name}.ravel()")
    if len(array) == 0:
        raise ValueError(f"{name} is empty; give one label for every row")
    # An array of objects may hold NaN among text, or among numbers where it takes their order away.
    floats = [label for label in array if isinstance(label, float)] if array.dtype.kind == "O" else array
    if array.dtype.kind in "fO" and (missing := np.isnan(np.array(floats, dtype=float)).sum()):
        raise ValueError(f"{name} has {missing} NaN labels; leave these rows out of both labels")
    try:
        names, numbers = np.unique(array, return_inverse=True)
    except TypeError as error:
        raise ValueError(f"{name} mixes labels that cannot be sorted ({error}); use one kind") from error
    return names, numbers


def generalizability(q_train: ArrayLike, q_validation: ArrayLike) -> float:
    """Return the loss on the training rows divided by that on held-out rows, for choosing the number of clusters.

    This is G of Xie et al. (2016, section 5.5), with their loss KL(P‖Q) (equation 2), here the mean over rows,
    so that the two sets need not be equally large. When G falls sharply from k to k + 1 clusters, k is the number
    that the paper recommends: the next cluster only fits rows that were seen.

    Parameters
    ----------
    q_train : array-like of shape (n, k)
        Soft assignments of the rows that the model was fitted on, as from `predict_proba`: each row sums to 1.
    q_validation : array-like of shape (m, k)
        Soft assignments by the same model of rows that it has not seen.

    Returns
    -------
    float
        About 1 where new rows fit as well as seen ones; lower the worse they do. 1 where both losses are 0; not
        finite where only that of the validation rows is.

    Raises
    ------
    ValueError
        If an argument is not 2-D, is empty or no soft assignment, or they differ in the number of clusters.

    Examples
    --------
    >>> from torchdec.metrics import generalizability
    >>> round(generalizability([[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.2, 0.8]]), 3)
    0.819
    """
    train, validation = _assignments(q_train, "q_train"), _assignments(q_validation, "q_validation")
    if train.shape[1] != validation.shape[1]:
        raise ValueError(
            f"q_train has {train.shape[1]} clusters and q_validation has {validation.shape[1]}; "
            "give assignments of one model"
        )
    seen, unseen = _loss(train), _loss(validation)
    if unseen == 0:
        return 1.0 if seen == 0 else float("inf")
    return seen / unseen


def _loss(q: NDArray[np.float64]) -> float:
    """Return KL(P‖Q), P being the target distribution of Q (equation 3), as the mean over rows."""
    size = q.sum(axis=0)
    weight = np.divide(q**2, size, out=np.zeros_like(q), where=size > 0)  # a cluster without rows has no share
    p = weight / weight.sum(axis=1, keepdims=True)
    log_ratio = np.log(np.divide(p, q, out=np.ones_like(q), where=p > 0))
    # Rounding can bring a loss of 0 below it.
    return max(float((p * log_ratio).sum(axis=1).mean()), 0.0)


def _assignments(values: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        if np.iscomplexobj(values):
            raise TypeError
        q = np.asarray(values).astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} isn't a table of numbers; give what predict_proba returns") from None
    if q.ndim != 2 or q.size == 0:
        raise ValueError(f"{name} has shape {q.shape}; give one row of cluster probabilities for each row")
    # Probabilities in float32 sum to 1 within about a millionth.
    if not ((q >= 0).all() and np.allclose(q.sum(axis=1), 1, atol=1e-3)):
        raise ValueError(f"{name} holds rows that aren't probabilities; give what predict_proba returns")
    return q
