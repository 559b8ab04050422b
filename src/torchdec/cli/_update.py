"""`torchdec update` and `merge-models`: a run of other rows, from one of older rows or from two."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from torchdec.cli import _options
from torchdec.cli._edit import edited
from torchdec.cli._errors import naming, naming_rows
from torchdec.cli._run_files import rows_like
from torchdec.cli._summary import print_changes

if TYPE_CHECKING:
    from torchdec._dec import DEC


@_options.reads_files
def update(
    directory: _options.Run,
    data: Annotated[Path, typer.Argument(metavar="NEW_DATA", show_default=False, help=_options.DATA_HELP)],
    out: _options.Out,
    min_rows: Annotated[
        int | None,
        typer.Option(
            "--min-rows", min=2, show_default="1 % of the rows, at least 20", help="Fewest rows of a new cluster."
        ),
    ] = None,
    text_column: _options.TextColumn = None,
    file: _options.Said = _options.AS_IT_SHOWS,
    seed: _options.Seed = 0,
    force: _options.Force = False,
    as_json: _options.Json = False,
) -> None:
    """Add new rows to the model of a run, in a new run of these rows, with new clusters for new kinds of rows.

    The encoder and the old clusters stay, so nearly all rows of RUN keep their clusters; the command says how many
    don't.
    """

    def rows_of_file(model: "DEC", _: Any) -> Any:
        return rows_like(model, data, text_column=text_column, **file)

    def edit(model: "DEC", rows: Any) -> tuple["DEC", None]:
        from torchdec._assigned import Assigned, assign_parts
        from torchdec.clusters._update import update
        from torchdec.runs._tables import read_assignments, read_embedding

        with naming_rows(str(data)):
            updated = update(model, rows, min_rows=min_rows, random_state=seed)
        # The encoder is that of the old run, and so is the embedding. Rows that were in no cluster belonged
        # nowhere, and no embedding tells that.
        old = read_assignments(directory)
        now = Assigned(updated, assign_parts(updated, read_embedding(directory))).labels
        updated.edits_[-1]["changed"] = float(((now != old) & (old >= 0)).mean())
        return updated, None

    run = edited(directory, edit, out, force, as_json, rows_of_file, data)
    if not as_json:
        print_changes(run.edits[-1])


@_options.reads_files
def merge_models(
    directory: _options.Run,
    other: Annotated[
        Path,
        typer.Argument(
            metavar="OTHER", show_default=False, help="A run of other rows, whose clusters are taken in."
        ),
    ],
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", show_default=False, help="Rows like those of both runs, best all of them."),
    ],
    out: _options.Out,
    updates: Annotated[
        int, typer.Option("--updates", min=1, help="Updates of self-training, if a cluster is taken in.")
    ] = 5,
    text_column: _options.TextColumn = None,
    file: _options.Said = _options.AS_IT_SHOWS,
    seed: _options.Seed = 0,
    force: _options.Force = False,
    as_json: _options.Json = False,
) -> None:
    """Let the model of a run take in the clusters of another run that it doesn't know, in a new run of DATA.

    Both are of the same columns, as of two regions. Clusters of RUN keep their numbers and names; those of OTHER
    come after them, with their names. If a name would then be that of two clusters, nothing is written.
    """
    reading = {"text_column": text_column, **file}
    taken_in: list[tuple[DEC, Any]] = []

    def rows_of_file(model: "DEC", _: Any) -> Any:
        from torchdec._model_file import load
        from torchdec.runs._record import MODEL, read_run

        with naming("OTHER"):
            read_run(other)
            model_of_other = load(other / MODEL)
        with naming(f"OTHER {other}"):
            taken_in.append((model_of_other, rows_like(model_of_other, data, **reading)))
        return rows_like(model, data, **reading)

    def edit(model: "DEC", rows: Any) -> tuple["DEC", None]:
        from torchdec.clusters._merge_models import models_merged

        model_of_other, as_other = taken_in[0]
        with naming_rows(str(data)):
            return models_merged(model, model_of_other, rows, as_other, updates, seed), None

    run = edited(directory, edit, out, force, as_json, rows_of_file, data)
    if not as_json:
        print_changes(run.edits[-1])
