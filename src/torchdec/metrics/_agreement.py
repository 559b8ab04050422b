"""Agreement of clusters with known classes, whatever the labels are called."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix


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
