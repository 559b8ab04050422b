"""How many clusters a code has: prediction strength (Tibshirani, Walther, JCGS 2005), and figures beside it.

Of a prepared table of numbers and kinds, the clusters are latent classes. Their BIC wouldn't do: it asks for more
classes where columns aren't Gaussian, and for 7 in a table whose columns are independent of each other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score

from torchdec._core.kmeans import kmeans
from torchdec._core.latent_classes import fitted_classes
from torchdec.rows._shown import shown

# What "auto" tries: from here to there, or to half of the rows, since clusters are sought in halves.
FEWEST, MOST = 2, 30
# Divisions of the rows into halves; of few rows more, since a cluster of some rows falls apart in some of them.
_DIVISIONS, _DIVISIONS_OF_FEW, _FEW = 5, 15, 200
# Clusters that half of the rows predict for the other half this well are there; the authors say 0.8 to 0.9.
STRONG = 0.8
# Rows that a division into two halves is made of, and that the silhouette, quadratic in them, looks at.
_MOST_ROWS = 20_000
_MOST_FOR_SILHOUETTE = 3000
_STARTS = 5
# Latent classes take longer: rows that a division is made of, starts, and the nats a row at which each ends.
_MOST_ROWS_OF_TABLE, _STARTS_OF_TABLE, _TOLERANCE_OF_TABLE = 4000, 3, 1e-4


@dataclass(frozen=True, slots=True)
class Candidate:
    """What speaks for a number of clusters.

    Attributes
    ----------
    n_clusters : int
        k.
    strength : float
        Prediction strength: of the pairs of rows that one half of the data puts into a cluster, the share that the
        centres of the other half keep together, in the worst cluster; mean over divisions into halves.
    error : float
        Its standard error.
    silhouette : float or None
        Mean silhouette, -1 to 1; None for one cluster.
    bic : float
        Bayesian information criterion of spherical Gaussians of one width at the centres of k-means, a row; lower
        is better. Codes are no such Gaussians, so it is to be compared and not to be believed.
    generalizability : float or None
        The paper's G (section 5.5), where it was asked for: the loss of a DEC of k clusters on the rows that it
        was fitted on over that on others. The paper takes the k after which it falls sharply.
    """

    n_clusters: int
    strength: float
    error: float
    silhouette: float | None
    bic: float
    generalizability: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A number of clusters, and why.

    Attributes
    ----------
    n_clusters : int
        The recommended k.
    reason : str
        Which numbers were tried, why this one was taken, and which is the runner-up.
    runner_up : int or None
        The next best k; None without another candidate.
    candidates : tuple of Candidate
        All that were tried, by k.
    """

    n_clusters: int
    reason: str
    runner_up: int | None
    candidates: tuple[Candidate, ...]


def numbers_to_try(wanted: Any, n_rows: int, name: str = "n_clusters") -> list[int]:
    """Return the numbers of clusters that "auto", or an iterable of them, means for so many rows.

    Raises
    ------
    ValueError
        If there are none, one isn't a number of clusters, or the largest exceeds half of the rows. The message
        calls them `name`.
    """
    half = n_rows // 2
    if half < FEWEST:
        raise ValueError(
            f"n_samples={n_rows} is too few to choose a number of clusters by; give {2 * FEWEST} rows or more, or "
            "n_clusters=1."
        )
    if isinstance(wanted, str) and wanted == "auto":
        return list(range(FEWEST, min(MOST, half) + 1))
    try:
        numbers = sorted(set(wanted))
        usable = bool(numbers) and numbers[0] >= 1 and all(isinstance(k, Integral) for k in numbers)
    except (TypeError, ValueError):
        usable = False
    if not usable:
        raise ValueError(f"{name}={shown(wanted)} must hold whole numbers of 1 or more; try range(2, 21).")
    if numbers[-1] > half:
        raise ValueError(
            f"{name} goes up to {numbers[-1]}, but the clusters are sought in each half of the {n_rows} rows; try "
            f"{half} or fewer."
        )
    return [int(k) for k in numbers]


def choose(
    code: NDArray[np.float32],
    ks: Sequence[int],
    *,
    n_divisions: int | None = None,
    kinds: Sequence[tuple[int, int]] | None = None,
    seed: int,
) -> Choice:
    """Try each number of clusters, in rising order, on the code, float32 (n, z), and recommend one.

    With `kinds`, the columns of the levels of each kind, the code is a prepared table, and the clusters are latent
    classes.

    The largest that is strong is recommended, since fewer clusters are nearly always strong too; where none is,
    the strongest beyond one. Numbers above that of the distinct rows are left out, and the reason says so.
    """
    random = np.random.RandomState(seed)
    if n_divisions is None:
        n_divisions = _DIVISIONS_OF_FEW if len(code) < _FEW else _DIVISIONS
    cluster, most_rows = _by_kmeans, _MOST_ROWS
    if kinds is not None:
        cluster, most_rows = partial(_by_classes, kinds), _MOST_ROWS_OF_TABLE
    divisions = [_halves(code, most_rows, random) for _ in range(n_divisions)]
    some = code[random.permutation(len(code))[:_MOST_FOR_SILHOUETTE]]
    n_distinct = _n_distinct(np.concatenate([half.code for half in divisions[0]]))
    tried, left_out = [k for k in ks if k <= n_distinct], [k for k in ks if k > n_distinct]
    if not tried:
        raise ValueError(
            f"n_clusters={ks[0]} is more than the {n_distinct} distinct rows that X has after encoding; "
            f"try n_clusters={n_distinct} or fewer."
        )
    choice = recommend([_candidate(k, divisions, some, cluster, random) for k in tried])
    if not left_out:
        return choice
    why = f"{_several(left_out)} not tried: X has {n_distinct} distinct rows after encoding."
    return replace(choice, reason=f"{choice.reason} {why}")


def recommend(candidates: Sequence[Candidate]) -> Choice:
    """Take the largest strong number of clusters; else the strongest."""
    tried = _several([candidate.n_clusters for candidate in candidates])
    strong = [candidate for candidate in candidates if candidate.strength + candidate.error >= STRONG]
    if strong:
        best = strong[-1]
        reason = (
            f"Of {tried} clusters, {best.n_clusters} is the largest number whose clusters one half of the rows "
            f"predicts for the other (strength {best.strength:.2f}, at least {STRONG} within its error)."
        )
        others = strong[:-1] or [candidate for candidate in candidates if candidate is not best]
    else:
        best = max((c for c in candidates if c.n_clusters > 1), key=lambda c: c.strength, default=candidates[0])
        reason = (
            f"Of {tried} clusters, no number is predicted well by half of the rows; {best.n_clusters} is "
            f"predicted best (strength {best.strength:.2f}, below {STRONG})."
        )
        others = [candidate for candidate in candidates if candidate is not best]
    second = max(others, key=lambda c: -1.0 if c.silhouette is None else c.silhouette, default=None)
    if second is not None:
        reason += f" The runner-up is {second.n_clusters}."
    return Choice(best.n_clusters, reason, second.n_clusters if second else None, tuple(candidates))


def _several(numbers: Sequence[int]) -> str:
    """Return rising numbers in words: "2 to 30", or the first few where some between are left out."""
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]} to {numbers[-1]}"
    if len(numbers) > 6:
        return f"{', '.join(map(str, numbers[:3]))}, ... {numbers[-1]}"
    return " and ".join(filter(None, [", ".join(map(str, numbers[:-1])), str(numbers[-1])]))


def prediction_strength(predicted: NDArray[np.integer[Any]], own: NDArray[np.integer[Any]]) -> float:
    """Share of the pairs within each `own` cluster that `predicted` keeps together, in the worst cluster.

    A cluster of one row has no pair, and says nothing. Where most clusters have one row or two, what the few
    others say may be chance, and the strength is 0.
    """
    counts = np.zeros((own.max() + 1, predicted.max() + 1))
    np.add.at(counts, (own, predicted), 1)
    sizes = counts.sum(axis=1)
    together = (counts * (counts - 1)).sum(axis=1)
    if 2 * (sizes > 2).sum() <= len(sizes):
        return 0.0
    several = sizes > 1
    return float((together[several] / (sizes * (sizes - 1))[several]).min())


def _candidate(
    k: int,
    divisions: Sequence[tuple["_Half", "_Half"]],
    some: NDArray[np.float32],
    cluster: "_Way",
    random: np.random.RandomState,
) -> Candidate:
    strengths, bics = [], []
    for first, second in divisions:
        # There are no more clusters than distinct rows, and what was not found is not strong.
        models = [cluster(half.code, min(k, half.n_distinct), random) for half in (first, second)]
        found = float(k <= min(first.n_distinct, second.n_distinct))
        strengths += [
            found * prediction_strength(models[0].predict(second.code), models[1].labels),
            found * prediction_strength(models[1].predict(first.code), models[0].labels),
        ]
        bics += [model.bic for model in models]
    error = float(np.std(strengths, ddof=1) / len(strengths) ** 0.5)
    silhouette = _silhouette(some, k, cluster, random)
    return Candidate(k, float(np.mean(strengths)), error, silhouette, float(np.mean(bics)))


@dataclass(frozen=True, slots=True)
class _Clusters:
    """The clusters of some rows, what tells those of others, and their BIC, a row."""

    labels: NDArray[np.integer[Any]]
    predict: Callable[[NDArray[np.float32]], NDArray[np.integer[Any]]]
    bic: float


_Way = Callable[[NDArray[np.float32], int, np.random.RandomState], _Clusters]


def _by_kmeans(code: NDArray[np.float32], k: int, random: np.random.RandomState) -> _Clusters:
    model = kmeans(code, k, random, n_init=_STARTS)
    return _Clusters(model.labels_, model.predict, bic(model.labels_, model.inertia_, code.shape[1]) / len(code))


def _by_classes(
    kinds: Sequence[tuple[int, int]], code: NDArray[np.float32], k: int, random: np.random.RandomState
) -> _Clusters:
    found = fitted_classes(code, kinds, k, random, n_starts=_STARTS_OF_TABLE, tolerance=_TOLERANCE_OF_TABLE)
    return _Clusters(found.predict(code), found.predict, found.bic)


def _silhouette(some: NDArray[np.float32], k: int, cluster: _Way, random: np.random.RandomState) -> float | None:
    """Return the mean silhouette of k clusters; None where it has none: for one, or as many as distinct rows."""
    if k == 1 or k >= len(some) or k > _n_distinct(some):
        return None
    labels = cluster(some, k, random).labels
    return float(silhouette_score(some, labels)) if len(set(labels)) > 1 else None


def bic(labels: NDArray[np.integer[Any]], inertia: float, width: int) -> float:
    """Score clusters as spherical Gaussians of one width, as X-means does (Pelleg, Moore, ICML 2000).

    Of `labels` (n,) in clusters whose squared distances to their centres in `width` dimensions sum to `inertia`.
    """
    n = len(labels)
    sizes = np.bincount(labels)
    sizes = sizes[sizes > 0]
    k = len(sizes)
    variance = max(inertia / (width * max(n - k, 1)), np.finfo(np.float64).tiny)
    log_likelihood = (sizes * np.log(sizes / n)).sum() - n * width / 2 * np.log(2 * np.pi * variance)
    log_likelihood -= width * (n - k) / 2
    return float((k - 1 + k * width + 1) * np.log(n) - 2 * log_likelihood)


@dataclass(frozen=True, slots=True)
class _Half:
    code: NDArray[np.float32]
    n_distinct: int


def _halves(code: NDArray[np.float32], most_rows: int, random: np.random.RandomState) -> tuple[_Half, _Half]:
    drawn = random.permutation(len(code))[:most_rows]
    first, second = code[drawn[::2]], code[drawn[1::2]]
    return _Half(first, _n_distinct(first)), _Half(second, _n_distinct(second))


def _n_distinct(code: NDArray[np.float32]) -> int:
    return len(np.unique(code, axis=0))
