"""How many clusters rows have, told by how deep the valleys of density between them are.

A cluster counts where rows lie clearly denser in its midst than in the valley that it is left through
(`density_tree`). Whether random halves of the rows show the same clusters stands beside it.

Of a prepared table of numbers and kinds, the clusters are latent classes, and what counts is prediction
strength (Tibshirani, Walther, JCGS 2005), and that the columns tell something of each other. Their BIC wouldn't
do: it asks for more classes where columns aren't Gaussian, and for 7 in a table of independent columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec._core.density_tree import DensityTree, density_tree
from torchdec._core.latent_classes import fitted_classes
from torchdec.rows._shown import shown

# What "auto" tries: from one to so many, of a table so many, or half of the rows.
FEWEST, MOST, MOST_OF_TABLE = 2, 500, 30
# A cluster counts from this strength on, by how finely one looks. One Gaussian and uniform rows, 300 to 60,000 in
# 2 to 384 columns, have valleys of .22 at most; the digits of USPS and MNIST, 5,000 to 10,000, .26 and more.
_STRONG = {"coarse": 0.5, "auto": 0.26, "fine": 0.18}
RESOLUTIONS = tuple(_STRONG)
# The embedding of more rows is smoother, and so are the valleys, by the fourth root of their number: .2 in 25,000
# digits, .17 in 70,000, where 60,000 uniform rows have .13.
_SMOOTHER_FROM, _SMOOTHER = 10_000, 0.25
# Halves of the rows that the clusters are sought in again.
_HALVES = 3
# Of prediction strength the authors say 0.8 to 0.9.
_STRONG_OF_TABLE = {"coarse": 0.9, "auto": 0.8, "fine": 0.7}
# Divisions of a table into halves; of few rows more, since a cluster of some rows falls apart in some of them. Two
# are enough where the strength is so many standard errors below what is strong. Of more rows they are enough where
# it is so far above too, and one where it is below this fraction of what is strong.
_DIVISIONS, _DIVISIONS_OF_FEW, _FEW, _CLEARLY, _FAR_BELOW = 5, 15, 200, 3, 0.5
# Nats a row that classes have to tell of columns by others. Independent columns, skewed or not, have .09 at most;
# two clusters that differ in a number and a kind, beside six columns of noise, .45.
_INDEPENDENT = 0.1
# Length of the bar of a strength of 1.
_BAR = 10
# Rows that a division is made of, starts of the latent classes, and the nats a row at which each ends.
_MOST_ROWS_OF_TABLE, _STARTS_OF_TABLE, _TOLERANCE_OF_TABLE = 4000, 3, 1e-4


@dataclass(frozen=True, slots=True)
class Candidate:
    """What speaks for a number of clusters.

    Attributes
    ----------
    n_clusters : int
        k.
    strength : float
        0 to 1, of the weakest cluster: 1 less the distance between rows in its midst over that in the valley
        between it and the next cluster. 0 where there are fewer clusters. Of a table of numbers and kinds:
        prediction strength, the share of the pairs of rows of a cluster of one half of the data that the
        classes of the other half keep together, in the worst cluster; mean over divisions into halves.
    strong : bool
        Whether this is enough for all k clusters to count. In a table of numbers and kinds, the classes must
        also tell something of columns by others.
    stability : float or None
        How well random halves of the rows show the same clusters: Jaccard index with the most similar one, mean
        over clusters and halves. None of a table.
    generalizability : float or None
        The paper's G (section 5.5), where it was asked for: the loss of a DEC of k clusters on the rows that it
        was fitted on over that on others. The paper takes the k after which it falls sharply.
    """

    n_clusters: int
    strength: float
    strong: bool
    stability: float | None = None
    generalizability: float | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Choice:
    """A number of clusters, and why; printed, or at the end of a cell of a notebook, it is a table.

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

    def __repr__(self) -> str:
        """Return the candidates, with a bar for the strength of each, above the reason."""
        has_g = self.candidates[0].generalizability is not None
        lines = [f"{'k':>5}{'strength':>10}{'stability':>11}" + has_g * f"{'G':>8}"]
        marks = {self.n_clusters: " recommended", self.runner_up: " runner-up"}
        for one in self.candidates:
            stability = "-" if one.stability is None else f"{one.stability:.2f}"
            figures = f"{one.n_clusters:5}{one.strength:10.2f}{stability:>11}"
            figures += "" if one.generalizability is None else f"{one.generalizability:8.3f}"
            lines.append(f"{figures}  {'#' * round(_BAR * one.strength)}{marks.get(one.n_clusters, '')}")
        return "\n".join([*lines, self.reason])


def numbers_to_try(wanted: Any, n_rows: int, name: str = "n_clusters", *, is_table: bool = False) -> Sequence[int]:
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
    if isinstance(wanted, str) and wanted in RESOLUTIONS:
        return range(1, min(MOST_OF_TABLE if is_table else MOST, half) + 1)
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
    resolution: str = "auto",
    kinds: Sequence[tuple[int, int]] | None = None,
    n_rows: int | None = None,
    seed: int,
) -> Choice:
    """Recommend one of several numbers of clusters, in rising order, by the embedding of rows, float32 (n, z).

    The rows may be some of `n_rows`, which the embedding was learnt from. With `kinds`, the columns of the levels
    of each kind, the embedding is a prepared table, and the clusters are latent classes.

    The largest that is strong is recommended, since fewer clusters are strong too; where none is, the smallest.
    Numbers above that of the distinct rows are left out, and the reason says so.
    """
    n_distinct = len(np.unique(code, axis=0))
    tried, left_out = [k for k in ks if k <= n_distinct], [k for k in ks if k > n_distinct]
    if not tried:
        raise ValueError(
            f"n_clusters={ks[0]} is more than the {n_distinct} distinct rows that X has after encoding; "
            f"try n_clusters={n_distinct} or fewer."
        )
    if kinds is None:
        choice = recommend(_by_density(code, tried, strong_from(resolution, n_rows or len(code)), seed), tried)
    else:
        choice = recommend(_by_classes(code, tried, kinds, resolution, seed), tried)
    if not left_out:
        return choice
    why = f"{_several(left_out)} not tried: X has {n_distinct} distinct rows after encoding."
    return replace(choice, reason=f"{choice.reason} {why}")


def strong_from(resolution: str, n_rows: int) -> float:
    """Return the strength from which on a cluster of so many rows counts."""
    return float(_STRONG[resolution] * min(1.0, _SMOOTHER_FROM / n_rows) ** _SMOOTHER)


def recommend(candidates: Sequence[Candidate], tried: Sequence[int]) -> Choice:
    """Take the largest strong number of clusters; else the smallest of those that were tried.

    The runner-up is the number at which most is lost by one more cluster.
    """
    of = f"Of {_several(tried)} clusters,"
    strong = [candidate for candidate in candidates if candidate.strong]
    best = strong[-1] if strong else candidates[0]
    if best.n_clusters == 1 < tried[-1]:
        reason = f"{of} no number above 1 is strong: there are no clusters that differ clearly."
    elif strong:
        reason = f"{of} {best.n_clusters} is the largest number that is strong ({best.strength:.2f})."
    else:
        reason = f"{of} no number is strong; {best.n_clusters} is the nearest to it ({best.strength:.2f})."
    following = [*(candidate.strength for candidate in candidates[1:]), 0.0]
    others = [
        (candidate.strength - after, candidate.n_clusters)
        for candidate, after in zip(candidates, following, strict=True)
        if candidate is not best and candidate.n_clusters > 1
    ]
    second = max(others, default=(0.0, None))[1]
    if second is not None:
        reason += f" The runner-up is {second}."
    return Choice(best.n_clusters, reason, second, tuple(candidates))


def _by_density(code: NDArray[np.float32], tried: Sequence[int], strong: float, seed: int) -> list[Candidate]:
    """Return the numbers that the density tree has clusters for, or the smallest alone."""
    tree, n = density_tree(code, seed), len(code)
    random = np.random.default_rng(seed)
    halves = [np.sort(random.permutation(n)[: -(-n // 2)]) for _ in range(_HALVES)]
    trees = [(half, density_tree(code[half], seed)) for half in halves]
    known = [k for k in tried if k <= len(tree.depths)] or tried[:1]
    strengths = [float(tree.depths[k - 1]) if k <= len(tree.depths) else 0.0 for k in known]
    return [
        Candidate(k, strength, strength >= strong, _stability(tree, trees, k))
        for k, strength in zip(known, strengths, strict=True)
    ]


def _stability(tree: DensityTree, halves: Sequence[tuple[NDArray[np.int64], DensityTree]], k: int) -> float:
    labels, found = tree.cut(k), list[float]()
    for half, of_half in halves:
        others = of_half.cut(k)
        found.append(jaccard(labels[half], others, k, int(others.max()) + 1).max(axis=1).mean())
    return float(np.mean(found))


def jaccard(
    labels: NDArray[np.integer[Any]], others: NDArray[np.integer[Any]], k: int, k_others: int
) -> NDArray[np.float64]:
    """Return the Jaccard index of each of k clusters with each of `others`, of the same rows.

    A row whose other label is -1 is in none of them.
    """
    counts = np.zeros((k, k_others + 1))
    np.add.at(counts, (labels, others), 1)
    either = counts.sum(axis=1)[:, None] + counts.sum(axis=0) - counts
    return np.asarray((counts / np.maximum(either, 1))[:, :k_others])


def _by_classes(
    table: NDArray[np.float32],
    tried: Sequence[int],
    kinds: Sequence[tuple[int, int]],
    resolution: str,
    seed: int,
) -> list[Candidate]:
    random, strong = np.random.RandomState(seed), _STRONG_OF_TABLE[resolution]
    n_divisions = _DIVISIONS_OF_FEW if len(table) < _FEW else _DIVISIONS
    divisions = [_halves(table, random) for _ in range(n_divisions)]
    # There are no more clusters than distinct rows, and what was not found is not strong.
    distinct = [min(len(np.unique(half, axis=0)) for half in halves) for halves in divisions]
    candidates = []
    for k in tried:
        strengths = list[float]()
        for halves, most in zip(divisions, distinct, strict=True):
            strengths += _strengths(halves, kinds, k, random) if k <= most else (0.0, 0.0)
            strength, error = float(np.mean(strengths)), float(np.std(strengths, ddof=1) / len(strengths) ** 0.5)
            below = strong - strength
            if len(strengths) > 2 and (below if len(table) < _FEW else abs(below)) > _CLEARLY * error:
                break
            if len(table) >= _FEW and strength < _FAR_BELOW * strong:
                break
        is_strong = strength + error >= strong and (
            k == 1 or _dependence(divisions[0], kinds, k, random) > _INDEPENDENT
        )
        candidates.append(Candidate(k, strength, is_strong))
    return candidates


def _strengths(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
    kinds: Sequence[tuple[int, int]],
    k: int,
    random: np.random.RandomState,
) -> tuple[float, float]:
    """Return how well the classes of each half are predicted by those of the other."""
    first, second = (
        fitted_classes(half, kinds, k, random, n_starts=_STARTS_OF_TABLE, n_kept=1, tolerance=_TOLERANCE_OF_TABLE)
        for half in halves
    )
    return (
        prediction_strength(second.predict(halves[0]), first.predict(halves[0])),
        prediction_strength(first.predict(halves[1]), second.predict(halves[1])),
    )


def _dependence(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
    kinds: Sequence[tuple[int, int]],
    k: int,
    random: np.random.RandomState,
) -> float:
    """Return how much likelier k classes of one half make rows of the other than one class does, in nats a row.

    What they gain where each column is shuffled by itself is taken off, and three standard errors: classes of such
    rows can be found again too, such as the two levels of a kind, but tell nothing of any other column.
    """
    gain, variance = 0.0, 0.0
    for sign, (one, other) in ((1, halves), (-1, [_shuffled(half, kinds, random) for half in halves])):
        several, single = (
            fitted_classes(
                one, kinds, n, random, n_starts=_STARTS_OF_TABLE, n_kept=1, tolerance=_TOLERANCE_OF_TABLE
            )
            for n in (k, 1)
        )
        gains = several.log_likelihood(other) - single.log_likelihood(other)
        gain += sign * float(gains.mean())
        variance += float(gains.var()) / len(gains)
    return gain - 3 * float(np.sqrt(variance))


def _shuffled(
    table: NDArray[np.float32], kinds: Sequence[tuple[int, int]], random: np.random.RandomState
) -> NDArray[np.float32]:
    """Shuffle the rows of each number, and of each kind, by themselves."""
    of_kinds = {column for span in kinds for column in range(*span)}
    numbers = [(column, column + 1) for column in range(table.shape[1]) if column not in of_kinds]
    result = table.copy()
    for start, stop in (*numbers, *kinds):
        result[:, start:stop] = table[random.permutation(len(table)), start:stop]
    return result


def _halves(
    table: NDArray[np.float32], random: np.random.RandomState
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    drawn = random.permutation(len(table))[:_MOST_ROWS_OF_TABLE]
    return table[drawn[::2]], table[drawn[1::2]]


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
