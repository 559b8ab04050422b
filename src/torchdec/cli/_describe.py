"""`torchdec summary`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torchdec.cli import _options
from torchdec.cli._errors import naming, naming_rows, noting
from torchdec.cli._summary import print_json
from torchdec.cli._terminal import printable

if TYPE_CHECKING:
    from torchdec.clusters._describe import Cluster


def summary(
    model: _options.Model,
    data: Annotated[Path, typer.Argument(metavar="DATA", show_default=False, help=_options.DATA_HELP)],
    text_column: _options.TextColumn = None,
    as_json: _options.Json = False,
) -> None:
    """Tell what each cluster is.

    Its size, how sure its rows are, the nearest other cluster, by how many standard deviations its features stand
    out from the mean of all rows, and the numbers of the rows nearest to its centre.
    """
    from torchdec._model_file import load
    from torchdec.clusters._describe import describe
    from torchdec.rows._files import read_rows

    with naming("MODEL"):
        fitted = load(model)
    with naming("DATA"), noting():
        rows = read_rows(data, text_column=text_column, preparation=fitted.preparation_)
    with naming_rows(str(data)):
        clusters = describe(fitted, rows)
    if as_json:
        print_json({"clusters": [asdict(cluster) for cluster in clusters]})
    else:
        _print(clusters)


def _print(clusters: "tuple[Cluster, ...]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for heading in ("cluster", "rows", "share", "sure", "least 10 %", "nearest"):
        table.add_column(heading, justify="right")
    table.add_column("stands out by", overflow="fold")
    table.add_column("typical rows")
    for cluster in clusters:
        name = f"{cluster.number} {printable(cluster.name)}".strip()
        sure, least = (
            "-" if value is None else f"{value:.3f}" for value in (cluster.confidence, cluster.confidence_p10)
        )
        features = ", ".join(f"{printable(feature)} {by:+.1f}" for feature, by in cluster.features[:3])
        table.add_row(
            escape(name),
            f"{cluster.size:,}",
            f"{cluster.share:.1%}",
            sure,
            least,
            "-" if cluster.nearest is None else str(cluster.nearest),
            escape(features),
            ", ".join(map(str, cluster.exemplars[:4])),
        )
    Console(highlight=False).print(table)
