"""The page of a run, from what is in its directory and, where they are at hand, the rows."""

import base64
import colorsys
import json
import math
from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec._assigned import Assigned, assign_parts
from torchdec._core.records import StopReason
from torchdec._dec import DEC
from torchdec.clusters._describe import Cluster, apart, described
from torchdec.clusters._rules import Rules, rules_of
from torchdec.clusters._traits import parsed_rows, sampled_table, written
from torchdec.report._layout import layout, sampled
from torchdec.report._pictures import as_pixels, data_uri, sheet
from torchdec.rows._ids import row_ids, row_name
from torchdec.rows._part import numbered
from torchdec.rows._precision import differences
from torchdec.rows._protocol import Rows
from torchdec.runs._record import Run

# Features told of each row on the map, and values of rows that are held at a time to find them.
_FEATURES, _MOST_VALUES = 3, 1 << 22
# Columns of a table whose values are told of each row.
_COLUMNS = 6
_MOST_UNCERTAIN = 20
_MOST_CHARACTERS = 160
# More pictures a cluster would not fit beside its numbers.
_PICTURES = 10


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
        Height, width and perhaps 3 channels, where each row is an image.
    labels : ndarray of shape (n,), optional
        Known classes, to compare the clusters with.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    ReportError
        Without the packages that it needs, or if the arguments are not of the same rows.
    """
    try:
        import openTSNE  # noqa: F401
        import PIL  # noqa: F401
        from jinja2 import Environment
        from markupsafe import Markup
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ReportError(f"A report needs {error.name}; try pip install 'torchdec[report]'.") from None
    _check(run, codes, rows, image_shape, labels)
    assigned = Assigned(model, assign_parts(model, codes, assignments))
    table = None if image_shape else sampled_table(rows, assigned.labels, assigned.n_clusters)
    clusters = described(model, assigned, rows, table)
    titles = [_title(cluster) for cluster in clusters]
    colors = palette(len(clusters))
    given = np.flatnonzero(assigned.labels >= 0)  # the others hold nothing, or belong nowhere
    points = given[sampled(len(given))]
    uncertain = _uncertain(model, codes, assigned, titles, colors)
    pictured = {row for cluster in clusters for row in cluster.exemplars[:_PICTURES]}
    pictured |= {row["number"] for row in uncertain}
    texts = getattr(rows, "texts", None)
    in_words = (
        _in_words(rows, np.union1d(points, sorted(pictured)), clusters) if table and rows is not None else {}
    )
    images = _Images(rows, image_shape, points[:1000]) if rows is not None and image_shape else None
    charts = _charts(run, colors, titles)
    tree = _tree(model, clusters, titles, colors)
    data = {
        "map": _map(codes, assigned, points, images, texts, in_words, rows),
        "clusters": [{"title": title, "color": color} for title, color in zip(titles, colors, strict=True)],
        "charts": charts,
        "tree": tree,
    }
    template = Environment(autoescape=True).from_string(_resource("page.html.j2"))
    return template.render(
        title=run.data.name,
        facts=_facts(run),
        stopped=StopReason.sentence(run.stop_reason),
        warnings=run.warnings,
        map_note=_map_note(len(points), len(given)),
        empty=_empty_line(
            np.flatnonzero(assigned.labels < 0), len(codes), has_noise=model.noise_level_ is not None
        ),
        clusters=_cluster_lines(clusters, titles, colors),
        largest_share=max(cluster.share for cluster in clusters),
        any_traits=table is not None,
        any_features=table is None and images is None and any(cluster.features for cluster in clusters),
        rules=None if table is None else _rule_lines(rules_of(table), titles, colors),
        snippets=in_words or (None if texts is None else {row: _snippet(texts[row]) for row in pictured}),
        pictures=images.data_uris(sorted(pictured)) if images else None,
        tree=tree,
        uncertain=uncertain,
        truth=None if labels is None else _truth(labels, assigned.labels, titles),
        charts=charts,
        footer=f"torchdec {run.versions.get('torchdec', '')}, torch {run.versions.get('torch', '')}. "
        f"Data {run.data.sha256[:16]}.",
        css=Markup(_resource("page.css")),  # noqa: S704
        js=Markup(_resource("page.js")),  # noqa: S704
        plotly=Markup(get_plotlyjs()),  # noqa: S704
        # Inside a script element only a tag could end the data early.
        data=Markup(json.dumps(data, allow_nan=False).replace("<", "\\u003c")),  # noqa: S704
    )


def palette(n_clusters: int) -> list[str]:
    """Return colours that differ: hues by the golden angle, and two depths, for light and dark pages alike."""
    colors = []
    for number in range(n_clusters):
        hue, lightness = (0.58 + number * 0.381966) % 1, 0.5 if number % 2 else 0.58
        red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.62)
        colors.append(f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}")
    return colors


class _Images:
    """The rows as pictures, all on one scale of brightness."""

    def __init__(self, rows: Rows, shape: tuple[int, ...], points: NDArray[np.int64]) -> None:
        self._shape = shape
        self._rows = rows
        some = rows.take(points)
        self._low, self._high = float(np.nanmin(some)), float(np.nanmax(some))

    def _pixels(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        parts = _values_at_a_time(numbers, self._rows.shape[1])
        return np.concatenate(
            [as_pixels(self._rows.take(part), self._low, self._high, self._shape) for part in parts]
        )

    def sheet(self, numbers: NDArray[np.int64]) -> dict[str, Any]:
        """Return one picture of all these rows, how many are in a line of it, and how large each is."""
        pixels = self._pixels(numbers)
        found = sheet(pixels)
        return {"sheet": found[0], "per_line": found[1], "shape": pixels.shape[1:3]} if found else {}

    def data_uris(self, numbers: Sequence[int]) -> dict[int, str]:
        pixels = self._pixels(np.array(numbers, dtype=np.int64))
        return {number: data_uri(image) for number, image in zip(numbers, pixels, strict=True)}


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
    if image_shape and len(image_shape) == 3 and image_shape[2] not in (1, 3):
        raise ReportError(f"image_shape={image_shape} has {image_shape[2]} channels; pictures have 1 or 3.")
    if labels is not None and len(labels) != n:
        raise ReportError(f"There are {len(labels)} labels for {n} rows; give one for every row.")


def _title(cluster: Cluster) -> str:
    return f"{cluster.number} {cluster.shown_name}".strip()


def _cluster_lines(clusters: tuple[Cluster, ...], titles: list[str], colors: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "title": title,
            "color": color,
            "size": cluster.size,
            "share": cluster.share,
            "confidence": _three_digits(cluster.confidence),
            "confidence_p10": _three_digits(cluster.confidence_p10),
            "nearest": "" if cluster.nearest is None else titles[cluster.nearest],
            "features": cluster.features,
            "traits": [trait.text for trait in cluster.traits],
            "exemplars": cluster.exemplars[:_PICTURES],
        }
        for cluster, title, color in zip(clusters, titles, colors, strict=True)
    ]


def _three_digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _facts(run: Run) -> list[tuple[str, str]]:
    n, d = run.data.shape
    return [
        ("rows", f"{n:,}"),
        ("features", f"{d:,}"),
        ("clusters", f"{len(run.cluster_sizes):,}"),
        ("updates", f"{run.n_updates}"),
        ("seconds", f"{run.seconds.get('total', 0):,.1f}"),
    ]


def _empty_line(empty: NDArray[np.int64], n_rows: int, *, has_noise: bool) -> str:
    if not len(empty):
        return ""
    if has_noise:
        return (
            f"{len(empty):,} of {n_rows:,} rows lie far from all others, or hold nothing, and are in no cluster "
            f"(-1): {numbered(empty, 20)}."
        )
    hold, are = ("holds", "is") if len(empty) == 1 else ("hold", "are")
    return f"{len(empty):,} of {n_rows:,} rows {hold} nothing and {are} in no cluster (-1): {numbered(empty, 20)}."


def _map_note(n_points: int, n_rows: int) -> str:
    which = "Every row" if n_points == n_rows else f"{n_points:,} of {n_rows:,} rows, drawn at random"
    return (
        f"{which}, laid out by t-SNE of the code: neighbours stay neighbours, while distances between clusters "
        "and their extents mean little."
    )


def _map(
    codes: NDArray[np.float32],
    assigned: Assigned,
    points: NDArray[np.int64],
    images: _Images | None,
    texts: Sequence[str] | None,
    in_words: dict[int, str],
    rows: Rows | None,
) -> dict[str, Any]:
    placed = layout(np.array(codes[points]))
    result: dict[str, Any] = {
        "x": _encoded(placed[:, 0].astype("<f4")),
        "y": _encoded(placed[:, 1].astype("<f4")),
        "row": _encoded(points.astype("<i4")),
        "cluster": _encoded(assigned.labels[points].astype("<i4")),
        "confidence": _encoded(assigned.confidence[points].astype("<f4")),
    }
    if images:
        result |= images.sheet(points)
    elif in_words:
        result["text"] = [in_words[int(point)] for point in points]
    elif texts is not None:
        result["text"] = [_snippet(texts[point]) for point in points]
    elif rows is not None:
        result["features"] = _row_features(rows, points)
    return result


def _in_words(rows: Rows, index: NDArray[np.int64], clusters: tuple[Cluster, ...]) -> dict[int, str]:
    """Say what some rows of a table hold, in the columns that tell clusters apart, after their ids."""
    strongest: dict[str, float] = {}
    for trait in (trait for cluster in clusters for trait in cluster.traits):
        strongest[trait.column] = max(abs(trait.effect), strongest.get(trait.column, 0))
    chosen = sorted(strongest, key=lambda name: -strongest[name])[:_COLUMNS]
    columns = {column.name: written(column) for column in parsed_rows(rows, index) if column.name in chosen}
    ids = row_ids(rows)
    told = {}
    for place, row in enumerate(index.tolist()):
        values = ", ".join(f"{name} {columns[name][place]}" for name in chosen)
        told[row] = _snippet(f"{row_name(ids, row) if ids else f'row {row}'}: {values}")
    return told


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


def _row_features(rows: Rows, points: NDArray[np.int64]) -> dict[str, Any]:
    """Find what is most unusual in each row: its values that lie most standard deviations from the mean."""
    d = rows.shape[1]
    parts = _values_at_a_time(points, d)
    first = rows.take(points[:1])[0].astype(np.float64)  # of the mean, which a large offset would round
    mean = sum(differences(rows.take(part), first).sum(axis=0) for part in parts) / len(points)
    squares = sum(np.square(differences(rows.take(part), first) - mean).sum(axis=0) for part in parts)
    spread = np.sqrt(squares / len(points))
    spread[spread == 0] = np.inf
    which, by = [], []
    for part in parts:
        unusual = (differences(rows.take(part), first) - mean) / spread
        most = np.argsort(-np.abs(unusual), axis=1, kind="stable")[:, :_FEATURES]
        which.append(most)
        by.append(np.take_along_axis(unusual, most, axis=1))
    used, places = np.unique(np.concatenate(which), return_inverse=True)
    names = rows.feature_names or [f"feature {number}" for number in range(d)]
    return {
        "names": [names[number] for number in used],
        "each": min(_FEATURES, d),
        "which": _encoded(places.astype("<i4")),
        "by": _encoded(np.concatenate(by).astype("<f4")),
    }


def _values_at_a_time(numbers: NDArray[np.int64], width: int) -> list[NDArray[np.int64]]:
    """Cut numbers of rows so that the rows of each part fit well into memory."""
    return np.array_split(numbers, max(1, math.ceil(len(numbers) * width / _MOST_VALUES)))


def _snippet(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _MOST_CHARACTERS else words[: _MOST_CHARACTERS - 1] + "…"


def _encoded(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def _uncertain(
    model: DEC, codes: NDArray[np.float32], assigned: Assigned, titles: list[str], colors: list[str]
) -> list[dict[str, Any]]:
    if len(titles) < 2:
        return []
    sure = np.where(assigned.labels < 0, np.inf, assigned.confidence)
    numbers = np.argsort(sure, kind="stable")[: min(_MOST_UNCERTAIN, np.isfinite(sure).sum())]
    q = model.assign(np.array(codes[numbers]))
    order = np.argsort(-q, axis=1, kind="stable")
    return [
        {
            "number": int(number),
            "choices": [(titles[j], colors[j], f"{own[j]:.2f}") for j in (first, second)],
        }
        for number, own, (first, second, *_) in zip(numbers, q, order, strict=True)
    ]


def _tree(
    model: DEC, clusters: tuple[Cluster, ...], titles: list[str], colors: list[str]
) -> dict[str, Any] | None:
    """Join clusters with near centres, then near groups of them (average linkage), as lines of a drawing."""
    from scipy.cluster.hierarchy import dendrogram, linkage
    from scipy.spatial.distance import squareform

    if len(clusters) < 3:
        return None
    drawn = dendrogram(linkage(squareform(apart(model), checks=False), "average"), no_plot=True)
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
    name: str, title: str, x_title: str, x: list[int], lines: list[Any], names: list[str] | None = None
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
