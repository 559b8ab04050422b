"""`torchdec choose-k`."""

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming, naming_rows, noting
from torchdec.cli._summary import print_json
from torchdec.cli._terminal import tell


class Resolution(StrEnum):
    """How finely clusters are looked for."""

    COARSE = "coarse"
    AUTO = "auto"
    FINE = "fine"


@_options.reads_files
def choose_k(
    data: _options.Data,
    first: Annotated[int, typer.Option("--from", min=1, help="The smallest number of clusters to try.")] = 1,
    last: Annotated[
        int | None,
        typer.Option("--to", min=1, show_default="500, or half of the rows", help="The largest number to try."),
    ] = None,
    resolution: Annotated[
        Resolution, typer.Option("--resolution", help="Prefer fewer clusters (coarse) or more (fine).")
    ] = Resolution.AUTO,
    hold_out: Annotated[
        float,
        typer.Option(
            "--hold-out",
            min=0.0,
            max=0.9,
            metavar="FRACTION",
            help="Also show the paper's G, measured on this fraction of the rows, such as 0.2. Slow: "
            "it trains a DEC for every k.",
        ),
    ] = 0.0,
    representation: _options.RepresentationOption = _options.Representation.NEIGHBORS,
    text_column: _options.TextColumn = None,
    layer: _options.Layer = None,
    columns: _options.Said = _options.AS_IT_SHOWS,
    file: _options.Said = _options.AS_IT_SHOWS,
    seed: _options.Seed = 0,
    as_json: _options.Json = False,
) -> None:
    """Recommend a number of clusters.

    It takes the largest number whose clusters are all clearly denser in their middle than in the valleys between
    them (strength); 1 if there is none. Stability, how alike the clusters of halves of the rows are, is shown
    beside it. `fit -k auto` takes the same number.
    """
    from torchdec.clusters._choose import choose_k
    from torchdec.rows._files import read_rows
    from torchdec.rows._finite import check_finite
    from torchdec.rows._protocol import kinds_of

    with naming("DATA"), noting():
        rows = read_rows(data, text_column=text_column, layer=layer, **columns, **file)
    with naming_rows(str(data)):
        n_filled = len(rows) - len(check_finite(rows))  # the others are left out
    with naming(str(data)):
        ks = _numbers(resolution, first, last, n_filled, is_table=kinds_of(rows) is not None)
    with naming_rows(str(data)):
        choice = choose_k(rows, ks, representation=representation.value, hold_out=hold_out, random_state=seed)
    if as_json:
        print_json(asdict(choice))
    else:
        tell(str(choice))


def _numbers(resolution: Resolution, first: int, last: int | None, n_rows: int, *, is_table: bool) -> Any:
    """Return what `choose_k` is to try: all numbers, at this resolution, or those of a range."""
    from torchdec._core.number_of_clusters import numbers_to_try

    numbers = numbers_to_try(resolution.value, n_rows, is_table=is_table)
    if first == 1 and last is None:
        return resolution.value
    if resolution is not Resolution.AUTO:
        raise UserError("--resolution chooses among all numbers; leave --from and --to out.")
    last = numbers[-1] if last is None else last
    if first > last:
        raise UserError(f"--from {first} is more than --to {last}.")
    return numbers_to_try(range(first, last + 1), n_rows, "--to")
