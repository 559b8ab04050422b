"""`torchdec columns`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torchdec.cli import _options
from torchdec.cli._errors import naming
from torchdec.cli._summary import print_json
from torchdec.cli._terminal import printable, tell

if TYPE_CHECKING:
    from torchdec.prepare._overview import Overview


@_options.reads_files
def columns(
    data: Annotated[
        Path, typer.Argument(metavar="FILE", show_default=False, help="A table: .csv, .tsv, .xlsx or .parquet.")
    ],
    columns: _options.Said = _options.AS_IT_SHOWS,
    file: _options.Said = _options.AS_IT_SHOWS,
    as_json: _options.Json = False,
) -> None:
    """Show what each column of a table is taken for, and what fit does with it."""
    from torchdec.rows._overview import overview_of_file

    with naming("FILE"):
        notes, lines = overview_of_file(data, **columns, **file)
    if as_json:
        print_json({"columns": [line._asdict() for line in lines], "notes": notes})
        return
    _print(lines)
    for note in notes:
        tell(note)


def _print(lines: "list[Overview]") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("column", "role", "why", "missing", "example", "what fit does"):
        table.add_column(heading, justify="right" if heading == "missing" else "left", overflow="fold")
    for line in lines:
        missing = f"{line.missing:.0%}" if line.missing >= 0.005 or not line.missing else "<1%"
        cells = (line.column, line.role, line.why, missing, line.example, line.done)
        table.add_row(*(escape(printable(cell)) for cell in cells))
    Console(highlight=False).print(table)
