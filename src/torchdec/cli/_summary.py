"""How a run looks as tables and lines on stdout, and as JSON."""

import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchdec._core.records import StopReason
from torchdec.cli._terminal import printable, tell

if TYPE_CHECKING:
    from torchdec.runs._record import Run


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object, and nothing else."""
    # JSON may escape any character, so what is read from it is the same.
    writes_all = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    text = json.dumps(value, indent=1, ensure_ascii=not writes_all, allow_nan=False)
    tell("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))


def run_json(out: Path, run: "Run") -> dict[str, Any]:
    """Return what `fit --json` prints: the record without its history, and where the run is."""
    record = run.to_json()
    del record["history"]
    return {"directory": str(out), **record}


def print_run(out: Path, run: "Run") -> None:
    """Print the clusters, why there are so many, why training stopped, and the paths that were written."""
    from torchdec.runs._record import REPORT

    print_clusters(run)
    print_traits(run)
    for edit in run.edits:
        print_changes(edit)
    if run.choice:
        tell(run.choice["reason"])
    tell(StopReason.sentence(run.stop_reason))
    tell(f"{run.seconds['total']:.1f} s. Written:")
    for name in (*run.files, REPORT):
        if (out / name).exists():
            tell(f"  {out / name}")


def print_clusters(run: "Run") -> None:
    """Print a table: cluster, its name where one has a name, rows, fraction, mean confidence, stability.

    Rows that are in no cluster count nowhere in it, and have a line below.
    """
    n_rows = sum(run.cluster_sizes)
    columns = {
        "cluster": [str(cluster) for cluster in range(len(run.cluster_sizes))],
        **({"name": run.cluster_names} if any(run.cluster_names) else {}),
        "rows": [f"{size:,}" for size in run.cluster_sizes],
        "fraction": [f"{size / max(1, n_rows):.1%}" for size in run.cluster_sizes],
        "mean confidence": ["-" if sure is None else f"{sure:.3f}" for sure in run.cluster_confidences],
        **({"stability": ["-" if s is None else f"{s:.2f}" for s in run.stability]} if run.stability else {}),
    }
    print_table(list(columns), zip(*columns.values(), strict=True), left=["name"])
    n_left = run.data.shape[0] - n_rows
    if n_left:
        why = "lie far from all others, or hold nothing," if run.parameters.get("noise") else "hold nothing"
        tell(f"{n_left:,} of {run.data.shape[0]:,} rows {why} and are in no cluster (-1).")


def print_traits(run: "Run") -> None:
    """Print a line for each cluster that has a description: number, name and what tells it from the others."""
    for number, (name, about) in enumerate(zip(run.shown_names, run.descriptions, strict=False)):
        told = "; ".join(trait["text"] for trait in about["traits"][:3]) or ", ".join(about.get("words", ()))
        tell(printable(f"{number} {name}: {told}" if told else f"{number} {name}".rstrip()))
    if run.rules:
        tell(f"The page has rules that put {run.rules['fidelity']:.0%} of held-out rows where the model does.")


def print_changes(edit: Mapping[str, Any]) -> None:
    """Print a line for each thing that an edit made of the clusters."""
    from torchdec.clusters._edits import in_words

    for line in in_words(edit):
        tell(printable(line))


def print_table(headings: Sequence[str], lines: Iterable[Sequence[str]], left: Collection[str] = ()) -> None:
    """Print a table, aligned to the right but for some columns; users or files may have named what it holds."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="left" if heading in left else "right", overflow="fold")
    for line in lines:
        table.add_row(*(escape(printable(cell)) for cell in line))
    Console(highlight=False).print(table)


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    rows = list(facts)
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        tell(f"{name:<{width}}  {value}")
