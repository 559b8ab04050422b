"""How the values of a column become columns of a matrix in which each column of the table counts once.

Kinds are weighted so that all their levels together have the variance of one standardised number, however many
they are. Factor analysis of mixed data (Pagès, 2004) gives rarer levels more.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew

from torchdec.prepare._column_reader import fewest_rows
from torchdec.prepare._season import Season

# A number whose skewness is larger is transformed where that lowers it.
_SKEWED = 1.0
# Gaps in fewer rows than this share tell nothing by themselves.
_GAPS_TELL = 0.05
Transform = Literal["none", "log", "asinh"]
_UNCHANGED: tuple[Transform, float, float] = ("none", 0.0, 1.0)


@dataclass(frozen=True)
class Levels:
    """A column of 0 and 1 for each level that some row has, one for rare ones, one for gaps; scaled together."""

    kind: ClassVar = "levels"
    # Of each level, then of what is missing: its column, or -1 where the fit had no such row.
    places: tuple[int, ...]
    shares: tuple[float, ...]  # of each column, the share of the rows of the fit
    missing: float  # share of the rows of the fit that had no value

    @classmethod
    def fit(cls, codes: NDArray[np.integer[Any]], n_levels: int) -> Self | None:
        """Learn the shares of levels from their numbers, -1 for a missing one.

        None where nearly all rows have one: what hardly any row differs in would put these rows far from all.
        """
        counts = np.bincount(np.where(codes < 0, n_levels, codes), minlength=n_levels + 1)
        places = [-1] * (n_levels + 1)
        kept: list[int] = []
        for slot in np.flatnonzero(counts).tolist():
            places[slot] = len(kept)
            kept.append(int(counts[slot]))
        rare = counts[n_levels] < fewest_rows(len(codes))
        if counts[n_levels] and rare:  # a few gaps are no level: such rows lie between all
            places[n_levels] = -1
            kept.pop()
        if len(kept) < 2 or sorted(kept)[-2] < fewest_rows(len(codes)):
            return None
        shares = tuple(count / sum(kept) for count in kept)
        return cls(tuple(places), shares, float(counts[n_levels]) / len(codes))

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.shares)

    @property
    def kinds(self) -> tuple[tuple[int, int], ...]:
        """The spans of columns that are levels of one kind: all."""
        return ((0, self.width),)

    def transform(self, codes: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return the columns, float32 (n, width); rows of no known level are 0, the mean."""
        shares = np.array(self.shares)
        places = np.array(self.places)[codes]
        rows = np.eye(self.width)[places] - shares
        rows[places < 0] = 0
        return np.asarray(rows * self._unit, dtype=np.float32)

    def in_units(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the shares of levels that the means of the columns are."""
        return np.asarray(means / self._unit + np.array(self.shares))

    @property
    def _unit(self) -> float:
        return 1 / math.sqrt(1 - sum(share * share for share in self.shares))

    def names(self, name: str, levels: Sequence[str]) -> list[str]:
        """Name the columns."""
        of = {place: level for place, level in zip(self.places, (*levels, "missing"), strict=True) if place >= 0}
        return [f"{name}={of[place]}" for place in range(self.width)]


@dataclass(frozen=True)
class Numbers:
    """A column in units of its deviation, after a transform where it is skewed.

    Beside it perhaps the time of the year of its dates, and the levels of its gaps.
    """

    kind: ClassVar = "numbers"
    transform_: Transform  # "log" is sign(x) log(1 + |x| / scale) of x = value - origin
    origin: float
    scale: float
    # After the transform.
    mean: float
    deviation: float
    fill: float  # in place of a missing value: the median, in units of the deviation
    gaps: Levels | None
    missing: float  # share of the rows of the fit that had no value
    season: Season | None = None

    @classmethod
    def fit(cls, values: NDArray[np.float64], role: str = "number") -> Self | None:
        """Learn it from values with NaN for what is missing; None where all are the same.

        Dates are never transformed: what is a day ago in the fit is a month ago in the rows of next month, between
        which a logarithm puts what is most of the column.
        """
        missing = np.isnan(values)
        known = values[~missing]
        if not len(known):
            return None
        gaps = Levels.fit(missing.astype(np.int32), 2) if missing.mean() >= _GAPS_TELL else None
        if known.min() == known.max() and gaps is None:
            return None
        transform, origin, scale = _transform(known) if role != "date" else _UNCHANGED
        made = cls(transform, origin, scale, 0.0, 1.0, 0.0, gaps, float(missing.mean()))
        changed = made._changed(known)
        mean, deviation = float(changed.mean()), float(changed.std()) or 1.0
        fill = (float(np.median(changed)) - mean) / deviation
        season = Season.fit(known) if role == "date" else None
        return replace(made, mean=mean, deviation=deviation, fill=fill, season=season)

    @property
    def width(self) -> int:
        """Number of columns."""
        return self._n_numbers + (self.gaps.width if self.gaps else 0)

    @property
    def _n_numbers(self) -> int:
        return 3 if self.season else 1

    @property
    def kinds(self) -> tuple[tuple[int, int], ...]:
        """The spans of columns that are levels of one kind: those of the gaps."""
        return ((self._n_numbers, self.width),) if self.gaps else ()

    @property
    def is_skewed(self) -> bool:
        """Whether values were transformed."""
        return self.transform_ != "none"

    def transform(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the columns, float32 (n, width)."""
        missing = np.isnan(values)
        scaled = (self._changed(values) - self.mean) / self.deviation
        scaled[missing] = self.fill
        columns = [scaled.astype(np.float32)[:, None]]
        if self.season is not None:
            columns.append(self.season.transform(values))
        if self.gaps is not None:
            columns.append(self.gaps.transform(missing.astype(np.int32)))
        return np.hstack(columns)

    def in_units(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the mean of the first column is as a number of the table; its season; the shares of gaps.

        Of a column that was transformed that isn't the mean, but what is in the middle after the transform.
        """
        middle = means[0] * self.deviation + self.mean
        if self.transform_ == "log":
            middle = np.sign(middle) * np.expm1(abs(middle))
        elif self.transform_ == "asinh":
            middle = np.sinh(middle)
        told = [np.array([middle * self.scale + self.origin])]
        if self.season is not None:
            told.append(self.season.in_units(means[1:3]))
        if self.gaps is not None:
            told.append(self.gaps.in_units(means[self._n_numbers :]))
        return np.concatenate(told)

    def _changed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        apart = values - self.origin
        if self.transform_ == "log":
            return np.asarray(np.sign(apart) * np.log1p(np.abs(apart) / self.scale))
        if self.transform_ == "asinh":
            return np.asarray(np.arcsinh(apart / self.scale))
        return np.asarray(apart / self.scale)

    def names(self, name: str, levels: Sequence[str]) -> list[str]:  # noqa: ARG002
        """Name the columns."""
        season = [f"{name}={wave} of the year" for wave in ("sine", "cosine")] if self.season else []
        return [name, *season, *(self.gaps.names(name, ("there", "missing")) if self.gaps else [])]


Coding = Levels | Numbers


def _transform(values: NDArray[np.float64]) -> tuple[Transform, float, float]:
    """Choose a transform, its origin and its scale, by the skewness that it leaves."""
    before = abs(_skewness(values))
    if not before > _SKEWED:
        return _UNCHANGED
    if values.min() >= 0 or values.max() <= 0:
        away = np.abs(values[values != 0])
        # Whole numbers are counted from 1; amounts in thousands have to come out as those in dollars do.
        scale = 1.0 if away.min() >= 1 else float(np.quantile(away, 0.05)) or 1.0
        changed = np.sign(values) * np.log1p(np.abs(values) / scale)
        return ("log", 0.0, scale) if abs(_skewness(changed)) < before else _UNCHANGED
    middle = float(np.median(values))
    scale = float(np.median(np.abs(values - middle))) or float(values.std())
    changed = np.arcsinh((values - middle) / scale)
    return ("asinh", middle, scale) if abs(_skewness(changed)) < before else _UNCHANGED


def _skewness(values: NDArray[np.float64]) -> float:
    with np.errstate(all="ignore"):
        found = float(skew(values)) if np.ptp(values) > 0 else 0.0
    return found if math.isfinite(found) else 0.0


def coding_to_json(coding: Coding) -> dict[str, Any]:
    """Return what `coding_from_json` makes the same of."""
    return {"kind": coding.kind, **asdict(coding)}


def coding_from_json(fields: dict[str, Any]) -> Coding:
    """Make a coding of what `coding_to_json` returned.

    Raises
    ------
    ValueError, TypeError, KeyError
        If the fields are others.
    """
    parts = dict(fields)
    kind = parts.pop("kind")
    if kind == Levels.kind:
        return _levels_from(parts)
    if kind != Numbers.kind or parts["transform_"] not in ("none", "log", "asinh"):
        raise ValueError("its columns are coded in no known way")
    gaps, season = parts.pop("gaps"), parts.pop("season", None)
    made = Numbers(
        **parts,
        gaps=None if gaps is None else _levels_from(gaps),
        season=None if season is None else Season.from_json(season),
    )
    numbers = (made.origin, made.scale, made.mean, made.deviation, made.fill)
    if not (all(math.isfinite(number) for number in numbers) and made.deviation > 0 and made.scale > 0):
        raise ValueError("its columns are coded by numbers that do not fit")
    return made


def _levels_from(fields: dict[str, Any]) -> Levels:
    return Levels(tuple(map(int, fields["places"])), tuple(map(float, fields["shares"])), float(fields["missing"]))
