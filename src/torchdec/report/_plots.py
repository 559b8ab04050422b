"""Clusters drawn with matplotlib: a map of the rows, profiles of the clusters, a tree of them."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from torchdec._dec import DEC
from torchdec.clusters._choose import new_axes
from torchdec.clusters._describe import Cluster, describe
from torchdec.clusters._layout import laid_out, sampled
from torchdec.report._page import joined, palette
from torchdec.rows._protocol import Rows
from torchdec.rows._shown import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Features of a profile: the strongest few of each cluster, and no more than can be read.
_STRONGEST, _MOST_FEATURES = 3, 40
_LONGEST = 30


def draw(model: DEC, kind: str, rows: Rows | None, ax: "Axes | None") -> "Axes":
    """Draw what `DEC.plot` documents."""
    if kind not in ("map", "profiles", "tree"):
        raise ValueError(f'kind={shown(kind)} must be "map", "profiles" or "tree".')
    axes = new_axes(ax)
    clusters = () if rows is None else describe(model, rows, n_features=rows.shape[1])
    names = [cluster.shown_name for cluster in clusters] or model.cluster_names_
    titles = [_short(f"{number} {name}".strip()) for number, name in enumerate(names)]
    if rows is None:
        return _tree(axes, model, titles)
    return _map(axes, model, rows, titles) if kind == "map" else _profiles(axes, clusters, titles)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _map(axes: "Axes", model: DEC, rows: Rows, titles: list[str]) -> "Axes":
    labels = model.predict(rows)
    given = np.flatnonzero(labels >= 0)
    points = given[sampled(len(given))]
    places = laid_out(model.transform(rows)[points])
    for number, (title, color) in enumerate(zip(titles, palette(len(titles)), strict=True)):
        own = places[labels[points] == number]
        if len(own):
            axes.scatter(own[:, 0], own[:, 1], s=6, color=color, label=title, linewidths=0)
            axes.annotate(title, np.median(own, axis=0), ha="center", va="center", fontsize="small")
    axes.set(xticks=[], yticks=[], title=f"{len(points):,} of {len(labels):,} rows")
    return axes


def _profiles(axes: "Axes", clusters: tuple[Cluster, ...], titles: list[str]) -> "Axes":
    by: list[dict[str, float]] = []
    for cluster in clusters:
        traits = {f"{t.column} {t.level or ''}".strip(): t.effect for t in reversed(cluster.traits)}
        by.append(traits or dict(cluster.features))
    strongest = [name for own in by for name in sorted(own, key=lambda name: -abs(own[name]))[:_STRONGEST]]
    features = list(dict.fromkeys(strongest))[:_MOST_FEATURES]
    values: NDArray[np.float64] = np.array([[own.get(name, np.nan) for own in by] for name in features])
    values = values.reshape(len(features), len(clusters))
    limit = max(float(np.nanmax(np.abs(values))), 1e-9) if np.isfinite(values).any() else 1.0
    picture = axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axes.set_xticks(range(len(titles)), titles, rotation=45, ha="right")
    axes.set_yticks(range(len(features)), [_short(name) for name in features])
    unit = "Cliff's delta" if clusters[0].traits else "standard deviations"
    axes.figure.colorbar(picture, ax=axes, label=f"{unit} from all other rows")
    return axes


def _tree(axes: "Axes", model: DEC, titles: list[str]) -> "Axes":
    if len(titles) < 2:
        raise ValueError("a tree needs 2 clusters or more; this model has 1.")
    drawn: dict[str, Any] = joined(model)
    for across, along in zip(drawn["icoord"], drawn["dcoord"], strict=True):
        axes.plot(along, across, color="0.4", linewidth=1)
    at = 5 + 10 * np.arange(len(titles))
    axes.set_yticks(at, [titles[leaf] for leaf in drawn["leaves"]])
    axes.set(xlabel="distance of centres", ylim=(0, 10 * len(titles)))
    return axes
