"""Stage 2 of mixed tables: latent classes, within which the columns are independent of each other.

Distances count all columns alike, but in most tables some say nothing about the clusters. In a mixture of classes
a column counts for as much as it tells them apart. The graph of neighbours, by which partitions of other rows are
judged, is made of distances, and misses that too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float64, Int32
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.cluster import KMeans
from threadpoolctl import ThreadpoolController

from torchdec._core.kmeans import kmeans
from torchdec.rows._protocol import Rows

# The mixture is fitted to so many rows at most; the others get the class that suits them best.
_MOST_SEEN = 20_000
# Starts from k-means, each with so many rows at most and a few passes. The likeliest few go on, until
# a pass adds less than so many nats a row, or so many passes.
_STARTS, _ROWS_OF_START, _PASSES_OF_START, _KEPT = 60, 2000, 20, 5
_TOLERANCE, _MOST_PASSES = 1e-6, 300
# Rows that priors count for: in the levels of a kind, spread as in all rows; in the size of a class; in its means;
# in the variances, which are those of all rows: few rows of many columns are told apart by chance.
_PRIOR_LEVELS, _PRIOR_SIZE, _PRIOR_MEAN, _PRIOR_VARIANCE = 1.0, 1.0, 1e-3, 100.0
# The variance within classes is at least this fraction of that of all rows. Otherwise a column of few distinct
# numbers, such as how many legs an animal has, ends up without variance and decides alone.
_LEAST_VARIANCE = 0.3
# Numbers farther from the mean count as so many deviations from it: a few far ones are no class of their own. They
# widen the deviation, and are drawn in so often; but if that were more than one row in twenty, they are no few.
_FARTHEST, _DRAWN_IN, _FEW_FAR = 2.5, 4, 0.05
# Numbers of so few values are levels of a kind.
_FEW_VALUES = 5
# Columns of numbers that vary less are constant.
_NO_VARIANCE = 1e-12
# Rows that get their classes at a time.
_CHUNK = 2**14


def latent_classes(
    rows: Rows, kinds: Sequence[tuple[int, int]], n_clusters: int, *, random_state: int
) -> Int32[NDArray[np.int32], " rows"]:
    """Fit a mixture of latent classes to the rows of a prepared table, and give each row its class.

    Parameters
    ----------
    rows : Rows of shape (n, d)
    kinds : sequence of (start, stop)
        Columns that hold the levels of a kind each: the largest of them is the level of the row. All other columns
        are numbers.
    n_clusters : int
        k, from 1 to n.
    random_state : int
        Of the sample, where there are more than 20,000 rows, and of k-means.

    Returns
    -------
    int32 (n,)
        The class of each row, 0 to k - 1; each has a row.

    Raises
    ------
    ValueError
        If there are fewer distinct rows than classes.
    """
    random = np.random.RandomState(random_state)
    index = _some(rows.take, len(rows), _MOST_SEEN, n_clusters, random)
    values = rows.take(index)
    found, labels = fitted_classes(values, kinds, n_clusters, random), np.empty(len(rows), dtype=np.int32)
    for done, chunk in zip(range(0, len(rows), _CHUNK), rows.chunks(_CHUNK), strict=True):
        labels[done : done + len(chunk)] = found.predict(chunk)
    labels[index] = found.predict(values)  # the same but for ties, which sums of other chunks may break otherwise
    return labels


def fitted_classes(
    values: NDArray[np.floating],
    kinds: Sequence[tuple[int, int]],
    k: int,
    random: np.random.RandomState,
    *,
    n_starts: int = _STARTS,
    n_kept: int = _KEPT,
    tolerance: float = _TOLERANCE,
) -> "LatentClasses":
    """Fit a mixture of latent classes to rows (n, d) by EM.

    Within a class each column of numbers is a Gaussian, with a variance that all classes share, and each kind is a
    categorical. EM starts from k-means many times, goes on from the likeliest few, and the likeliest is kept.

    Raises
    ------
    ValueError
        If there are fewer distinct rows than classes.
    """
    with _one_thread():  # threads add up products in an order of their own
        codes = _codes(values, kinds)
        bounds = _bounds(values, kinds, codes, k)
        values = values.clip(*bounds)
        some = values[_some(values.__getitem__, len(values), _ROWS_OF_START, k, random)]
        starts = _starts(some.astype(np.float32, copy=False), k, n_starts, random)
        table, part = _Table.of(values, kinds, codes), _Table.of(some, kinds, codes)
        begun = [_fitted(part, np.eye(k)[start.labels_], tolerance, _PASSES_OF_START) for start in starts]
        begun.sort(key=lambda mixture: -mixture.worth)
        mixtures = [_fitted(table, mixture.parts(table)[0], tolerance) for mixture in begun[:n_kept]]
        best = max(mixtures, key=lambda mixture: mixture.worth)
        # A class may be left without rows that suit no other better, and is no cluster then.
        whole = [mixture for mixture in mixtures if len(np.unique(mixture.classes(table))) == k]
        if whole:
            best = max(whole, key=lambda mixture: mixture.worth)
    return LatentClasses(kinds, bounds, codes, best, None if whole else starts[0])


@dataclass(frozen=True)
class LatentClasses:
    """Classes of the rows of a prepared table; those of k-means, where no mixture has rows in each of them."""

    kinds: Sequence[tuple[int, int]]
    bounds: "_Bounds"
    codes: "_Codes"
    mixture: "_Mixture"
    by_distance: KMeans | None

    def predict(self, values: NDArray[np.floating]) -> NDArray[np.integer]:
        """Return the class of each row."""
        with _one_thread():
            if self.by_distance is None:
                return self.mixture.classes(self._table(values))
            return np.asarray(self.by_distance.predict(values.clip(*self.bounds).astype(np.float32, copy=False)))

    def log_likelihood(self, values: NDArray[np.floating]) -> Float64[NDArray[np.float64], " rows"]:
        """Return the log density of each row under the mixture."""
        with _one_thread():
            return self.mixture.log_likelihood(self._table(values))

    def _table(self, values: NDArray[np.floating]) -> "_Table":
        return _Table.of(values.clip(*self.bounds), self.kinds, self.codes)


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()  # which takes longer to find them than a small mixture takes to be fitted


def _one_thread() -> Any:
    return _libraries().limit(limits=1, user_api="blas")


def _some(
    take: Callable[[NDArray[np.int64]], NDArray[np.floating]],
    n_rows: int,
    most: int,
    k: int,
    random: np.random.RandomState,
) -> NDArray[np.int64]:
    """Return the numbers of the rows to fit to: a sample of many rows, if it has k distinct ones."""
    index = np.arange(n_rows)
    if n_rows > most:
        drawn = np.sort(random.permutation(n_rows)[:most])
        index = drawn if len(np.unique(take(drawn), axis=0)) >= k else index
    return index


def _starts(points: NDArray[np.float32], k: int, n_starts: int, random: np.random.RandomState) -> list[KMeans]:
    """Return runs of k-means that found different clusters, the best first."""
    runs = [kmeans(points, k, random) for _ in range(n_starts)]
    different = {run.labels_.tobytes(): run for run in runs}
    return sorted(different.values(), key=lambda run: float(run.inertia_))


# The least and the largest value that counts, of each column.
_Bounds = tuple[NDArray[np.floating], NDArray[np.floating]]


def _bounds(values: NDArray[np.floating], kinds: Sequence[tuple[int, int]], codes: "_Codes", k: int) -> _Bounds:
    """Return how far numbers count, by what their mean and deviation are once farther ones are drawn in.

    Levels have no bounds, nor has anything in a table that would keep fewer than k distinct rows.
    """
    low, high = np.full((2, values.shape[1]), [[-np.inf], [np.inf]], dtype=values.dtype)
    is_number = _are_numbers(values.shape[1], kinds, codes)
    for _ in range(_DRAWN_IN):
        drawn = values.clip(low, high)
        mean, far = drawn.mean(axis=0), _FARTHEST * drawn.std(axis=0)
        outside = (values < mean - far) | (values > mean + far)
        nearer = is_number & (outside.mean(axis=0) <= _FEW_FAR)
        low[nearer], high[nearer] = (mean - far)[nearer], (mean + far)[nearer]
    drawn = values.clip(low, high)
    if all(len(np.unique(some, axis=0)) < k for some in (drawn[:1000], drawn)):  # of many rows some mostly do
        low[:], high[:] = -np.inf, np.inf
    return low, high


# The distinct values of each column of numbers that has few.
_Codes = Mapping[int, NDArray[np.floating]]


def _codes(values: NDArray[np.floating], kinds: Sequence[tuple[int, int]]) -> _Codes:
    """Return the columns of numbers with few values. These are levels: most are codes, and none is a Gaussian."""
    of_kinds = {column for span in kinds for column in range(*span)}
    distinct = {
        column: np.unique(values[:, column]) for column in range(values.shape[1]) if column not in of_kinds
    }
    return {column: known for column, known in distinct.items() if 2 <= len(known) <= _FEW_VALUES}


def _are_numbers(width: int, kinds: Sequence[tuple[int, int]], codes: _Codes) -> NDArray[np.bool_]:
    """Tell which columns are numbers, and not levels of a kind or of few values."""
    are_numbers = np.ones(width, dtype=bool)
    are_numbers[list(codes)] = False
    for start, stop in kinds:
        are_numbers[start:stop] = False
    return are_numbers


@dataclass(frozen=True)
class _Table:
    """Rows as a mixture sees them.

    Attributes
    ----------
    numbers : float64 (n, p)
    levels : float64 (n, q)
        1 where a row has a level, 0 elsewhere; it has one of each kind, and of each number of few values.
    """

    numbers: Float64[NDArray[np.float64], "rows numbers"]
    levels: Float64[NDArray[np.float64], "rows levels"]

    @classmethod
    def of(cls, values: NDArray[np.floating], kinds: Sequence[tuple[int, int]], codes: "_Codes") -> "_Table":
        is_number = _are_numbers(values.shape[1], kinds, codes)
        levels = [np.empty((len(values), 0))]
        for column, known in codes.items():
            levels.append(np.eye(len(known))[np.abs(values[:, column, None] - known).argmin(axis=1)])
        for start, stop in kinds:
            levels.append(np.eye(stop - start)[values[:, start:stop].argmax(axis=1)])
        return cls(values[:, is_number].astype(np.float64), np.hstack(levels))


@dataclass(frozen=True)
class _Mixture:
    """Latent classes: what the numbers and the levels of a row add to the log density of each class.

    Attributes
    ----------
    slopes : float64 (p, k)
    logs : float64 (q, k)
    constants : float64 (k,)
        Of the sizes and means. What the square of a number adds is the same in all classes, and left out.
    variances : float64 (p,)
        Of the numbers within every class.
    worth : float
        Log posterior of the mixture, per row that it was fitted to.
    """

    slopes: Float64[NDArray[np.float64], "numbers classes"]
    logs: Float64[NDArray[np.float64], "levels classes"]
    constants: Float64[NDArray[np.float64], " classes"]
    variances: Float64[NDArray[np.float64], " numbers"]
    worth: float = -np.inf

    def joint(self, table: _Table) -> Float64[NDArray[np.float64], "rows classes"]:
        # A column for each class lies in a piece, which sums over few classes are quicker of.
        return np.asarray((self.slopes.T @ table.numbers.T + self.logs.T @ table.levels.T).T + self.constants)

    def log_likelihood(self, table: _Table) -> Float64[NDArray[np.float64], " rows"]:
        of_squares = np.square(table.numbers) / self.variances + np.log(2 * np.pi * self.variances)
        return np.asarray(logsumexp(self.joint(table), axis=1) - of_squares.sum(axis=1) / 2)

    def parts(self, table: _Table) -> tuple[Float64[NDArray[np.float64], "rows classes"], float]:
        """Return how much each row belongs to each class, and the mean over rows of the log of their `joint`."""
        joint = self.joint(table)
        highest = joint.max(axis=1, keepdims=True)
        parts = np.exp(joint - highest)
        total = parts.sum(axis=1, keepdims=True)
        return parts / total, float((highest + np.log(total)).mean())

    def classes(self, table: _Table) -> NDArray[np.integer]:
        return np.asarray(self.joint(table).argmax(axis=1))


def _fitted(
    table: _Table, parts: NDArray[np.float64], tolerance: float, most_passes: int = _MOST_PASSES
) -> _Mixture:
    """Fit a mixture by EM that starts from how much each row belongs to each class, (n, k)."""
    n = len(parts)
    squares = np.square(table.numbers).mean(axis=0)
    # Levels that only other rows have are improbable, not impossible.
    frequencies = np.maximum(table.levels.mean(axis=0), 1 / n**2)
    worth = -np.inf
    for _ in range(most_passes):
        mixture, of_squares, log_prior = _maximised(table, parts, squares, frequencies)
        parts, likelihood = mixture.parts(table)
        before, worth = worth, likelihood + of_squares + log_prior / n
        if worth - before < tolerance:
            break
    return replace(mixture, worth=worth)


def _maximised(
    table: _Table,
    parts: NDArray[np.float64],
    squares: NDArray[np.float64],
    frequencies: NDArray[np.float64],
) -> tuple[_Mixture, float, float]:
    """Return the mixture that suits the rows best, of which these `parts` (n, k) belong to each class.

    With it come what the squares of the numbers, left out of its `joint`, add to the log-likelihood of a row on
    average, and the log of its prior.
    """
    n, k = parts.shape
    sizes = parts.sum(axis=0)
    sums = table.numbers.T @ parts
    means = sums / (sizes + _PRIOR_MEAN)
    around = squares - (2 * means * sums - np.square(means) * sizes).sum(axis=1) / n
    everywhere = squares - np.square(table.numbers.mean(axis=0))
    shrunk = (n * around + _PRIOR_VARIANCE * everywhere) / (n + _PRIOR_VARIANCE)
    variances = np.maximum(shrunk, _LEAST_VARIANCE * everywhere)
    variances[everywhere <= _NO_VARIANCE] = 1.0
    log_sizes = np.log((sizes + _PRIOR_SIZE) / (n + k * _PRIOR_SIZE))
    prior = _PRIOR_LEVELS * frequencies[:, None]
    logs = np.log((table.levels.T @ parts + prior) / (sizes + _PRIOR_LEVELS))
    constants = log_sizes - (np.square(means) / variances[:, None]).sum(axis=0) / 2
    of_squares = -float((squares / variances + np.log(2 * np.pi * variances)).sum()) / 2
    of_variances = -_PRIOR_VARIANCE / 2 * float((np.log(variances) + everywhere / variances).sum())
    log_prior = float((prior * logs).sum() + _PRIOR_SIZE * log_sizes.sum()) + of_variances
    return _Mixture(means / variances[:, None], logs, constants, variances), of_squares, log_prior
