"""The commands under one name, and `main`."""

import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from torchdec._version import __version__
from torchdec.cli._choose import choose_k
from torchdec.cli._columns import columns
from torchdec.cli._demo import demo
from torchdec.cli._describe import summary
from torchdec.cli._drift import drift
from torchdec.cli._edit import edit, merge, rename, split
from torchdec.cli._errors import OneLineErrors
from torchdec.cli._export import export, export_table
from torchdec.cli._fit import fit
from torchdec.cli._info import info
from torchdec.cli._levels import levels
from torchdec.cli._open import open_page
from torchdec.cli._predict import predict
from torchdec.cli._refine import ask, refine
from torchdec.cli._report import report
from torchdec.cli._score import score
from torchdec.cli._serve import serve
from torchdec.cli._terminal import tell
from torchdec.cli._update import update

app = typer.Typer(
    cls=OneLineErrors,
    add_completion=False,
    rich_markup_mode=None,  # plain help starts in a third of the time, and long options are not cut
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    columns,
    choose_k,
    fit,
    predict,
    report,
    summary,
    levels,
    merge,
    split,
    rename,
    edit,
    ask,
    refine,
    drift,
    update,
    serve,
    score,
    info,
    export,
    export_table,
    demo,
):
    app.command()(command)
app.command("open")(open_page)


def _print_version(wanted: bool) -> None:
    if wanted:
        tell(f"torchdec {__version__}")
        raise typer.Exit


@app.callback()
def _torchdec(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Deep Embedded Clustering: clusters, an embedding and a model for new rows, from unlabelled rows."""


def main() -> None:
    """Run the command that `sys.argv` names, and exit: 0 done, 2 a user's mistake, 3 drift, 130 interrupted."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        # As Python does on stderr: a name that the terminal cannot write is no reason to stop.
        sys.stdout.reconfigure(errors="backslashreplace")
    app(prog_name="torchdec")
