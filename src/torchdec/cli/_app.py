"""The commands under one name, and `main`."""

import os
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from torchdec._version import __version__
from torchdec.cli._choose import choose_k
from torchdec.cli._columns import columns
from torchdec.cli._describe import summary
from torchdec.cli._drift import drift
from torchdec.cli._edit import edit, merge, rename, split
from torchdec.cli._errors import OneLineErrors, ReadsPaths
from torchdec.cli._export import export, export_table, sort
from torchdec.cli._fit import demo, fit
from torchdec.cli._info import info
from torchdec.cli._levels import levels
from torchdec.cli._open import open_page
from torchdec.cli._predict import predict
from torchdec.cli._refine import ask, refine
from torchdec.cli._report import report
from torchdec.cli._score import score
from torchdec.cli._serve import serve
from torchdec.cli._stability import stability
from torchdec.cli._terminal import tell
from torchdec.cli._update import merge_models, update

# By what people want to do: each command in a few words, and an example of it.
TASKS: dict[str, list[tuple[Callable[..., None], str, str]]] = {
    "Start": [
        (demo, "Try it: cluster 1,797 images of digits.", "torchdec demo"),
    ],
    "Cluster": [
        (columns, "Show how fit reads each column of a table.", "torchdec columns customers.csv"),
        (choose_k, "Recommend a number of clusters.", "torchdec choose-k customers.csv"),
        (
            fit,
            "Cluster rows: write a model, the clusters and a page.",
            "torchdec fit customers.csv -k auto -o run",
        ),
    ],
    "Look": [
        (summary, "Describe each cluster.", "torchdec summary run customers.csv"),
        (open_page, "Show the page of a run, and save edits made on it.", "torchdec open run"),
        (report, "Write the page of a run again.", "torchdec report run customers.csv"),
        (levels, "List coarser groupings of the clusters.", "torchdec levels run"),
        (
            stability,
            "Check which clusters refits find again.",
            "torchdec stability run customers.csv",
        ),
        (info, "Show how a run or a model was made.", "torchdec info run"),
        (score, "Compare clusters with known classes.", "torchdec score run labels.csv"),
    ],
    "Change": [
        (rename, "Name clusters.", 'torchdec rename run 2=Enterprise 1="Free plan" -o named'),
        (merge, "Merge two clusters.", "torchdec merge run 4 9 -o merged"),
        (split, "Split one cluster into several.", "torchdec split run 4 customers.csv -o cut --into 2"),
        (edit, "Apply edits that were made on the page.", "torchdec edit run run-edits.json -o edited"),
        (ask, "Ask which pairs of rows belong together.", "torchdec ask run customers.csv -o questions.csv"),
        (
            refine,
            "Correct clusters by the answers, or by names of rows.",
            "torchdec refine run customers.csv --answers questions.csv -o refined",
        ),
    ],
    "Use on new rows": [
        (predict, "Assign new rows to the clusters.", "torchdec predict run november.csv -o november.xlsx"),
        (drift, "Check whether new rows differ from those of the fit.", "torchdec drift run november.csv"),
        (
            update,
            "Add new rows, with new clusters for new kinds of rows.",
            "torchdec update run november.csv -o next",
        ),
        (
            merge_models,
            "Add the clusters of another run.",
            "torchdec merge-models north south both.csv -o joined",
        ),
        (serve, "Answer predictions over HTTP.", "torchdec serve run"),
    ],
    "Hand over": [
        (export, "Write the model as ONNX.", "torchdec export run --onnx model.onnx"),
        (
            export_table,
            "Write clusters and rows to an .xlsx or .json.",
            "torchdec export-table run -o clusters.xlsx",
        ),
        (sort, "Sort images into one folder per cluster.", "torchdec sort run digits/ -o sorted"),
    ],
}


def name_of(command: Callable[..., None]) -> str:
    """Return what a command is called."""
    return "open" if command is open_page else command.__name__.replace("_", "-")


class ByTask(OneLineErrors):
    """The group of all commands, listed by what people want to do."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """List them."""
        for task, listed in TASKS.items():
            with formatter.section(task):
                formatter.write_dl([(name_of(function), short) for function, short, _ in listed])


app = typer.Typer(
    cls=ByTask,
    add_completion=False,
    rich_markup_mode=None,  # plain help starts in a third of the time, and long options are not cut
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for function, _, example in (line for listed in TASKS.values() for line in listed):
    app.command(name_of(function), cls=ReadsPaths, epilog=f"Example: {example}")(function)


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
    """Deep Embedded Clustering: clusters, an embedding and a model for new rows, from unlabelled rows.

    `torchdec COMMAND --help` shows the options of a command and an example.
    """


def main() -> None:
    """Run the command that `sys.argv` names, and exit: 0 done, 2 a user's mistake, 3 drift, 130 interrupted."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        # As Python does on stderr: a name that the terminal cannot write is no reason to stop.
        sys.stdout.reconfigure(errors="backslashreplace")
    if "OMP_WAIT_POLICY" not in os.environ:
        # Threads of GNU OpenMP wait for each other by spinning. Where other programs need the cores too, the usual
        # 300,000 rounds made a fit of 7 seconds take 84; of so many it takes 12, and as long as before elsewhere.
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    app(prog_name="torchdec")
