"""How many clusters to ask for."""

from collections.abc import Iterable
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from torchdec._core.number_of_clusters import Choice, choose
from torchdec._core.randomness import split
from torchdec._core.torch_globals import under_own_globals
from torchdec._dec import DEC
from torchdec._neighbors import NeighborEncoder
from torchdec._representation import Representation
from torchdec.metrics import generalizability
from torchdec.rows import as_rows
from torchdec.rows._part import PartOfRows


@under_own_globals
def choose_k(
    X: Any,
    ks: Iterable[int] = range(2, 21),
    *,
    representation: Representation | FrozenEstimator | None = None,
    n_divisions: int = 5,
    hold_out: float = 0.0,
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
    hold_out : float, default=0.0
        Share of the rows to take the paper's G on, below 1, such as 0.2; 0 leaves G out. The representation is
        then fitted a second time, without these rows (unless it is frozen: it should not have seen them), and a
        DEC is trained for every k, which takes far longer than all else.
    random_state : int, RandomState or None, default=None
        Of the representation where it has none, the divisions and k-means.

    Returns
    -------
    Choice
        `n_clusters`, `reason`, `runner_up`, and the figures of all candidates.

    Raises
    ------
    ValueError
        If `ks` has no number of 1 or more, or one larger than half of the rows, `n_divisions` is below 1, or
        `hold_out` is no share below 1 that leaves rows on both sides.

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
    if not (isinstance(hold_out, Real) and 0 <= hold_out < 1):
        raise ValueError(f"hold_out={hold_out!r} is no share of the rows below 1; try 0.2, or 0 for no G.")
    if not (isinstance(n_divisions, Integral) and n_divisions >= 1):
        raise ValueError(f"n_divisions={n_divisions!r} divides the rows into no halves; try 5.")
    rows = as_rows(X)
    if tried[-1] > len(rows) // 2:
        raise ValueError(f"ks has {tried[-1]}, more than half of the {len(rows)} rows; try fewer clusters.")
    seeds = split(random_state, "representation", "choice", "hold-out")
    representation = NeighborEncoder() if representation is None else representation
    code = _fitted(representation, X, seeds["representation"]).transform(X)
    choice = choose(code, tried, n_divisions=n_divisions, seed=seeds["choice"])
    if not hold_out:
        return choice
    order = np.random.RandomState(seeds["hold-out"]).permutation(len(rows))
    n_out = round(hold_out * len(rows))
    if not 0 < n_out <= len(rows) - tried[-1]:
        raise ValueError(
            f"hold_out={hold_out!r} of {len(rows)} rows leaves {len(rows) - n_out} to fit and {n_out} to hold "
            f"out, for up to {tried[-1]} clusters; try 0.2."
        )
    train, validation = (PartOfRows(rows, np.sort(part)) for part in (order[n_out:], order[:n_out]))
    frozen = FrozenEstimator(_fitted(representation, train, seeds["representation"]))
    candidates = []
    for candidate in choice.candidates:
        model = DEC(candidate.n_clusters, representation=frozen, random_state=seeds["hold-out"]).fit(train)
        g = generalizability(model.predict_proba(train), model.predict_proba(validation))
        candidates.append(replace(candidate, generalizability=g))
    return replace(choice, candidates=tuple(candidates))


def _fitted(
    representation: Representation | FrozenEstimator, X: Any, seed: int
) -> Representation | FrozenEstimator:
    """Return what is frozen as it is, and anything else as a fitted copy."""
    if isinstance(representation, FrozenEstimator):
        return representation
    fitted: Representation = clone(representation)
    if fitted.random_state is None:
        fitted.set_params(random_state=seed)
    return fitted.fit(X)
