"""Clusters in words: of a table the levels, amounts and gaps that tell one from all others; and names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from torchdec.prepare._parsed import Parsed
from torchdec.prepare._season import months_of
from torchdec.rows._protocol import Rows

# Rows that traits and rules are taken from, drawn at random from more: medians and ranks need them in memory.
MOST_ROWS, _MOST_VALUES = 100_000, 1 << 25
LEVELS = ("yes/no", "kind", "ordered kind")
_AMOUNTS = ("skewed number", "amount")
# Below it an effect is called negligible: Romano, Kromrey, Coraggio, Skowronek, "Exploring methods for evaluating
# group differences on the NSSE and other surveys", 2006.
NEGLIGIBLE = 0.147
# Levels that say nothing without their column, and characters of a level that a name has room for.
_ANSWERS, _LONGEST_LEVEL = {"true", "false", "none", "other", "unknown", "yes", "no"}, 40

# Words of a name that come from words or features; those of a table have what makes them differ.
_IN_NAME = 3


@dataclass(frozen=True, slots=True)
class Trait:
    """What tells the rows of a cluster from all others, in one column.

    Attributes
    ----------
    text : str
        In words: ``plan Pro 71 % (all: 24 %)``.
    column : str
    kind : str
        "level", "number", "date" or "missing".
    effect : float
        Cliff's delta, -1 to 1, between the cluster and the rows outside it: how much more often a value drawn from
        the cluster is the larger one than the smaller one. Of a level, or of gaps, that is the difference of the
        two fractions, so that all kinds of columns have one scale, and the size of the cluster has no say in it.
    level : str or None
        Of a level, as it is written in the table.
    value, overall : float
        In the cluster and in all rows: the fraction of a level or of missing values, or the median of a number (of
        dates in days since 1970-01-01, of durations in seconds).
    low, high : float or None
        The quartiles of a number in the cluster.

    References
    ----------
    Cliff, "Dominance statistics: Ordinal analyses to answer ordinal questions", Psychological Bulletin 114 (3),
    1993.
    """

    text: str
    column: str
    kind: str
    effect: float
    level: str | None
    value: float
    overall: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Table:
    """Rows of a table as they were understood, and their clusters."""

    columns: list[Parsed]
    labels: NDArray[np.int32]  # none of them -1
    n_clusters: int


def is_table(rows: Rows) -> bool:
    """Tell whether the columns of rows mean something by themselves, unlike words, genes and pixels."""
    if hasattr(rows, "parsed"):
        return True
    prepared = getattr(getattr(rows, "preparation", None), "prepared", None)
    return rows.feature_names is not None and getattr(prepared, "kind", None) == "columns"


def parsed_rows(rows: Rows, index: NDArray[np.int64]) -> list[Parsed]:
    """Return some rows of a table, column by column; those of a plain table are numbers."""
    if hasattr(rows, "parsed"):
        columns: list[Parsed] = rows.parsed(index)
        return columns
    values = rows.take(index).astype(np.float64)
    return [Parsed(name, "number", values[:, j]) for j, name in enumerate(rows.feature_names or ())]


def sampled_table(rows: Rows | None, labels: NDArray[np.int32], n_clusters: int) -> Table | None:
    """Take at most 100,000 rows that are in a cluster, fewer of very wide ones; None of rows that are no table."""
    if rows is None or not is_table(rows):
        return None
    index = np.flatnonzero(labels >= 0)
    most = min(MOST_ROWS, max(1, _MOST_VALUES // rows.shape[1]))
    if len(index) > most:
        index = np.sort(np.random.default_rng(0).choice(index, most, replace=False))
    return Table(parsed_rows(rows, index), labels[index], n_clusters)


def missing_in(column: Parsed) -> NDArray[np.bool_]:
    """Tell which values of a column are missing."""
    if column.role == "text":
        return np.array([value is None for value in column.values], dtype=bool)
    missing: NDArray[np.bool_] = column.values < 0 if column.role in LEVELS else np.isnan(column.values)
    return missing


def written(column: Parsed) -> list[str]:
    """Write the values of a column as its table does."""

    def one(value: Any) -> str:
        if column.role in LEVELS:
            return column.levels[int(value)]
        return str(value) if column.role == "text" else column.show(float(value))

    pairs = zip(column.values, missing_in(column), strict=True)
    return ["missing" if missing else one(value) for value, missing in pairs]


def traits_of(table: Table, n: int = 5) -> list[tuple[Trait, ...]]:
    """Return up to `n` traits of each cluster whose effects aren't negligible, the largest first; at least one."""
    found: list[list[Trait]] = [[] for _ in range(table.n_clusters)]
    sizes = np.bincount(table.labels, minlength=table.n_clusters)
    for column in table.columns:
        for number, trait in _of_column(column, table.labels, sizes):
            found[number].append(trait)
    ranked = [sorted(traits, key=lambda trait: -abs(trait.effect)) for traits in found]
    strong = [sum(abs(trait.effect) >= NEGLIGIBLE for trait in traits) for traits in ranked]
    return [tuple(traits[: min(n, max(1, last))]) for traits, last in zip(ranked, strong, strict=True)]


def in_few_words(traits: Sequence[Trait]) -> list[str]:
    """Say each trait that matters in a few words."""
    strong = [trait for trait in traits if abs(trait.effect) >= NEGLIGIBLE]
    return [_part(trait) for trait in strong]


def _part(trait: Trait) -> str:
    if trait.kind == "missing":
        return f"{trait.column} {'missing' if trait.effect > 0 else 'known'}"
    if trait.kind == "date":
        return f"{trait.column} {'late' if trait.effect > 0 else 'early'}"
    if trait.kind == "number":
        return f"{trait.column} {'high' if trait.effect > 0 else 'low'}"
    level = trait.level or ""
    if len(level) > _LONGEST_LEVEL:
        level = f"{level[: _LONGEST_LEVEL - 1].rstrip()}…"
    tells = len(level) > 3 or (len(level) > 1 and level[0].isupper() and level.isalpha())
    return level if tells and level.lower() not in _ANSWERS else f"{trait.column} {level}"


def _of_column(column: Parsed, labels: NDArray[np.int32], sizes: NDArray[np.int64]) -> Iterator[tuple[int, Trait]]:
    """Find the traits of each cluster that has rows: one of what is there, and one of what is missing."""
    missing = missing_in(column)
    if missing.any():
        yield from _of_missing(column.name, missing, labels, sizes)
    known, own = column.values[~missing], labels[~missing]
    if column.role == "text" or not len(own):
        return
    yield from (_of_levels if column.role in LEVELS else _of_numbers)(column, known, own, len(sizes))
    if column.has_season:
        months = months_of(column)
        yield from _of_levels(months, months.values[~missing], own, len(sizes))


def _of_missing(
    name: str, missing: NDArray[np.bool_], labels: NDArray[np.int32], sizes: NDArray[np.int64]
) -> Iterator[tuple[int, Trait]]:
    counts = np.bincount(labels[missing], minlength=len(sizes))
    share, effects = _fractions(counts, sizes)
    for number in np.flatnonzero(sizes):
        value, overall = float(share[number]), float(missing.mean())
        text = f"{name} missing {_percent(value)} (all: {_percent(overall)})"
        yield int(number), Trait(text, name, "missing", _rounded(effects[number]), None, value, overall)


def _of_levels(
    column: Parsed, values: NDArray[Any], labels: NDArray[np.int32], n_clusters: int
) -> Iterator[tuple[int, Trait]]:
    """Tell for each cluster which level it has more often than the others, by the largest difference."""
    n_levels = len(column.levels)
    flat = labels.astype(np.int64) * n_levels + values
    counts = np.bincount(flat, minlength=n_clusters * n_levels).reshape(n_clusters, n_levels)
    sizes = counts.sum(axis=1)
    share, effects = _fractions(counts, sizes[:, None])
    overall = counts.sum(axis=0) / len(values)
    for number in np.flatnonzero(sizes):
        level = int(effects[number].argmax())
        value, all_rows = float(share[number, level]), float(overall[level])
        name = column.levels[level]
        text = f"{column.name} {name} {_percent(value)} (all: {_percent(all_rows)})"
        trait = Trait(text, column.name, "level", _rounded(effects[number, level]), name, value, all_rows)
        yield int(number), trait


def _fractions(
    counts: NDArray[np.int64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return which fraction of each cluster's rows has it, and how far that of all other rows lies below."""
    share = counts / np.maximum(sizes, 1)
    others = (counts.sum(axis=0) - counts) / np.maximum(sizes.sum() - sizes, 1)
    return share, np.where(sizes == sizes.sum(), 0.0, share - others)


def _of_numbers(
    column: Parsed, values: NDArray[Any], labels: NDArray[np.int32], n_clusters: int
) -> Iterator[tuple[int, Trait]]:
    sizes = np.bincount(labels, minlength=n_clusters)
    rank_sums = np.bincount(labels, weights=rankdata(values), minlength=n_clusters)
    others = len(values) - sizes
    # Mann and Whitney's U counts the pairs in which the cluster has the larger value, and half of the ties.
    larger = rank_sums - sizes * (sizes + 1) / 2
    effects = np.where(others > 0, 2 * larger / np.maximum(sizes * others, 1) - 1, 0.0)
    order = np.argsort(labels, kind="stable")
    parts = np.split(values[order], np.cumsum(sizes)[:-1])
    kind = "date" if column.role == "date" else "number"
    all_quartiles = np.quantile(values, (0.25, 0.5, 0.75))
    for number in np.flatnonzero(sizes):
        quartiles = np.quantile(parts[number], (0.25, 0.5, 0.75))
        text = _number_text(column, quartiles, all_quartiles, parts[number].mean(), values.mean())
        low, middle, high = (float(value) for value in quartiles)
        effect, overall = _rounded(effects[number]), float(all_quartiles[1])
        yield int(number), Trait(text, column.name, kind, effect, None, middle, overall, low, high)


def _number_text(
    column: Parsed, own: NDArray[np.float64], overall: NDArray[np.float64], mean: float, overall_mean: float
) -> str:
    low, middle, high = (column.show(float(value)) for value in own)
    all_low, all_middle, all_high = (column.show(float(value)) for value in overall)
    # Counts of a few often have one median everywhere, which tells nothing.
    if middle == all_middle:
        return f"{column.name} mean {column.show(float(mean))} (all: {column.show(float(overall_mean))})"
    if column.role in _AMOUNTS:
        return f"{column.name} median {middle} (all: {all_middle})"
    return f"{column.name} {middle} ({low} to {high}), all: {all_middle} ({all_low} to {all_high})"


def _percent(fraction: float) -> str:
    percent = 100 * fraction
    return f"{percent:.0f} %" if percent == 0 or percent >= 0.95 else f"{percent:.1g} %"


def _rounded(effect: Any) -> float:
    return round(float(effect), 3)


def automatic_names(
    traits: Sequence[Sequence[Trait]],
    words: Sequence[Sequence[str]] = (),
    features: Sequence[Sequence[tuple[str, float]]] = (),
) -> list[str]:
    """Name each cluster by its words, or by its strongest traits, or by the named features that it has most of."""
    if any(words):
        return distinct(words, _IN_NAME)
    if any(traits):
        return distinct([in_few_words(own) or ["average"] * bool(own) for own in traits], 2)
    most = [[name for name, by in own if by > 0] for own in features]
    return distinct(most, _IN_NAME) if any(most) else [""] * len(traits)


def distinct(parts: Sequence[Sequence[str]], n: int) -> list[str]:
    """Join the first `n` parts of each name, and as many more as make names differ in more than their order."""
    lengths = [min(n, len(own)) for own in parts]
    while True:
        said = [frozenset(own[:length]) for own, length in zip(parts, lengths, strict=True)]
        alike = [i for i, own in enumerate(parts) if said.count(said[i]) > 1]
        longer = [i for i in alike if lengths[i] < len(parts[i])]
        if not longer:
            break
        for i in longer:
            lengths[i] += 1
    names = [", ".join(own[:length]) for own, length in zip(parts, lengths, strict=True)]
    return [f"{name} ({i})" if name and i in alike else name for i, name in enumerate(names)]
