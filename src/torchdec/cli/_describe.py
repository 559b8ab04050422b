"""`torchdec summary`."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming, naming_rows
from torchdec.cli._run_files import names_of_run, rows_like
from torchdec.cli._summary import print_clusters, print_json, print_table, print_traits
from torchdec.cli._terminal import printable, tell

if TYPE_CHECKING:
    import pyarrow as pa

    from torchdec.clusters._describe import Cluster
    from torchdec.clusters._rules import Rules


def summary(
    model: _options.Model,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            show_default=False,
            help=f"{_options.DATA_HELP} Without it, only what the run holds is shown.",
        ),
    ] = None,
    text_column: _options.TextColumn = None,
    as_json: _options.Json = False,
) -> None:
    """Describe each cluster.

    It prints the size, the confidence, the nearest other cluster, exemplars, and what stands out: traits and rules
    in the units of a table, words of texts, and for other rows features, by how many standard deviations they
    differ from the mean of all rows.
    """
    from torchdec._assigned import Assigned
    from torchdec._model_file import load
    from torchdec.clusters._describe import described
    from torchdec.clusters._rules import rules_of
    from torchdec.clusters._traits import sampled_table
    from torchdec.rows._ids import row_ids

    if data is None:
        _print_kept(model, as_json=as_json)
        return
    with naming("MODEL"):
        fitted = load(model)
    rows = rows_like(fitted, data, text_column=text_column)
    with naming_rows(str(data)):
        assigned = Assigned(fitted, fitted.predict_chunks(rows))
        table = sampled_table(rows, assigned.labels, assigned.n_clusters)
        clusters = described(fitted, assigned, rows, table)
    # Other rows than those of the fit would give a cluster another name than the one it is known by.
    known = names_of_run(model) or [""] * len(clusters)
    clusters = tuple(
        replace(cluster, automatic_name=name) if name and not cluster.name else cluster
        for cluster, name in zip(clusters, known, strict=True)
    )
    rules = None if table is None else rules_of(table)
    if as_json:
        print_json(
            {
                "clusters": [asdict(cluster) for cluster in clusters],
                **({} if rules is None else {"rules": asdict(rules)}),
            }
        )
        return
    _print(clusters, row_ids(rows))
    if rules is not None:
        _print_rules(rules)


def _print_kept(directory: Path, *, as_json: bool) -> None:
    """Print what a run has of its clusters, as the fit did."""
    from torchdec.runs._record import read_run

    if as_json:
        raise UserError("--json tells of rows; give DATA, the file of the rows, too.")
    with naming("MODEL"):
        run = read_run(directory)
    print_clusters(run)
    print_traits(run)


def _print_rules(rules: "Rules") -> None:
    for rule in rules.rules:
        conditions = printable(" and ".join(rule.conditions)) or "all rows"
        precision = "" if rule.precision is None else f" ({rule.precision:.0%} of these)"
        tell(f"cluster {rule.cluster}: {conditions}{precision}")
    tell(f"These rules put {rules.fidelity:.1%} of {rules.n_held_out:,} held-out rows where the model does.")


def _print(clusters: "tuple[Cluster, ...]", ids: "pa.Table | None") -> None:
    from torchdec.rows._ids import row_name

    # Sentences and words have lines of their own, for which a column of a terminal is too narrow.
    has_lines = any(cluster.traits or cluster.words for cluster in clusters)
    lines = []
    for cluster in clusters:
        sure, least = (
            "-" if value is None else f"{value:.3f}" for value in (cluster.confidence, cluster.confidence_p10)
        )
        features = ", ".join(f"{feature} {by:+.1f}" for feature, by in cluster.features[:3])
        lines.append(
            (
                str(cluster.number) if has_lines else f"{cluster.number} {cluster.shown_name}".strip(),
                f"{cluster.size:,}",
                sure,
                least,
                "-" if cluster.nearest is None else str(cluster.nearest),
                *(() if has_lines else (features,)),
                ", ".join(row_name(ids, row) for row in cluster.exemplars[:4]),
            )
        )
    about = () if has_lines else ("stands out",)
    headings = ("cluster", "rows", "confidence", "lowest 10 %", "nearest", *about, "exemplars")
    print_table(headings, lines, left=("stands out", "exemplars"))
    for cluster in clusters if has_lines else ():
        told = "; ".join(trait.text for trait in cluster.traits) or ", ".join(cluster.words)
        tell(printable(f"{cluster.number} {cluster.shown_name}: {told}"))
