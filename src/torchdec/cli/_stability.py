"""`torchdec stability`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from torchdec.cli import _options
from torchdec.cli._errors import naming, naming_rows
from torchdec.cli._run_files import rows_of_run
from torchdec.cli._summary import print_clusters, print_json, print_table
from torchdec.cli._terminal import tell


def stability(
    directory: _options.Run,
    data: _options.RowsOfRun,
    n_refits: Annotated[
        int,
        typer.Option(
            "-n", "--refits", min=1, metavar="N", help="How many refits, each on a random two thirds of the rows."
        ),
    ] = 5,
    seed: _options.Seed = 0,
    device: _options.Device = "auto",
    as_json: _options.Json = False,
) -> None:
    """Check which clusters are found again by fits on parts of the rows.

    The stability of a cluster is its Jaccard index with the most similar cluster of a refit: above 0.85 it is
    found again nearly as it is; don't trust it below 0.6. A second table shows, by confidence, how many rows stay
    in their cluster. The figures are added to run.json. Each refit takes about two thirds of the time of the fit.
    """
    from torchdec._model_file import load
    from torchdec.clusters import stability as of_model
    from torchdec.runs._publish import write_file
    from torchdec.runs._record import RECORD, plain, read_run, record_text

    with naming("RUN"):
        run, model = read_run(directory), load(directory, device=device)
    rows = rows_of_run(data)(model, run)
    with naming_rows(str(data)):
        found = of_model(model, rows, n_refits, random_state=seed)
    run = replace(
        run, stability=tuple(plain(found.clusters.tolist())), reliability=tuple(plain(found.reliability))
    )

    def write(new: Path) -> None:
        new.write_text(record_text(run), encoding="utf-8")

    write_file(directory / RECORD, write, force=True)
    if as_json:
        print_json({"stability": run.stability, "reliability": run.reliability})
        return
    print_clusters(run)
    print_table(
        ("rows", "mean confidence", "stay in their cluster"),
        (
            (f"{tenth['rows']:,}", f"{tenth['confidence']:.3f}", f"{tenth['stays']:.1%}")
            for tenth in run.reliability
        ),
    )
    tell("Written: stability and reliability in run.json; torchdec report puts them on the page")
