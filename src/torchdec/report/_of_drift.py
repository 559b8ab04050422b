"""The page of a comparison of new rows with those of a fit."""

from collections.abc import Sequence
from typing import Any

from torchdec._version import __version__
from torchdec.clusters._drift import LEVEL, Drift, Shift
from torchdec.report._page import template

_WHAT = {
    "size": "rows",
    "far out": "rows far out",
    "unsure": "rows of low confidence",
    "distance": "rows far from the centre",
    "column": "mean",
    "missing": "no known value",
}
# An effect from which on a bar is full.
_FULL = 1.5


def of_drift(found: Drift, title: str, model: str, names: Sequence[str]) -> str:
    """Make the page of what `torchdec.clusters.drift` found: one HTML file that asks nothing of the network.

    Parameters
    ----------
    found : Drift
        All comparisons.
    title, model : str
        What the new rows and the model are called.
    names : sequence of str
        Of the clusters; empty where one has none.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    ReportError
        Without the packages that it needs.
    """
    lines = [_line(shift, names) for shift in found.shifts]
    n_drifted = sum(shift.drifted for shift in found.shifts)
    html: str = template(
        "drift.html.j2"
    ).render(
        title=title,
        model=model,
        facts=[
            ("new rows", f"{found.n_rows:,}"),
            ("comparisons", f"{len(lines):,}"),
            ("drifted", f"{n_drifted:,}"),
        ],
        drifted=lines[:n_drifted],  # which come first
        others=lines[n_drifted:],
        level=f"{LEVEL:g}",
        least_effect=f"{found.least_effect:g}",
        footer=f"torchdec {__version__}",
    )
    return html


def _line(shift: Shift, names: Sequence[str]) -> dict[str, Any]:
    where = "all rows" if shift.of is None else str(shift.of)
    if isinstance(shift.of, int):
        where = f"cluster {shift.of} {names[shift.of]}".rstrip()
    return {
        "what": _WHAT[shift.what],
        "where": where,
        "written": shift.written,
        "effect": f"{'d' if shift.what == 'column' else 'h'} = {shift.effect:+.2f}",
        "is_below": shift.effect < 0,
        "bar": round(min(1, abs(shift.effect) / _FULL) * 50, 1),
        "p": f"{shift.p:.2g}",
    }
