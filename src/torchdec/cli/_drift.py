"""`torchdec drift`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torchdec.cli import _options
from torchdec.cli._errors import naming, naming_rows
from torchdec.cli._run_files import names_of_run, rows_like
from torchdec.cli._summary import print_json
from torchdec.cli._terminal import printable, size_of, tell

if TYPE_CHECKING:
    from torchdec.clusters._drift import Drift, Shift

DRIFTED = 3
# Lines that are printed of each kind.
_SHOWN = 5


@_options.reads_files
def drift(
    model: _options.Model,
    data: Annotated[Path, typer.Argument(metavar="NEW_DATA", show_default=False, help=_options.DATA_HELP)],
    least_effect: Annotated[
        float,
        typer.Option("--effect", min=0.01, help="Smallest effect that counts as drift (Cohen's h or d)."),
    ] = 0.3,
    page: Annotated[
        Path | None,
        typer.Option("--page", metavar="FILE.html", show_default=False, help="Write a page with all comparisons."),
    ] = None,
    text_column: _options.TextColumn = None,
    file: _options.Said = _options.AS_IT_SHOWS,
    force: _options.Force = False,
    as_json: _options.Json = False,
) -> None:
    """Check whether new rows differ from those of the fit; the exit code is 3 if they do, else 0.

    It compares the sizes of clusters, the fraction of rows that lie far out, the means of columns, and in mixed
    tables the fraction of rows without a value that the fit knew. A difference counts if it is more than chance
    and its effect is large enough. Confidence and the distance to the centre are shown but don't count: a fit is
    always more confident of its own rows.
    """
    from torchdec._model_file import load
    from torchdec.clusters._drift import drift
    from torchdec.runs._publish import check_file, write_file

    if page is not None:
        with naming("--page"):
            check_file(page, force=force)
    with naming("MODEL"):
        fitted = load(model)
    rows = rows_like(fitted, data, text_column=text_column, **file)
    with naming_rows(str(data)):
        found = drift(fitted, rows, least_effect=least_effect)
    names = names_of_run(model) or fitted.cluster_names_
    if page is not None:
        from torchdec.report import of_drift

        def write(new: Path) -> None:
            new.write_text(of_drift(found, data.name, str(model), names), encoding="utf-8")

        write_file(page, write, force=force)
    if as_json:
        print_json({"drifted": found.drifted, **asdict(found)})
    else:
        _print(found, names)
        if page is not None:
            tell(f"{page}: {size_of(page)}")
    if found.drifted:
        raise typer.Exit(DRIFTED)


def _print(found: "Drift", names: "tuple[str, ...] | list[str]") -> None:
    drifted = [shift for shift in found.shifts if shift.drifted]
    tell(
        f"Drift: {len(drifted)} of {len(found.shifts)} comparisons of {found.n_rows:,} rows with those of the fit "
        f"differ by more than chance and an effect of {found.least_effect:g}."
        if drifted
        else f"No drift: {found.n_rows:,} rows, {len(found.shifts)} comparisons with the rows of the fit."
    )
    for what in ("size", "far out", "column", "missing"):
        own = [shift for shift in drifted if shift.what == what]
        for shift in own[:_SHOWN]:
            tell(printable(_line(shift, names)))
        if len(own) > _SHOWN:
            tell(f"  and {len(own) - _SHOWN} more of this kind; --json has all")
    told = [shift for shift in found.shifts if shift.what == "unsure" and shift.of is None]
    for shift in told:
        tell(f"Less confident than 95 % of the rows of the fit: {shift.now:.1%} (for information).")


def _line(shift: "Shift", names: "tuple[str, ...] | list[str]") -> str:
    where = "" if shift.of is None else f" {shift.of}"
    if isinstance(shift.of, int):
        where = f" in cluster {shift.of} {names[shift.of]}".rstrip()
    before, now = shift.written
    what = {"size": "rows", "far out": "rows far out", "column": "column", "missing": "no known value in"}[
        shift.what
    ]
    letter = "d" if shift.what == "column" else "h"
    return f"  {what}{where}: {before} -> {now} ({letter} = {shift.effect:+.2f})"
