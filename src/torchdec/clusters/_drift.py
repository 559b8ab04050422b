"""How new rows differ from those of a fit: clusters that grew, rows that are strange, columns that moved."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64
from numpy.typing import NDArray
from scipy.stats import fisher_exact, ttest_ind_from_stats

from torchdec._assigned import Assigned
from torchdec._core.compute import resolve
from torchdec._core.landmarks import FAR, MOST, profile_of, scores_of
from torchdec._core.torch_globals import under_own_globals
from torchdec._dec import DEC
from torchdec._predictor import UNSURE
from torchdec.clusters._traits import missing_in, parsed_rows
from torchdec.prepare._mixed import Mixed
from torchdec.rows._protocol import Rows
from torchdec.rows._shown import shown

# How likely it may be that rows like those of the fit are called drift, over all comparisons together.
LEVEL = 0.01
# What decides. The fit has learnt its own rows, so it is less sure of all others, however alike they are.
_DECIDES = ("size", "far out", "column", "missing")


@dataclass(frozen=True, slots=True)
class Shift:
    """Something that is compared between new rows and those of the fit.

    Attributes
    ----------
    what : str
        "size" (the fraction of all rows that a cluster has), "unsure" or "far out" (the fraction of rows that
        are less sure, or lie farther out, than 95 % of the rows of the fit), "distance" (the fraction that lies
        farther from the centre than the median row of the fit), "column" (a mean; of a level of a prepared table
        a fraction) or "missing" (the fraction that has no value in a column of a prepared table, or one that the
        fit did not have).
    of : int, str or None
        A cluster by number or a column by name; None is all rows.
    before, now : float
        The fraction or mean of the rows of the fit, and of the new ones, in the units of `X`. Of a number that the
        preparation transforms, the mean is that of the transformed numbers, brought back.
    written : tuple of (str, str)
        Both, as the table writes them: "$61", "2026-10-31", "12.5%".
    effect : float
        Its size, comparable among all: Cohen's h of a fraction, Cohen's d of a mean. From 0.2 on it is small,
        from 0.5 medium, from 0.8 large.
    p : float
        How likely rows like those of the fit differ by so much, times the number of comparisons, up to 1.
    drifted : bool
        Whether `p` is below 0.01, and the effect at least what was asked for; never for "unsure" and "distance".
        The fit has learnt its own rows, so it is less sure of all others, however alike they are.
    """

    what: str
    of: int | str | None
    before: float
    now: float
    written: tuple[str, str]
    effect: float
    p: float
    drifted: bool


@dataclass(frozen=True, slots=True)
class Drift:
    """What `drift` found.

    Attributes
    ----------
    n_rows : int
        New rows that hold something.
    least_effect : float
        Effects from which on a difference counts.
    shifts : tuple of Shift
        All comparisons: those that drifted first, the largest effects first among these and among the others.
    """

    n_rows: int
    least_effect: float
    shifts: tuple[Shift, ...]

    @property
    def drifted(self) -> bool:
        """Whether anything did."""
        return any(shift.drifted for shift in self.shifts)


@under_own_globals
def drift(model: DEC, X: Any, *, least_effect: float = 0.3) -> Drift:
    """Compare new rows with those that a model was fitted on, of which it keeps what is needed.

    A difference counts if it is more than chance *and* large enough: few rows differ by chance, and of a million
    rows each difference is more than that. Chance is judged over all comparisons together (Bonferroni).

    Parameters
    ----------
    model : DEC
        Fitted.
    X : array, sparse matrix, DataFrame or Rows of shape (n, d)
        Other rows than those of the fit.
    least_effect : float, default=0.3
        How large an effect must be; smaller values call smaller differences drift. 0.3 is a cluster that grows
        from 10 % to 20 % of all rows, or a mean that moves by 0.3 standard deviations.

    Returns
    -------
    Drift

    Raises
    ------
    ValueError
        If the model cannot read `X`, or `least_effect` isn't above 0.

    References
    ----------
    Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import DEC, Autoencoder
    >>> from torchdec.clusters import drift
    >>> X, y = load_digits(return_X_y=True)
    >>> model = DEC(10, representation=Autoencoder(max_epochs=2), tol=0.5, random_state=0).fit(X)
    >>> drift(model, X[::4]).drifted, drift(model, X[y < 5]).drifted
    (False, True)
    """
    if not (isinstance(least_effect, int | float) and least_effect > 0):
        raise ValueError(f"least_effect={shown(least_effect)} must be a number above 0; try 0.3.")
    rows, compute = model._new_rows(X), resolve(model.device, model.precision)
    assigned = Assigned(model, model._predict_rows(rows, compute))
    scores = scores_of(model.landmarks_, rows, model.scale_, compute)
    empty = np.isnan(scores)
    n_rows = int((~empty).sum())
    if not n_rows:
        raise ValueError("X has no row that holds something, so there is nothing to compare.")
    far = scores > model.landmarks_.level(1 - FAR)
    compared = [*_of_clusters(model, assigned, far, empty)]
    profile = profile_of(model.landmarks_, rows, model.scale_, -empty.astype(np.int64), 1, compute)
    compared += _of_columns(model, profile.columns, n_rows, rows.feature_names)
    compared += _of_gaps(model, rows, np.flatnonzero(~empty))
    shifts = [_judged(shift, len(compared), least_effect) for shift in compared]
    shifts.sort(key=lambda shift: (not shift.drifted, -abs(shift.effect)))
    return Drift(n_rows, float(least_effect), tuple(shifts))


def _judged(shift: Shift, n_compared: int, least_effect: float) -> Shift:
    """Say of a comparison, whose `p` is that of itself alone, whether it is drift beside all others."""
    p = min(1.0, shift.p * n_compared)
    drifted = shift.what in _DECIDES and p < LEVEL and abs(shift.effect) >= least_effect
    return replace(shift, p=p, drifted=drifted)


def _of_clusters(
    model: DEC, assigned: Assigned, far: Bool[NDArray[np.bool_], " rows"], empty: Bool[NDArray[np.bool_], " rows"]
) -> Iterator[Shift]:
    """Compare what fraction of all rows each cluster has, and what fraction of its rows is unusual."""
    k, labels = assigned.n_clusters, assigned.labels
    before, kept = model.cluster_sizes_, labels >= 0
    now = np.bincount(labels[kept], minlength=k)
    unsure = assigned.confidence < model.confidence_quantiles_[UNSURE]
    outside = ~(assigned.distance <= model.center_radii_[np.maximum(assigned.center, 0)])
    usual_far, usual_unsure = model.cluster_doubts_
    usual = model.cluster_doubts_ @ (before / before.sum())
    yield _fraction("far out", None, usual[0], far[~empty].mean(), before.sum(), int((~empty).sum()))
    if not kept.any():
        return
    yield _fraction("unsure", None, usual[1], unsure[kept].mean(), before.sum(), int(kept.sum()))
    for c in np.flatnonzero((before > 0) | (now > 0)).tolist():
        yield _fraction("size", c, before[c] / before.sum(), now[c] / now.sum(), before.sum(), now.sum())
        if before[c] and now[c]:
            own = labels == c
            for what, usual, found in (
                ("far out", usual_far[c], far),
                ("unsure", usual_unsure[c], unsure),
                ("distance", 0.5, outside),
            ):
                yield _fraction(what, c, usual, found[own].mean(), before[c], now[c])


def _fraction(what: str, of: int | str | None, before: float, now: float, n_before: int, n_now: int) -> Shift:
    """Compare two fractions by Cohen's h; the chance is Fisher's, which is exact for few rows too."""
    h = 2 * float(np.arcsin(np.sqrt(now)) - np.arcsin(np.sqrt(before)))
    counts = [(round(n * part), n - round(n * part)) for part, n in ((before, int(n_before)), (now, int(n_now)))]
    chance = fisher_exact(counts).pvalue
    written = f"{before:.1%}", f"{now:.1%}"
    return Shift(what, of, float(before), float(now), written, h, float(chance), drifted=False)


def _of_columns(
    model: DEC, columns: Float[NDArray[np.float32], "2 features"], n_now: int, names: Any
) -> Iterator[Shift]:
    """Compare the means of columns, which some of the rows tell, of the fit and of the new ones."""
    (before, spread), (now, spread_now) = (each.astype(np.float64) for each in (model.column_profile_, columns))
    n_before, n_now = (min(int(n), MOST) for n in (model.cluster_sizes_.sum(), n_now))
    if min(n_before, n_now) < 2:
        return
    offset, factor = np.zeros(len(before)), np.full(len(before), 1 / model.scale_)
    if model.feature_means_ is not None:
        offset, factor = model.feature_means_, factor * model.feature_deviations_
    pooled = np.sqrt((spread**2 + spread_now**2) / 2)
    moved = (pooled > 0) | (before != now)
    with np.errstate(divide="ignore", invalid="ignore"):
        d = np.where(pooled > 0, (now - before) / pooled, np.sign(now - before) * np.inf)
        # Few rows may by chance all have one value of a column, and then seem to be certain of their mean.
        widest = np.maximum(spread, spread_now)
        chance = ttest_ind_from_stats(now, widest, n_now, before, spread, n_before, equal_var=False).pvalue
    usual, found = (_in_units(model, values * factor + offset) for values in (before, now))
    for i in np.flatnonzero(moved).tolist():
        name = str(i) if names is None or len(names) != len(before) else names[i]
        (was, was_written), (is_now, now_written) = usual[i], found[i]
        effect, by_chance = float(np.clip(d[i], -99, 99)), float(np.nan_to_num(chance[i]))
        yield Shift("column", name, was, is_now, (was_written, now_written), effect, by_chance, drifted=False)


def _in_units(model: DEC, means: Float[NDArray[np.float64], " features"]) -> list[tuple[float, str]]:
    """Return means of what the encoder takes as numbers of the table, and as it writes them."""
    prepared = model.preparation_.prepared
    if isinstance(prepared, Mixed) and prepared.width == len(means):
        return prepared.in_units(means)
    return [(float(mean), f"{mean:.4g}") for mean in means]


def _of_gaps(model: DEC, rows: Rows, filled: Int64[NDArray[np.int64], " filled"]) -> Iterator[Shift]:
    """Compare how many rows have no value that the fit had in each column of a prepared table."""
    prepared = model.preparation_.prepared
    if not isinstance(prepared, Mixed):
        return
    some = filled if len(filled) <= MOST else np.random.default_rng(0).choice(filled, MOST, replace=False)
    n_before = int(model.cluster_sizes_.sum())
    for column, parsed in zip(prepared.columns, parsed_rows(rows, np.sort(some)), strict=True):
        missing = float(missing_in(parsed).mean())
        yield _fraction("missing", column.name, column.coding.missing, missing, n_before, len(some))
