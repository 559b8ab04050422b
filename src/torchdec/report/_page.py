"""The page of a run, from what is in its directory and, where they are at hand, the rows."""

import base64
import colorsys
import json
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec._assigned import Assigned, assign_parts
from torchdec._core.records import StopReason
from torchdec._dec import DEC
from torchdec.clusters._describe import Cluster, Description, apart, description_of
from torchdec.clusters._edits import in_words, notes_of
from torchdec.clusters._layout import laid_out, sampled
from torchdec.clusters._rules import Rules
from torchdec.report._content import Content, over_time
from torchdec.rows._protocol import Rows
from torchdec.runs._record import Run

# Examples of a cluster, rows of it that are nearly in another one, and other clusters named as near.
_EXAMPLES, _BORDERLINE, _NEAR = 10, 5, 3
# Rows in no cluster, and clusters that refits don't find again, that are named.
_NAMED = 10
# Below it a cluster should not be trusted (Hennig, 2007).
_STABLE = 0.6
# A row is clear from this confidence on: it is more like its cluster than like all others together. Below the
# other it may be shown on the border. So many rows that aren't clear tell which clusters run into each other.
_CLEAR, _BORDER, _MOST_BETWEEN = 0.5, 0.75, 5000


class ReportError(ValueError):
    """A report that cannot be made; the message says what to do."""


def render(
    run: Run,
    model: DEC,
    codes: NDArray[np.float32],
    assignments: NDArray[np.int32],
    *,
    rows: Rows | None = None,
    image_shape: tuple[int, ...] | None = None,
    labels: NDArray[Any] | None = None,
    description: Description | None = None,
) -> str:
    """Make the page: one HTML file that needs nothing else, and asks for nothing from the network.

    Parameters
    ----------
    run : Run
        The record.
    model : DEC
        Of the run.
    codes : ndarray of shape (n, z), float32
        The embedding of the run.
    assignments : ndarray of shape (n,), int32
        The clusters of its rows, -1 for those in none.
    rows : Rows of shape (n, d), optional
        The rows of the run: they tell which features stand out, and are the pictures.
    image_shape : tuple of int, optional
        Height, width and perhaps channels, where each row is an image. It is shown where it has 1 channel or 3.
    labels : ndarray of shape (n,), optional
        Known classes, to compare the clusters with.
    description : Description, optional
        Of the clusters by these rows, where it was made already.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    ReportError
        Without the packages that it needs, or if the arguments are not of the same rows.
    """
    page = template("page.html.j2")
    _check(run, codes, rows, image_shape, labels)
    assigned = Assigned(model, assign_parts(model, codes, assignments))
    if description is None:
        description = description_of(model, assigned, rows, are_pictures=image_shape is not None)
    clusters = description.clusters
    content = Content(rows, image_shape, clusters)
    titles = [cluster.shown_name or f"Cluster {cluster.number}" for cluster in clusters]
    colors = palette(len(clusters))
    given = np.flatnonzero(assigned.labels >= 0)  # the others hold nothing, or belong nowhere
    points = given[sampled(len(given))]
    charts = _charts(run, colors, titles)
    course = _course(rows, assigned, titles, colors)
    tree = _tree(model, titles, colors)
    looks = [{"title": title, "color": color} for title, color in zip(titles, colors, strict=True)]
    cards = [
        look | card
        for look, card in zip(looks, _cards(run, model, codes, assigned, clusters, content), strict=True)
    ]
    data = {
        "map": _map(codes, assigned, points) | content.of_points(points),
        "clusters": looks,
        "levels": [list(level.groups) for level in model.levels_[:-1]],
        "charts": [*([] if course is None else [course]), *charts],
        "tree": tree,
    }
    html: str = page.render(
        title=run.data.name,
        facts=_facts(run),
        trust=_trust(run, model, codes, assigned, titles, content),
        warnings=run.warnings,
        changes=_changes(run),
        map_note=_map_note(len(points), len(given)),
        clusters=cards,
        stands_out=any(card["cluster"].words or card["cluster"].traits or card["features"] for card in cards),
        has_stability=bool(run.stability),
        largest_share=max(cluster.share for cluster in clusters) or 1,
        rules=_rule_lines(description.rules, titles, colors),
        truth=None if labels is None else _truth(labels, assigned.labels, titles),
        course=course,
        tree=tree,
        charts=charts,
        footer=f"torchdec {run.versions.get('torchdec', '')}, torch {run.versions.get('torch', '')}. "
        f"Data {run.data.sha256[:16]}.",
        # Inside a script element only a tag could end the data early.
        data=json.dumps(_plain(data), allow_nan=False).replace("<", "\\u003c"),
    )
    return html


def template(name: str) -> Any:
    """Return a page without its content, which takes the styles and scripts that it needs."""
    try:
        import PIL  # noqa: F401
        from jinja2 import Environment
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ReportError(f"A report needs {error.name}; try pip install 'torchdec[report]'.") from None
    own = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    own.globals |= {"resource": _resource, "plotly": get_plotlyjs}
    return own.from_string(_resource(name))


def palette(n_clusters: int) -> list[str]:
    """Return colours that differ: hues by the golden angle, and two depths, for light and dark pages alike."""
    colors = []
    for number in range(n_clusters):
        hue, lightness = (0.58 + number * 0.381966) % 1, 0.5 if number % 2 else 0.58
        red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.62)
        colors.append(f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}")
    return colors


def _check(
    run: Run,
    codes: NDArray[np.float32],
    rows: Rows | None,
    image_shape: tuple[int, ...] | None,
    labels: NDArray[Any] | None,
) -> None:
    n, d = run.data.shape
    if len(codes) != n:
        raise ReportError(f"The embedding has {len(codes)} rows, but the run has {n}; fit again.")
    if rows is not None and rows.shape != (n, d):
        raise ReportError(f"DATA has the shape {rows.shape}, but the run was fitted on {(n, d)}; give its rows.")
    if image_shape and int(np.prod(image_shape)) != d:
        raise ReportError(f"image_shape={image_shape} makes {np.prod(image_shape)} values, but rows have {d}.")
    if labels is not None and len(labels) != n:
        raise ReportError(f"There are {len(labels)} labels for {n} rows; give one for every row.")


def _facts(run: Run) -> list[tuple[str, str]]:
    n, d = run.data.shape
    k = len(run.cluster_sizes)
    return [
        ("clusters", f"{k:,}"),
        ("rows", f"{n:,}"),
        ("features", f"{d:,}"),
        ("seconds", f"{run.seconds.get('total', 0):,.1f}"),
    ]


def _cards(
    run: Run,
    model: DEC,
    codes: NDArray[np.float32],
    assigned: Assigned,
    clusters: tuple[Cluster, ...],
    content: Content,
) -> list[dict[str, Any]]:
    """Return what the card and the view of each cluster show."""
    stability, notes = run.stability or [None] * len(clusters), notes_of(model.edits_, len(clusters))
    least = [_least_clear(assigned, cluster.number) for cluster in clusters]
    shown = np.unique(np.concatenate([*least, *(cluster.exemplars[:_EXAMPLES] for cluster in clusters)]))
    examples = content.examples(shown.astype(np.int64))
    second = _second(model, codes, np.concatenate(least).astype(np.int64))
    distances = apart(model)
    return [
        {
            "cluster": cluster,
            "stability": stable,
            "examples": [examples[row] for row in cluster.exemplars[:_EXAMPLES]],
            "borderline": [{**examples[row], "other": second[row]} for row in own.tolist() if row in second],
            "features": _in_deviations(cluster),
            "near": np.argsort(distances[cluster.number], kind="stable")[1 : 1 + _NEAR].tolist(),
            "note": note,
            "trust": _in_words(assigned.confidence[assigned.labels == cluster.number]),
        }
        for cluster, own, note, stable in zip(clusters, least, notes, stability, strict=True)
    ]


def _in_deviations(cluster: Cluster) -> list[tuple[str, float, str]]:
    """Return features, how far the cluster lies from all rows, and that in words."""
    return [
        (f"feature {name}" if name.isdecimal() else name, by, f"{abs(by):.1f} sd {'above' if by > 0 else 'below'}")
        for name, by in cluster.features
    ]


def _least_clear(assigned: Assigned, number: int) -> NDArray[np.int64]:
    """Return the rows on the border of a cluster, the least clearly in it first."""
    own = np.flatnonzero((assigned.labels == number) & (assigned.confidence < _BORDER))
    return own[np.argsort(assigned.confidence[own], kind="stable")[:_BORDERLINE]]


def _second(
    model: DEC, codes: NDArray[np.float32], numbers: NDArray[np.int64]
) -> dict[int, tuple[int, float, float]]:
    """Return of each row the second cluster that it is like, and the probabilities of the first and of that."""
    if len(model.cluster_names_) < 2 or not len(numbers):
        return {}
    q = model.assign(np.array(codes[numbers]))
    order = np.argsort(-q, axis=1, kind="stable")
    return {
        int(row): (int(second), float(own[first]), float(own[second]))
        for row, own, (first, second, *_) in zip(numbers, q, order, strict=True)
    }


def _in_words(confidence: NDArray[np.float32]) -> str:
    if not len(confidence):
        return "no rows"
    clear = float((confidence >= _CLEAR).mean())
    how = "clear" if clear >= 0.95 else "mostly clear" if clear >= 0.8 else "blurred"
    return f"{how}: {_percent(clear)} of its rows are more like it than like all other clusters together"


def _percent(fraction: float) -> str:
    """Write a fraction so that nearly all isn't all."""
    return f"{fraction:.1%}" if 0.99 <= fraction < 1 else f"{fraction:.0%}"


def _trust(
    run: Run, model: DEC, codes: NDArray[np.float32], assigned: Assigned, titles: list[str], content: Content
) -> list[str]:
    """Say what to trust, and what not, in sentences."""
    inside = assigned.labels >= 0
    said = list[str]()
    if inside.any():
        clear = float((assigned.confidence[inside] >= _CLEAR).mean())
        said.append(f"{_percent(clear)} of the rows are more like their cluster than like all others together.")
    between = np.flatnonzero(inside & (assigned.confidence < _CLEAR))
    second = _second(model, codes, between[:: max(1, len(between) // _MOST_BETWEEN)])
    pairs = Counter(tuple(sorted((int(assigned.labels[row]), other))) for row, (other, *_) in second.items())
    if pairs:
        (a, b), n = pairs.most_common(1)[0]
        said.append(
            f"{len(between):,} lie between clusters, most often ({n / len(second):.0%}) between “{titles[a]}” and "
            f"“{titles[b]}”."
        )
    if not inside.all():
        said.append(
            _in_none(np.flatnonzero(~inside), len(codes), content, has_noise=model.noise_level_ is not None)
        )
    if run.stability:
        said.append(_stable(run.stability, titles))
    if content.has_pictures:
        said.append(
            "Pictures were compared pixel by pixel, so brightness, background and position count. Photographs are "
            "told apart better by the vectors of a vision model."
        )
    return [*said, StopReason.sentence(run.stop_reason)]


def _in_none(rows: NDArray[np.int64], n_rows: int, content: Content, *, has_noise: bool) -> str:
    lie, hold, are = ("lies", "holds", "is") if len(rows) == 1 else ("lie", "hold", "are")
    why = f"{lie} far from all others, or {hold} nothing, and {are}" if has_noise else f"{hold} nothing and {are}"
    which = content.names(rows, _NAMED)
    return f"{len(rows):,} of {n_rows:,} rows {why} in no cluster (-1): {which}."


def _stable(stability: Sequence[float | None], titles: list[str]) -> str:
    known = [(value, title) for value, title in zip(stability, titles, strict=True) if value is not None]
    rarely = [f"“{title}” ({value:.2f})" for value, title in sorted(known) if value < _STABLE]
    if rarely:
        others = f" and {len(rarely) - _NAMED} more" if len(rarely) > _NAMED else ""
        return (
            f"Refits on parts of the rows don't find these clusters again: {', '.join(rarely[:_NAMED])}{others}."
        )
    least = min((value for value, _ in known), default=1.0)
    return f"Refits on parts of the rows find every cluster again (stability {least:.2f} or more)."


def _changes(run: Run) -> list[str]:
    """Say what became of the clusters of an older run, where nothing but names and notes came later."""
    edits = [edit for edit in run.edits if edit["edit"] not in ("rename", "note")]
    return in_words(edits[-1]) if edits else []


def _map_note(n_points: int, n_rows: int) -> str:
    which = "Every row" if n_points == n_rows else f"{n_points:,} of {n_rows:,} rows, drawn at random"
    return f"{which}. Rows that are alike lie near each other; distances between clusters mean little."


def _map(codes: NDArray[np.float32], assigned: Assigned, points: NDArray[np.int64]) -> dict[str, Any]:
    placed = laid_out(np.array(codes[points]))
    return {
        "x": placed[:, 0],
        "y": placed[:, 1],
        "row": points.astype("<i4"),
        "cluster": assigned.labels[points].astype("<i4"),
        "confidence": assigned.confidence[points].astype("<f4"),
    }


def _plain(value: Any) -> Any:
    """Make arrays the base64 of their bytes, wherever they are in the data of the page."""
    if isinstance(value, np.ndarray):
        return base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _rule_lines(rules: Rules | None, titles: list[str], colors: list[str]) -> dict[str, Any] | None:
    if rules is None:
        return None
    return {
        "fidelity": f"{rules.fidelity:.1%}",
        "n_held_out": f"{rules.n_held_out:,}",
        "lines": [
            {
                "title": titles[rule.cluster],
                "color": colors[rule.cluster],
                "conditions": rule.conditions or ("all rows",),
                "share": f"{rule.share:.1%}",
                "precision": "–" if rule.precision is None else f"{rule.precision:.0%}",
            }
            for rule in rules.rules
        ],
    }


def joined(model: DEC) -> dict[str, Any]:
    """Join clusters with near centres, then near groups of them (average linkage), as scipy's dendrogram does."""
    from scipy.cluster.hierarchy import dendrogram, linkage
    from scipy.spatial.distance import squareform

    drawn: dict[str, Any] = dendrogram(linkage(squareform(apart(model), checks=False), "average"), no_plot=True)
    return drawn


def _tree(model: DEC, titles: list[str], colors: list[str]) -> dict[str, Any] | None:
    if len(titles) < 3:
        return None
    drawn = joined(model)
    return {
        "lines": [list(pair) for pair in zip(drawn["icoord"], drawn["dcoord"], strict=True)],
        "at": [5 + 10 * place for place in range(len(titles))],
        "titles": [titles[leaf] for leaf in drawn["leaves"]],
        "colors": [colors[leaf] for leaf in drawn["leaves"]],
    }


def _truth(labels: NDArray[Any], assigned: NDArray[np.int32], titles: list[str]) -> dict[str, Any]:
    from scipy.optimize import linear_sum_assignment

    from torchdec.metrics import ari, clustering_accuracy, nmi

    classes, codes = np.unique(np.asarray(labels), return_inverse=True)
    counts = np.zeros((len(classes), len(titles)), dtype=np.int64)
    found = assigned >= 0
    np.add.at(counts, (codes[found], assigned[found]), 1)
    matched_class, matched = linear_sum_assignment(-counts)
    order = [*matched.tolist(), *np.setdiff1d(np.arange(len(titles)), matched).tolist()]
    lines = [*matched_class.tolist(), *np.setdiff1d(np.arange(len(classes)), matched_class).tolist()]
    return {
        "acc": f"{clustering_accuracy(labels, assigned):.4f}",
        "nmi": f"{nmi(labels, assigned):.4f}",
        "ari": f"{ari(labels, assigned):.4f}",
        "columns": [titles[number] for number in order],
        "lines": [(str(classes[i]), counts[i, order].tolist()) for i in lines],
    }


def _charts(run: Run, colors: list[str], titles: list[str]) -> list[dict[str, Any]]:
    epochs = [record for record in run.history if record["record"] == "Epoch"]
    updates = [record for record in run.history if record["record"] == "Update"]
    charts: list[dict[str, Any]] = []
    if len(epochs) > 1:
        charts.append(_losses(epochs))
    if len(updates) > 1:
        numbers = [record["number"] for record in updates]
        trained = updates[1:]
        changed = [100 * record["changed"] for record in trained]
        charts.append(_chart("changed", "Rows that changed cluster, %", "update", numbers[1:], [changed]))
        charts.append(_chart("kl", "KL(P‖Q)", "update", numbers, [[record["kl"] for record in updates]]))
        sizes = np.array([record["sizes"] for record in updates]).T.tolist()
        if not run.edits:
            chart = _chart("sizes", "Rows of each cluster", "update", numbers, sizes, titles)
            charts.append({**chart, "colors": colors})
    return charts


def _course(rows: Rows | None, assigned: Assigned, titles: list[str], colors: list[str]) -> dict[str, Any] | None:
    """Return how many rows each cluster has over time, where rows have dates."""
    course = over_time(rows, assigned.labels, assigned.n_clusters)
    if course is None:
        return None
    chart = _chart("course", "", course.column, course.periods, course.counts.tolist(), titles)
    undated = f" {course.n_undated:,} rows have no date." if course.n_undated else ""
    note = (
        f"Rows of each cluster by {course.unit} of {course.column}.{undated} Point at a line to see whose it is."
    )
    return {
        **chart,
        "colors": colors,
        "note": note,
    }


def _losses(epochs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the loss over all steps, a line for each stage, whose own steps begin at 0 again."""
    steps, before = [], 0
    for last, record in pairwise([epochs[0], *epochs]):
        before += last["step"] if record["stage"] != last["stage"] else 0
        steps.append(before + record["step"])
    stages = list(dict.fromkeys(record["stage"] for record in epochs))
    lines = [[record["loss"] if record["stage"] == stage else None for record in epochs] for stage in stages]
    return _chart("loss", "Loss of the representation", "step", steps, lines, stages)


def _chart(
    name: str, title: str, x_title: str, x: list[Any], lines: list[Any], names: list[str] | None = None
) -> dict[str, Any]:
    return {
        "id": f"chart-{name}",
        "title": title,
        "x_title": x_title,
        "x": x,
        "lines": lines,
        "names": names or [title],
        "colors": None,
    }


def _resource(name: str) -> str:
    return (files("torchdec.report") / name).read_text(encoding="utf-8")
