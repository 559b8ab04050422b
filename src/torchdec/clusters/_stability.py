"""Which clusters other fits find again, and how sure a confidence is: refits on random parts of the rows."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.base import clone
from sklearn.isotonic import IsotonicRegression
from sklearn.utils import check_random_state

from torchdec._assigned import Assigned
from torchdec._core.number_of_clusters import jaccard
from torchdec._dec import DEC
from torchdec._representation import rows_to_fit
from torchdec.rows._derived import PartOfRows
from torchdec.rows._shown import shown

# The part of the rows that a refit sees.
_PART = 2 / 3
# Groups of equally many rows, by their confidence, that the reliability is told of.
_GROUPS = 10


@dataclass(frozen=True, eq=False)
class Stability:
    """How the clusters of a model compare with those of refits.

    Attributes
    ----------
    clusters : ndarray of shape (k,), float64
        Jaccard index of each cluster with the most similar one of a refit, mean over refits; NaN without rows.
        Above 0.85 a cluster is found again nearly as it is, below 0.6 it should not be trusted (Hennig, 2007).
    confidence, stays : ndarray of shape (n,), float32
        Of each row in a cluster: its confidence, and the fraction of refits that put it into the cluster that
        matches its own.
    reliability : tuple of dict
        Of tenths of the rows by rising confidence: mean ``"confidence"``, mean ``"stays"``, mean ``"calibrated"``
        confidence and ``"rows"``.
    """

    clusters: NDArray[np.float64]
    confidence: NDArray[np.float32]
    stays: NDArray[np.float32]
    reliability: tuple[dict[str, float], ...]

    def calibrated(self, confidence: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the fraction of refits in which rows of such a confidence stay in their cluster.

        It rises with the confidence, by isotonic regression: of rows with 0.9, about nine of ten stay.
        """
        return _calibrated(self.confidence, self.stays, confidence)


def stability(
    model: DEC, X: Any, n_refits: int = 5, *, random_state: int | np.random.RandomState | None = 0
) -> Stability:
    """Fit the model again on random parts of its rows, and compare.

    Each refit sees two thirds of the rows, has a seed of its own and as many clusters as the model has now, and
    predicts all rows. It takes two thirds of the time of a fit.

    Parameters
    ----------
    model : DEC
        Fitted; it stays as it is.
    X : array, sparse matrix, DataFrame or Rows of shape (n, d)
        The rows of the fit.
    n_refits : int, default=5
        More make the figures more exact, and take longer.
    random_state : int, RandomState or None, default=0
        Of the parts and the refits.

    Returns
    -------
    Stability

    Raises
    ------
    ValueError
        If `n_refits` is below 1, or `X` has another width than at fit, or too few rows.

    References
    ----------
    Hennig, "Cluster-wise assessment of cluster stability", CSDA 52 (1), 2007.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from torchdec import DEC, NeighborEncoder
    >>> from torchdec.clusters import stability
    >>> X, _ = make_blobs(240, 6, centers=3, random_state=1)
    >>> model = DEC(3, representation=NeighborEncoder((32,), max_epochs=4), random_state=0).fit(X)
    >>> stability(model, X, n_refits=2).clusters.round(1)
    array([1., 1., 1.])
    """
    if not (isinstance(n_refits, Integral) and n_refits >= 1):
        raise ValueError(f"n_refits={shown(n_refits)} must be 1 or more; try 5.")
    given, _ = rows_to_fit(model, X, reset=False)
    assigned = Assigned(model, model.predict_chunks(given))
    labels, confidence = assigned.labels, assigned.confidence
    inside = np.flatnonzero(labels >= 0)
    k, random = len(model.cluster_names_), check_random_state(random_state)
    found, stays = np.zeros((n_refits, k)), np.zeros(len(inside))
    for refit in range(n_refits):
        part = np.sort(random.permutation(inside)[: max(k, round(_PART * len(inside)))])
        again = clone(model).set_params(n_clusters=k, random_state=int(random.randint(2**31 - 1)))
        others = again.fit(PartOfRows(given, part)).predict(given)
        alike = jaccard(labels[inside], others[inside], k, k)
        found[refit] = alike.max(axis=1)
        match = np.empty(k, dtype=np.int64)
        own, other = linear_sum_assignment(-alike)
        match[own] = other
        stays += others[inside] == match[labels[inside]]
    found[:, np.bincount(labels[inside], minlength=k) == 0] = np.nan
    sure, staying = confidence[inside], (stays / n_refits).astype(np.float32)
    return Stability(found.mean(axis=0), sure, staying, _reliability(sure, staying))


def _calibrated(
    known: NDArray[np.float32], stays: NDArray[np.float32], confidence: NDArray[np.float32]
) -> NDArray[np.float64]:
    rising = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    return np.asarray(rising.fit(known, stays).predict(confidence), dtype=np.float64)


def _reliability(confidence: NDArray[np.float32], stays: NDArray[np.float32]) -> tuple[dict[str, float], ...]:
    order, calibrated = np.argsort(confidence, kind="stable"), _calibrated(confidence, stays, confidence)
    return tuple(
        {
            "confidence": float(confidence[group].mean()),
            "stays": float(stays[group].mean()),
            "calibrated": float(calibrated[group].mean()),
            "rows": len(group),
        }
        for group in np.array_split(order, _GROUPS)
        if len(group)
    )
