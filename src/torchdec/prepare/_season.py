"""The time of the year, of dates over several years: summers are alike whatever the year."""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from torchdec.prepare._parsed import Parsed

# Each day of the year comes again in dates that go over so many days.
_FEWEST_DAYS = 2 * 365
# Dates that deviate less are all of one time of the year, as years alone are (1 is half a year); the turns of leap
# years are no season.
_LEAST_DEVIATION = 0.05
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True)
class Season:
    """The time of the year as a sine and a cosine, which together have the variance of one standardised number."""

    means: tuple[float, float]
    deviation: float

    @classmethod
    def fit(cls, days: NDArray[np.float64]) -> Self | None:
        """Learn it from days since 1970-01-01; None where hardly any time of the year comes again, or just one."""
        if np.ptp(days) < _FEWEST_DAYS:
            return None
        places = _on_circle(days)
        sine, cosine = places.mean(axis=0).tolist()
        deviation = math.sqrt(float(places.var(axis=0).sum()))
        return cls((sine, cosine), deviation) if deviation > _LEAST_DEVIATION else None

    def transform(self, days: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the columns, float32 (n, 2); a missing date is 0, the mean."""
        missing = np.isnan(days)
        places = (_on_circle(np.where(missing, 0.0, days)) - self.means) / self.deviation
        places[missing] = 0
        return places.astype(np.float32)

    def in_units(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sine and the cosine that means of the columns are."""
        return np.asarray(means * self.deviation + self.means)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Make it of its fields.

        Raises
        ------
        ValueError, TypeError, KeyError
            If the fields are others.
        """
        sine, cosine = map(float, fields["means"])
        made = cls((sine, cosine), float(fields["deviation"]))
        if not (all(map(math.isfinite, made.means)) and math.isfinite(made.deviation) and made.deviation > 0):
            raise ValueError("the season of a column does not fit")
        return made


def months_of(column: Parsed) -> Parsed:
    """Return the months of dates, as a kind."""
    missing = np.isnan(column.values)
    days = np.floor(np.where(missing, 0.0, column.values)).astype("datetime64[D]")
    months = days.astype("datetime64[M]").astype(np.int64) % 12
    return Parsed(f"{column.name} month", "kind", np.where(missing, -1, months).astype(np.int32), MONTHS)


def _on_circle(days: NDArray[np.float64]) -> NDArray[np.float64]:
    years = np.floor(days).astype("datetime64[D]").astype("datetime64[Y]")
    start, end = (year.astype("datetime64[D]").astype(np.float64) for year in (years, years + 1))
    angle = 2 * np.pi * (days - start) / (end - start)
    return np.stack([np.sin(angle), np.cos(angle)], axis=1)
