"""Whether clusters hold for rows that were not trained on."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
