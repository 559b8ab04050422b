"""How many clusters a code has: prediction strength (Tibshirani, Walther, JCGS 2005), and figures beside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score

from torchdec._core.kmeans import kmeans

# Clusters that half of the rows predict for the other half this well are there; the authors say 0.8 to 0.9.
STRONG = 0.8
# Rows that a division into two halves is made of, and that the silhouette, quadratic in them, looks at.
_MOST_ROWS = 20_000
_MOST_FOR_SILHOUETTE = 3000
_STARTS = 5


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
        A sentence.
    runner_up : int or None
        The next best k; None without another candidate.
    candidates : tuple of Candidate
        All that were tried, by k.
    """

    n_clusters: int
    reason: str
    runner_up: int | None
    candidates: tuple[Candidate, ...]


def choose(code: NDArray[np.float32], ks: Iterable[int], *, n_divisions: int, seed: int) -> Choice:
    """Try each number of clusters on the code, float32 (n, z), and recommend one.

    The largest that is strong is recommended, since fewer clusters are nearly always strong too; where none is,
    the strongest beyond one. Numbers above that of the distinct rows of a half are left out.
    """
    random = np.random.RandomState(seed)
    divisions = [_halves(code, random) for _ in range(n_divisions)]
    some = code[random.permutation(len(code))[:_MOST_FOR_SILHOUETTE]]
    most = min(len(np.unique(part, axis=0)) for part in (some, *chain.from_iterable(divisions)))
    fewest, *more = sorted(set(ks))
    candidates = tuple(_candidate(k, divisions, some, random) for k in (fewest, *(k for k in more if k <= most)))
    return recommend(candidates)


def recommend(candidates: Sequence[Candidate]) -> Choice:
    """Take the largest strong number of clusters; else the strongest."""
    strong = [candidate for candidate in candidates if candidate.strength + candidate.error >= STRONG]
    if strong:
        best = strong[-1]
        reason = (
            f"{best.n_clusters} is the largest number whose clusters one half of the rows predicts for the other "
            f"(strength {best.strength:.2f}, at least {STRONG} within its error)."
        )
        others = strong[:-1] or [candidate for candidate in candidates if candidate is not best]
    else:
        best = max((c for c in candidates if c.n_clusters > 1), key=lambda c: c.strength, default=candidates[0])
        reason = (
            f"No number of clusters is predicted well by half of the rows; {best.n_clusters} is predicted best "
            f"(strength {best.strength:.2f}, below {STRONG})."
        )
        others = [candidate for candidate in candidates if candidate is not best]
    second = max(others, key=lambda c: -1.0 if c.silhouette is None else c.silhouette, default=None)
    return Choice(best.n_clusters, reason, second.n_clusters if second else None, tuple(candidates))


def prediction_strength(predicted: NDArray[np.integer[Any]], own: NDArray[np.integer[Any]]) -> float:
    """Share of the pairs within each `own` cluster that `predicted` keeps together, in the worst cluster.

    A cluster of one row has no pairs, and says nothing; where most are such, so does the one pair or two that are
    left, and the strength is 0.
    """
    counts = np.zeros((own.max() + 1, predicted.max() + 1))
    np.add.at(counts, (own, predicted), 1)
    sizes = counts.sum(axis=1)
    together = (counts * (counts - 1)).sum(axis=1)
    several = sizes > 1
    if 2 * several.sum() <= len(sizes):
        return 0.0
    return float((together[several] / (sizes * (sizes - 1))[several]).min())


def _candidate(
    k: int,
    divisions: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
    some: NDArray[np.float32],
    random: np.random.RandomState,
) -> Candidate:
    strengths, bics = [], []
    for first, second in divisions:
        models = [kmeans(half, k, random, n_init=_STARTS) for half in (first, second)]
        strengths += [
            prediction_strength(models[0].predict(second), models[1].labels_),
            prediction_strength(models[1].predict(first), models[0].labels_),
        ]
        bics += [
            bic(model.labels_, model.inertia_, half.shape[1]) / len(half)
            for model, half in zip(models, (first, second), strict=True)
        ]
    silhouette = None
    if k > 1:
        labels = kmeans(some, k, random, n_init=_STARTS).labels_
        silhouette = float(silhouette_score(some, labels)) if len(set(labels)) > 1 else None
    error = float(np.std(strengths, ddof=1) / len(strengths) ** 0.5)
    return Candidate(k, float(np.mean(strengths)), error, silhouette, float(np.mean(bics)))


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


def _halves(
    code: NDArray[np.float32], random: np.random.RandomState
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    drawn = random.permutation(len(code))[:_MOST_ROWS]
    return code[drawn[::2]], code[drawn[1::2]]
