"""`torchdec export`, `export-table` and `sort`: a model, tables and pictures for others."""

import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming
from torchdec.cli._run_files import refuse_inside
from torchdec.cli._terminal import size_of, tell

if TYPE_CHECKING:
    from torchdec.runs._record import Run


def export(
    model: _options.Model,
    onnx: Annotated[
        Path, typer.Option("--onnx", metavar="FILE.onnx", show_default=False, help="File to write the model to.")
    ],
    force: _options.Force = False,
) -> None:
    """Write a model as an ONNX file: rows in; embedding, probabilities and labels out."""
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
    """Write the clusters, their traits, and all rows with their ids and clusters.

    An .xlsx has the sheets clusters, rows and profile; a .json has the same as lists of objects.
    """
    from torchdec.runs._publish import check_file, write_file
    from torchdec.runs._record import read_run
    from torchdec.runs._tables import read_assignments, tables_of_run, write_tables

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


def sort(
    directory: Annotated[Path, typer.Argument(metavar="RUN", show_default=False, help="A run of images.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", show_default=False, help="The folder of its images.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="A new folder to make.")],
    copy: Annotated[bool, typer.Option("--copy", help="Copy the images instead of linking them.")] = False,
) -> None:
    """Sort the images of a run into one folder per cluster.

    Each folder is named by the number and name of its cluster; images in no cluster go to "none".
    """
    from torchdec.runs._publish import check_place
    from torchdec.runs._record import read_run
    from torchdec.runs._tables import read_assignments, read_ids

    with naming("RUN"):
        run, clusters, ids = read_run(directory), read_assignments(directory), read_ids(directory)
    if ids is None or "name" not in ids.column_names:
        raise UserError(f"RUN: {directory} has no names of pictures; give the run of a folder of pictures.")
    # Each page of a TIFF is a row; its file goes where its first page is.
    names = [re.sub(r"#\d+$", "", name) for name in ids["name"].to_pylist()]
    with naming("DATA"):
        if missing := next((name for name in names if not (data / name).is_file()), None):
            raise ValueError(f"{data} has no {missing}, which is in the run; give the folder of the fit.")
    with naming("-o/--out"):
        refuse_inside(out, data)
        check_place(out)
        if out.exists():
            raise ValueError(f"{out} is there already; name a new folder.")
        places = dict(zip(reversed(names), reversed(clusters.tolist()), strict=True))
        _fill(out, data, places, _folders(run), copy=copy)
    tell(f"{out}: {len(places):,} pictures in {len(set(places.values()))} folders")


def _folders(run: "Run") -> dict[int, str]:
    """Return what the folder of each cluster is called, without what file systems refuse."""
    names = [re.sub(r'[\x00-\x1f<>:"/\\|?*]+', " ", name) for name in run.shown_names]
    return {-1: "none"} | {number: f"{number} {name}"[:80].strip(" .") for number, name in enumerate(names)}


def _fill(out: Path, data: Path, places: dict[str, int], folders: dict[int, str], *, copy: bool) -> None:
    """Make the folders beside where they go, and move them there once they are complete."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as beside:
        whole = Path(beside) / "sorted"
        whole.mkdir()
        for name, cluster in places.items():
            new = whole / folders[cluster] / name
            new.parent.mkdir(parents=True, exist_ok=True)
            source = (data / name).resolve()
            if copy:
                shutil.copy2(source, new)
            else:
                new.symlink_to(source)
        whole.rename(out)
