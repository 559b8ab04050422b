"""How far a row lies from the rows of a fit, which some of them tell: the landmarks.

The distance to the nearest landmarks alone would call every row of a wide cluster strange, and one that belongs to
nothing in the middle of narrow ones not; the ratio to what landmarks there are apart themselves would forgive rows
that lie among other strange ones. The score is in between: mean distance to the nearest landmarks, over a power
of what these are apart. It is told in the space of the rows and not in the code: an encoder maps what it has never
seen to what it knows. Among rows that lie far out there may be groups, of what the fit has not seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN
from torch import Tensor
from torch.nn.functional import pad

from torchdec._core.batches import CHUNK, in_order, to_device
from torchdec._core.compute import Compute
from torchdec._core.neighbor_graph import principal_axes
from torchdec._core.randomness import generator
from torchdec._core.scaling import learn_scale
from torchdec.rows import Rows, as_rows
from torchdec.rows._derived import StandardizedRows

# Landmarks at most, and the most values that their rows hold while they are projected (256 MB).
MOST, MOST_VALUES = 4096, 2**26
# A cluster has at least so many, or all of its rows, where there is room.
_LEAST_OF_CLUSTER = 50
# Components that landmarks are told by; of what is beyond them the length alone is kept.
AXES = 64
# More of them for a kind of rows that comes later.
_MORE_AXES = 4
# Neighbours among the landmarks, and the power of what these are apart. While rows that belong nowhere are still
# among the landmarks, what these are apart counts for less: theirs is large.
_NEAR, _POWER, _POWER_AMONG_SCATTER = 10, 0.75, 0.5
# Two rows are one where all that is between them is rounding, and no landmark lies nearer to the others than this
# share of the mean: copies would make strangers of all others.
_ROUNDING, _NARROWEST = 1e-10, 1e-3
# Where the scores of the fit are kept: every thousandth of its rows.
SHARES = np.linspace(0, 1, 1001)
# A row is far out if it lies farther than this fraction of the rows of the fit.
FAR = 0.95
# Rows belong nowhere where the logarithm of their score is so many times the middle half of all above that half
# (Tukey's fences, farther out than his inner and nearer than his outer ones).
_FENCE = 2.0


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Some rows of a fit, and how far its rows are from them."""

    means: Float32[Tensor, " features"]  # of the landmarks' rows
    axes: Float32[Tensor, "features axes"]  # their leading principal components
    places: Float32[Tensor, "landmarks axes"]  # the landmarks along these
    # Square of the length of what is left of each landmark beyond them. What two rows have there is taken to be at
    # right angles, as noise of many features is: its squares add up.
    rests: Float32[Tensor, " landmarks"]
    spacings: Float32[Tensor, " landmarks"]  # mean distance of each to the landmarks that are nearest to it
    # Of the rows of the fit: the 0th, 1st, ... 1000th thousandth.
    scores: Float32[Tensor, " shares"]

    def to(self, device: torch.device) -> "Landmarks":
        """Return them on a device."""
        return Landmarks(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    def score(
        self, rows: Float32[Tensor, "rows features"], power: float = _POWER
    ) -> Float32[NDArray[np.float32], " rows"]:
        """Return how far out rows lie, scaled as at the fit; NaN for one of NaN.

        A landmark does not count itself, so that rows of the fit and new rows compare.
        """
        distances, found = self._nearest(*placed(rows, self.means, self.axes))
        scores: NDArray[np.float32] = (
            (distances.mean(dim=1) / self.spacings[found].mean(dim=1).pow(power)).cpu().numpy()
        )
        return scores

    def level(self, share: float) -> float:
        """Return the score that this share of the rows of the fit lies above."""
        return float(np.interp(1 - share, SHARES, self.scores.cpu().numpy()))

    def fence(self) -> float:
        """Return the score above which rows belong nowhere; infinite where half of all rows are copies."""
        lower, upper = self.level(0.75), self.level(0.25)
        return upper * (upper / lower) ** _FENCE if lower > 0 else np.inf

    def shares(self, scores: NDArray[np.float32]) -> Float32[NDArray[np.float32], " rows"]:
        """Return what share of the fit's rows lies nearer; above 1, how many times as far as the farthest."""
        known = self.scores.cpu().numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            beyond = np.where(scores > known[-1], scores / known[-1], np.interp(scores, known, SHARES))
        return beyond.astype(np.float32)

    def distances(
        self, places: Float32[Tensor, "rows axes"], rests: Float32[Tensor, " rows"]
    ) -> Float32[Tensor, " rows"]:
        """Return the mean distance of each row to the landmarks that are nearest to it."""
        return self._nearest(places, rests)[0].mean(dim=1)

    def joined(self, rows: Float32[Tensor, "rows features"], n_rows: int, n_new: int) -> "Landmarks":
        """Return landmarks that are told by rows of a new kind too, `n_new` beside the `n_rows` known until now.

        What sets the new kind apart lies mostly beyond the axes, so there will be some more of them. How far the
        landmarks of before lie along these was never kept; their rests still hold it.
        """
        own_places, own_rests = placed(rows, self.means, self.axes)
        centered = rows - self.means
        beyond = centered - own_places @ self.axes.T
        _, lengths, directions = torch.linalg.svd(beyond, full_matrices=False)
        more = directions[:_MORE_AXES][lengths[:_MORE_AXES] > _NARROWEST * torch.linalg.norm(centered)].T
        along = beyond @ more
        rests = torch.cat([self.rests, (own_rests - along.square().sum(dim=1)).clamp(min=0)])
        places = torch.cat([pad(self.places, (0, more.shape[1])), torch.cat([own_places, along], dim=1)])
        axes = torch.cat([self.axes, more], dim=1)
        joined = replace(self, axes=axes, places=places, rests=rests, spacings=torch.empty_like(rests))
        joined = joined._with_spacings()
        scores = np.concatenate([self.scores.cpu().numpy(), joined.score(rows)])
        weights = np.concatenate(
            [np.full(len(SHARES), n_rows / len(SHARES)), np.full(len(rows), n_new / len(rows))]
        )
        return replace(joined, scores=torch.from_numpy(_weighted_quantiles(scores, weights)))

    def _with_spacings(self) -> "Landmarks":
        spacings = self.distances(self.places, self.rests)
        narrowest = (_NARROWEST * spacings.mean()).clamp(min=torch.finfo(torch.float32).tiny)
        return replace(self, spacings=spacings.maximum(narrowest))

    def _nearest(
        self, places: Float32[Tensor, "rows axes"], rests: Float32[Tensor, " rows"]
    ) -> tuple[Float32[Tensor, "rows near"], Int64[Tensor, "rows near"]]:
        """Return the distances to the nearest landmarks, but for the row itself, and which they are."""
        n_near = min(_NEAR, max(1, len(self.places) - 1))
        half = (self.places.square().sum(dim=1) + self.rests) / 2
        n_found = min(n_near + 1, len(self.places))
        parts = torch.split(places, CHUNK)
        found = torch.cat(
            [
                torch.addmm(half, part, self.places.T, alpha=-1).topk(n_found, largest=False).indices
                for part in parts
            ]
        )
        squared = (self.places[found] - places[:, None]).square().sum(dim=2)
        rounding = _ROUNDING * (places.square().sum(dim=1) + rests)[:, None]
        itself = (squared <= rounding) & (n_found > n_near)
        squared += rests[:, None] + self.rests[found]
        squared[itself & (itself.cumsum(dim=1) == 1)] = torch.inf
        near = squared.topk(n_near, largest=False)
        return near.values.sqrt(), found.gather(1, near.indices)


def landmarks_of(
    rows: Rows,
    scale: float,
    labels: Int64[NDArray[np.int64], " rows"],
    seed: int,
    compute: Compute,
    power: float = _POWER,
) -> Landmarks:
    """Draw landmarks from rows of these clusters, and learn how far rows like these are from them."""
    index, weights = _drawn(labels, min(MOST, max(1, MOST_VALUES // rows.shape[1])), seed)
    some = torch.cat(
        [to_device(rows, part, scale, compute) for part in torch.split(torch.from_numpy(index), CHUNK)]
    )
    _, means, axes = principal_axes(as_rows(some.cpu().numpy()), AXES, generator(seed), compute)
    places, rests = placed(some, means, axes)
    nothing = places.new_zeros(len(places))
    found = Landmarks(means, axes, places, rests, nothing, nothing)._with_spacings()
    scores = found.score(some, power)
    return replace(found, scores=torch.from_numpy(_weighted_quantiles(scores, weights))).to(torch.device("cpu"))


@dataclass(frozen=True, eq=False)
class Profile:
    """What rows are like, told by some of them, so that others can be compared with them."""

    # Mean of each cluster along the axes of the landmarks; their middle for a cluster without rows.
    middles: Float32[NDArray[np.float32], "clusters axes"]
    # Fraction of the rows of each cluster that lie farther out than `FAR` of all rows of the fit.
    far: Float32[NDArray[np.float32], " clusters"]
    # Mean and standard deviation of each column, scaled as the encoder takes them.
    columns: Float32[NDArray[np.float32], "2 features"]


def profile_of(
    landmarks: Landmarks,
    rows: Rows,
    scale: float,
    labels: Int64[NDArray[np.int64], " rows"],
    n_clusters: int,
    compute: Compute,
) -> Profile:
    """Learn what rows are like from up to 4,096 of them; those of no cluster have the label -1 and don't count."""
    given = np.flatnonzero(labels >= 0)
    drawn, weights = _drawn(labels[given], MOST, 0)
    index = torch.from_numpy(given[drawn])
    landmarks = landmarks.to(compute.device)
    level = landmarks.level(1 - FAR)
    places, far = [], []
    # Sums, and squares of what is left: float64 holds both for columns of any spread.
    sums, squares = (torch.zeros(rows.shape[1], dtype=torch.float64) for _ in range(2))
    weighed = torch.from_numpy(weights / weights.sum())
    for part, weight in zip(torch.split(index, CHUNK), torch.split(weighed, CHUNK), strict=True):
        some = to_device(rows, part, scale, compute)
        places.append(placed(some, landmarks.means, landmarks.axes)[0].double().cpu().numpy())
        far.append(landmarks.score(some) > level)
        values = some.cpu().double()
        sums += weight @ values
        squares += weight @ values.square()
    own = labels[index.numpy()]
    counts = np.maximum(np.bincount(own, minlength=n_clusters), 1)
    middles = np.zeros((n_clusters, landmarks.places.shape[1]))
    np.add.at(middles, own, np.concatenate(places))
    return Profile(
        middles=(middles / counts[:, None]).astype(np.float32),
        far=(np.bincount(own, np.concatenate(far), n_clusters) / counts).astype(np.float32),
        columns=torch.stack([sums, (squares - sums.square()).clamp(min=0).sqrt()]).float().numpy(),
    )


def scattered(
    rows: Rows,
    standardize: bool | Literal["auto"],
    wanted: float | Literal["auto"],
    seed: int,
    compute: Compute,
) -> Int64[NDArray[np.int64], " scattered"]:
    """Return which rows lie so far from all others that they belong nowhere, or which share does most.

    This is before anything is learnt, so the rows are scaled as a representation would.
    """
    scale, *columns = learn_scale(rows, standardize, compute)
    prepared = StandardizedRows(rows, *(None if column is None else column.numpy() for column in columns))
    of_one = np.zeros(len(rows), dtype=np.int64)
    landmarks = landmarks_of(prepared, scale, of_one, seed, compute, _POWER_AMONG_SCATTER)
    scores = scores_of(landmarks, prepared, scale, compute, _POWER_AMONG_SCATTER)
    if wanted == "auto":
        return np.flatnonzero(scores > landmarks.fence())
    return np.sort(np.argsort(-scores, kind="stable")[: round(wanted * len(rows))])


def scores_of(
    landmarks: Landmarks, rows: Rows, scale: float, compute: Compute, power: float = _POWER
) -> Float32[NDArray[np.float32], " rows"]:
    """Return the score of each row, float32 (n,)."""
    landmarks = landmarks.to(compute.device)
    scores = np.empty(len(rows), dtype=np.float32)
    start = 0
    for chunk in in_order(rows, scale, compute):
        scores[start : start + len(chunk)] = landmarks.score(chunk, power)
        start += len(chunk)
    return scores


def placed(
    rows: Float32[Tensor, "rows features"],
    means: Float32[Tensor, " features"],
    axes: Float32[Tensor, "features axes"],
) -> tuple[Float32[Tensor, "rows axes"], Float32[Tensor, " rows"]]:
    """Return where rows lie along the axes, and the square of the length of what is left of them."""
    centered = rows - means
    places = centered @ axes
    if axes.shape[1] == axes.shape[0]:
        return places, places.new_zeros(len(places))
    return places, (centered - places @ axes.T).square().sum(dim=1)


def _drawn(
    labels: NDArray[np.int64], most: int, seed: int
) -> tuple[Int64[NDArray[np.int64], " landmarks"], Float64[NDArray[np.float64], " landmarks"]]:
    """Draw rows, of small clusters more than their share; return which, and how many rows each stands for."""
    if len(labels) <= most:
        return np.arange(len(labels)), np.ones(len(labels))
    sizes = np.bincount(labels)
    least = min(_LEAST_OF_CLUSTER, most // (2 * len(sizes)))
    shared = (most - least * len(sizes)) * sizes // len(labels)
    counts = np.minimum(sizes, least + shared)
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    index = np.sort(order[rank < counts[labels[order]]])
    return index, (sizes / np.maximum(counts, 1))[labels[index]]


def _weighted_quantiles(
    scores: NDArray[np.float32], weights: NDArray[np.float64]
) -> Float32[NDArray[np.float32], " shares"]:
    order = np.argsort(scores, kind="stable")
    below = np.cumsum(weights[order]) - weights[order]
    # The lowest score is the 0th thousandth, and the highest the last one.
    shares = below / max(below[-1], np.finfo(np.float64).tiny)
    return np.interp(SHARES, shares, scores[order]).astype(np.float32)


# Rows of a group lie nearer to each other than this part of how far they lie from the rows of the fit. Scatter
# lies about as far from its like as from all else.
_NEARER = 0.85


def groups(
    rows: Float32[Tensor, "rows features"], landmarks: Landmarks, least: int, seed: int, compute: Compute
) -> Iterator[Int64[Tensor, " group"]]:
    """Yield which rows are a group of at least so many, by density (HDBSCAN) along their principal components."""
    if len(rows) < least:
        return
    _, means, axes = principal_axes(as_rows(rows.cpu().numpy()), AXES, generator(seed), compute)
    places, rests = placed(rows, means, axes)
    labels = HDBSCAN(min_cluster_size=least, allow_single_cluster=True, copy=True).fit_predict(
        places.cpu().numpy()
    )
    from_fit = landmarks.distances(*placed(rows, landmarks.means, landmarks.axes))
    for number in range(labels.max() + 1):
        group = torch.from_numpy((labels == number).nonzero()[0])
        own = Landmarks(means, axes, places[group], rests[group], rests[group], rests[group])
        if (own.distances(places[group], rests[group]) / from_fit[group]).median() < _NEARER:
            yield group
