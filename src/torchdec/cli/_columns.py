"""`torchdec columns`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torchdec.cli import _options
from torchdec.cli._errors import naming
from torchdec.cli._summary import print_json, print_table
from torchdec.cli._terminal import tell

if TYPE_CHECKING:
    from torchdec.prepare._columns import Overview


@_options.reads_files
def columns(
    data: Annotated[
        Path, typer.Argument(metavar="FILE", show_default=False, help="A table: .csv, .tsv, .xlsx or .parquet.")
    ],
    columns: _options.Said = _options.AS_IT_SHOWS,
    file: _options.Said = _options.AS_IT_SHOWS,
    as_json: _options.Json = False,
) -> None:
    """Show how fit reads each column of a table. It fits nothing."""
    from torchdec.rows._files import overview_of_file

    with naming("FILE"):
        notes, lines = overview_of_file(data, **columns, **file)
    if as_json:
        print_json({"columns": [line._asdict() for line in lines], "notes": notes})
        return
    headings = ("column", "role", "why", "missing", "example", "what fit does")
    print_table(headings, map(_cells, lines), left={*headings} - {"missing"})
    for note in notes:
        tell(note)


def _cells(line: "Overview") -> tuple[str, ...]:
    missing = f"{line.missing:.0%}" if line.missing >= 0.005 or not line.missing else "<1%"
    return line.column, line.role, line.why, missing, line.example, line.done
