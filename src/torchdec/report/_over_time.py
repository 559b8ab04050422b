"""How many rows each cluster has in each month, where rows have dates."""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from torchdec.rows._protocol import Rows

# Days up to which rows are counted by the day, and from which on by the year.
_SHORT, _LONG = 92, 3_700
# Fewer dates in time are no course of it.
_FEWEST = 3


class OverTime(NamedTuple):
    """Rows of each cluster by day, month or year of a column, (clusters, periods), and how many have no date."""

    column: str
    unit: Literal["day", "month", "year"]
    periods: list[str]
    counts: NDArray[np.int64]
    n_undated: int


def over_time(rows: Rows | None, labels: NDArray[np.int32], n_clusters: int) -> OverTime | None:
    """Count the rows of each cluster over time; None of rows without dates, or of fewer than three periods."""
    dated: Any = getattr(rows, "dated", None)
    if dated is None:
        return None
    known = np.isfinite(dated.days) & (labels >= 0)
    days = np.floor(dated.days[known]).astype(np.int64)
    if not len(days):
        return None
    span = int(days.max() - days.min())
    unit: Literal["day", "month", "year"] = "day" if span < _SHORT else "month" if span < _LONG else "year"
    at = days.astype("datetime64[D]").astype(f"datetime64[{unit[0].upper()}]")
    periods = np.arange(at.min(), at.max() + 1)  # those without rows too
    if len(periods) < _FEWEST:
        return None
    counts = np.zeros((n_clusters, len(periods)), dtype=np.int64)
    np.add.at(counts, (labels[known], (at - at.min()).astype(np.int64)), 1)
    return OverTime(dated.name, unit, periods.astype(str).tolist(), counts, int((labels >= 0).sum() - len(days)))
