"""`torchdec update`: a run of new rows, from one of older rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from torchdec.cli import _options
from torchdec.cli._edit import edited
from torchdec.cli._errors import naming_rows
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
        from torchdec.clusters._update import update

        with naming_rows(str(data)):
            return update(model, rows, min_rows=min_rows, random_state=seed), None

    run = edited(directory, edit, out, force, as_json, rows_of_file, data)
    if not as_json:
        print_changes(run.edits[-1])
