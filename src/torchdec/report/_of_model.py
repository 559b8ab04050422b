"""The page of a model in memory, and the table of its clusters that a notebook shows."""

from html import escape
from typing import Any

import numpy as np

from torchdec._assigned import clusters_of
from torchdec._dec import DEC
from torchdec.clusters._describe import Cluster, describe
from torchdec.report._page import palette, render
from torchdec.rows._protocol import Rows, image_shape_of
from torchdec.runs._record import Run, fingerprint, installed_versions, plain, plain_history, seconds_a_stage

# Of more rows, a notebook shows sizes and names alone: it asks for the table each time the model is shown.
_MOST_ROWS = 20_000


def of_model(model: DEC, rows: Rows, labels: Any = None) -> str:
    """Make the page of a model and its rows: `torchdec.report.render`, with a record of what the model knows."""
    history = plain_history(getattr(model, "history_", ()))
    sizes = tuple(int(size) for size in model.cluster_sizes_)
    run = Run(
        parameters=plain(model.get_params()),
        versions=installed_versions(),
        data=fingerprint(rows, f"{len(rows):,} rows"),
        seconds=seconds_a_stage(history, max((record["seconds"] for record in history), default=0.0)),
        history=history,
        stop_reason=model.stop_reason_.name,
        cluster_sizes=sizes,
        cluster_confidences=(None,) * len(sizes),
        warnings=(),
        files=(),
        cluster_names=tuple(model.cluster_names_),
        edits=tuple(model.edits_),
    )
    parts = [(code, clusters_of(q)[0]) for code, q in model.predict_chunks(rows)]
    codes, clusters = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    shape = image_shape_of(rows)
    return render(run, model, codes, clusters, rows=rows, image_shape=shape, labels=labels)


def as_html(model: DEC, rows: Rows | None) -> str:
    """Return the clusters of a model as a table: sizes, names and, of rows at hand, what tells them apart."""
    clusters = describe(model, rows, n_features=3) if rows is not None and len(rows) <= _MOST_ROWS else ()
    sizes = [cluster.size for cluster in clusters] or model.cluster_sizes_.tolist()
    lines = []
    for number, (size, color) in enumerate(zip(sizes, palette(len(sizes)), strict=True)):
        name = clusters[number].shown_name if clusters else model.cluster_names_[number]
        told = _told(clusters[number]) if clusters else ""
        dot = f'<span style="color:{color}">●</span>'
        share = size / max(1, sum(sizes))
        cells = (f"{dot} {number}", escape(name), f"{size:,}", f"{share:.1%}", escape(told))
        lines.append("".join(f'<td style="text-align:left">{cell}</td>' for cell in cells))
    heads = "".join(f'<th style="text-align:left">{h}</th>' for h in ("cluster", "name", "rows", "share", ""))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _told(cluster: Cluster) -> str:
    """Say what tells a cluster from the others in a line."""
    if cluster.words or cluster.traits:
        return "; ".join(cluster.words[:5] or [trait.text for trait in cluster.traits[:3]])
    return ", ".join(f"{name} {by:+.1f}" for name, by in cluster.features[:3])
