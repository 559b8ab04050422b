"""A run as three tables for others: its clusters, its rows, and what tells the clusters apart."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from torchdec.runs._excel import SheetWriter
from torchdec.runs._record import ASSIGNMENTS, Run, plain

FORMAT, SCHEMA = "torchdec clusters", 1
_TRAITS = ("column", "kind", "level", "effect", "value", "overall", "low", "high", "text")
_PROFILE = pa.schema(
    [
        ("cluster", pa.int64()),
        ("name", pa.string()),
        *((name, pa.float64()) if name in _TRAITS[3:8] else (name, pa.string()) for name in _TRAITS),
    ]
)


def tables_of_run(run: Run, directory: Path) -> dict[str, pa.Table]:
    """Return "clusters", one line each; "rows", with their ids; and "profile", one line a trait or word."""
    names, n_rows = run.shown_names, max(1, sum(run.cluster_sizes))
    about = run.descriptions or ({},) * len(names)
    traits = [
        own.get("traits") or [{"kind": "word", "text": word} for word in own.get("words", ())] for own in about
    ]
    clusters = pa.table(
        {
            "cluster": pa.array(range(len(names)), pa.int64()),
            "name": pa.array(names, pa.string()),
            "rows": pa.array(run.cluster_sizes, pa.int64()),
            "share": pa.array([size / n_rows for size in run.cluster_sizes], pa.float64()),
            "confidence": pa.array(run.cluster_confidences, pa.float64()),
            "stands_out": pa.array(["; ".join(trait["text"] for trait in own) for own in traits], pa.string()),
        }
    )
    rows = pq.read_table(directory / ASSIGNMENTS)
    of_row = pa.array([*names, None], pa.string()).take(
        pa.compute.if_else(pa.compute.less(rows["cluster"], 0), len(names), rows["cluster"])
    )
    profile = [
        {"cluster": number, "name": names[number], **{field: trait.get(field) for field in _TRAITS}}
        for number, own in enumerate(traits)
        for trait in own
    ]
    place = rows.schema.get_field_index("confidence") + 1
    return {
        "clusters": clusters,
        "rows": rows.add_column(place, "cluster_name", of_row),
        "profile": pa.Table.from_pylist(profile, schema=_PROFILE),
    }


def write_tables(path: Path, tables: dict[str, pa.Table]) -> None:
    """Write the tables as sheets of an `.xlsx`, or as one JSON object (docs/clusters.md has its fields)."""
    if path.suffix.lower() == ".json":
        told = {name: plain(table.to_pylist()) for name, table in tables.items()}
        text = json.dumps({"format": FORMAT, "schema": SCHEMA, **told}, indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
        return
    (_, first), *others = tables.items()
    writer = SheetWriter(path, first.schema)
    writer.write_table(first, 0)
    for title, table in others:
        writer.begin(title, table.schema)
        writer.write_table(table, 0)
    writer.close()
