"""`torchdec export` and `torchdec export-table`."""

from pathlib import Path
from typing import Annotated

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming
from torchdec.cli._terminal import size_of, tell


def export(
    model: _options.Model,
    onnx: Annotated[Path, typer.Option("--onnx", metavar="FILE.onnx", show_default=False, help="File to write.")],
    force: _options.Force = False,
) -> None:
    """Write a model as an ONNX file: rows in; code, probabilities and labels out."""
    from torchdec._export import export_onnx
    from torchdec._model_file import load

    if onnx.suffix.lower() != ".onnx":
        raise UserError(f"--onnx: {onnx} would hold ONNX; name a file that ends in .onnx.")
    with naming("MODEL"):
        fitted = load(model, device="cpu")
    try:
        with naming("--onnx"):
            export_onnx(fitted, onnx, force=force)
    except ImportError as error:
        raise UserError(str(error)) from None
    tell(f"{onnx}: {size_of(onnx)}")


def export_table(
    directory: _options.Run,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="An .xlsx or .json to write.")],
    force: _options.Force = False,
) -> None:
    """Write a run for others: its clusters, its rows with their ids and clusters, and what tells clusters apart.

    In an .xlsx these are the sheets clusters, rows and profile; a .json has the same as lists of objects.
    """
    from torchdec.runs._publish import check_file, write_file
    from torchdec.runs._record import read_run
    from torchdec.runs._tables import read_assignments
    from torchdec.runs._tables_of_run import tables_of_run, write_tables

    with naming("-o/--out"):
        check_file(out, force=force)
        if out.suffix.lower() not in (".xlsx", ".json"):
            raise UserError(f"{out} would hold tables; name a file that ends in .xlsx or .json.")
    with naming("RUN"):
        run = read_run(directory)
        read_assignments(directory)  # refuses what is damaged
        tables = tables_of_run(run, directory)
    with naming("-o/--out"):
        write_file(out, lambda new: write_tables(new, tables), force=force)
    tell(f"{out}: {size_of(out)}")
