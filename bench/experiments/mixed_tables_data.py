"""Tables of numbers, kinds and gaps with known classes: of UCI, of packages, and made ones.

Those of UCI lie in `mixed` of TORCHDEC_DATA; those of packages come with the extra `tables` of the kit: penguins
of palmerpenguins, cars of vega_datasets, mpg and msleep of plotnine, tips of plotly, regimes of lifelines.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from torchdec.prepare import Columns

DATA = Path(os.environ.get("TORCHDEC_DATA", ".")) / "mixed"
# Of the made tables: rows, sizes of the classes, numbers, kinds, and how many of each tell the classes apart.
MADE = {
    "made, even": (1000, (0.25, 0.25, 0.25, 0.25), 6, 6, 4),
    "made, unequal": (2000, (0.5, 0.25, 0.15, 0.07, 0.03), 6, 6, 4),
    "made, many columns say nothing": (2000, (0.4, 0.3, 0.2, 0.1), 12, 12, 4),
}


@dataclass(frozen=True)
class Table:
    """A table and the class of each row, which serves for scores alone."""

    name: str
    group: str
    frame: pd.DataFrame
    classes: NDArray[np.int64]

    @property
    def n_clusters(self) -> int:
        return len(np.unique(self.classes))


@dataclass(frozen=True)
class Prepared:
    """A table whose columns count alike: what torchdec makes of it, and its parts as other methods take them.

    Attributes
    ----------
    frame : DataFrame
        As it was.
    matrix : float32 (n, d)
    kinds : tuple of (start, stop)
        The columns that hold the levels of each kind.
    """

    frame: pd.DataFrame
    matrix: NDArray[np.float32]
    kinds: tuple[tuple[int, int], ...]

    @property
    def numbers(self) -> NDArray[np.float64]:
        is_number = np.ones(self.matrix.shape[1], dtype=bool)
        for start, stop in self.kinds:
            is_number[start:stop] = False
        return self.matrix[:, is_number].astype(np.float64)

    @property
    def levels(self) -> NDArray[np.int64]:
        """The number of the level of each row, (n, kinds)."""
        columns = [self.matrix[:, start:stop].argmax(axis=1) for start, stop in self.kinds]
        return np.stack(columns, axis=1) if columns else np.empty((len(self.matrix), 0), dtype=np.int64)

    @property
    def one_hot(self) -> NDArray[np.float64]:
        """Numbers beside a column of 0 and 1 for each level."""
        blocks = [np.eye(stop - start)[self.matrix[:, start:stop].argmax(axis=1)] for start, stop in self.kinds]
        return np.hstack([self.numbers, *blocks])


def tables() -> Iterator[Table]:
    for path in sorted(DATA.glob("*.csv")):
        if not path.name.endswith(".labels.csv"):
            classes = pd.read_csv(path.with_suffix(".labels.csv"))["class"]
            yield Table(path.stem, "UCI", pd.read_csv(path), pd.factorize(classes)[0])
    yield from of_packages()
    for number, (name, (n, sizes, n_numbers, n_kinds, n_telling)) in enumerate(MADE.items()):
        yield Table(name, "made", *made(n, sizes, n_numbers, n_kinds, n_telling, number))


def of_packages() -> Iterator[Table]:
    import lifelines.datasets
    import palmerpenguins
    import plotly.data
    import plotnine.data
    import vega_datasets

    frames = {
        "penguins": (palmerpenguins.load_penguins(), "species", ()),
        "cars": (vega_datasets.local_data.cars(), "Origin", ("Name",)),
        "mpg": (plotnine.data.mpg, "class", ("model",)),
        "msleep": (plotnine.data.msleep, "vore", ("name", "genus")),
        "tips": (plotly.data.tips(), "time", ()),
        "regimes": (
            lifelines.datasets.load_dd(),
            "un_continent_name",
            ("ctryname", "cowcode2", "politycode", "un_region_name", "ehead", "leaderspellreg"),
        ),
    }
    for name, (frame, label, names_of_rows) in frames.items():
        known = frame[frame[label].notna()].reset_index(drop=True)
        classes = pd.factorize(known[label])[0]
        yield Table(name, "packages", known.drop(columns=[label, *names_of_rows]), classes)


def made(
    n: int, sizes: tuple[float, ...], n_numbers: int, n_kinds: int, n_telling: int, seed: int
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Draw rows of classes that so many numbers and kinds tell apart; others are the same in all, with gaps."""
    random, k = np.random.default_rng(seed), len(sizes)
    classes = random.choice(k, size=n, p=sizes)
    columns = dict[str, object]()
    for number in range(n_numbers):
        middles = random.normal(0, 1.5, k) if number < n_telling else np.zeros(k)
        values = random.normal(middles[classes])
        columns[f"number {number}"] = np.exp(values) if number % 2 else values
    for kind in range(n_kinds):
        n_levels = int(random.integers(2, 6))
        proportions = random.dirichlet(np.full(n_levels, 0.5), k if kind < n_telling else 1)
        drawn = [random.choice(n_levels, p=proportions[each % len(proportions)]) for each in classes]
        columns[f"kind {kind}"] = ["abcde"[level] for level in drawn]  # in words that are no steps of a scale
    frame = pd.DataFrame(columns)
    return frame.mask(random.random(frame.shape) < 0.05), classes


def prepared(frame: pd.DataFrame) -> Prepared:
    """Make a matrix in which each column of the table counts once; a row without any value is its middle."""
    columns = Columns().fit(frame)
    return Prepared(frame, np.nan_to_num(columns.transform(frame)), columns.prepared_.kinds)
