"""The commands under one name, as those of torchdec."""

import typer

from torchdec.cli._errors import OneLineErrors
from torchdec_bench.cli._data import data
from torchdec_bench.cli._study import study

app = typer.Typer(
    cls=OneLineErrors,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (data, study):
    app.command()(command)


@app.callback()
def _bench() -> None:
    """Load data sets by name, and run studies from plans."""


def main() -> None:
    """Run the command that `sys.argv` names, and exit: 0 done, 2 a user's mistake, 130 interrupted."""
    app(prog_name="torchdec-bench")
