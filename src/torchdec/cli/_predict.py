"""`torchdec predict`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming, naming_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from torchdec._dec import DEC
    from torchdec.rows._protocol import Rows


def predict(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", show_default=False, help="A run directory or its model.safetensors."),
    ],
    data: Annotated[Path, typer.Argument(metavar="DATA", show_default=False, help=_options.DATA_HELP)],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.parquet", help="File of the assignments.")],
    device: _options.Device = "auto",
    force: _options.Force = False,
) -> None:
    """Assign rows to the clusters of a model.

    The columns are row, cluster and confidence. It is written in chunks, so DATA may be of any size.
    """
    from torchdec._model_file import load
    from torchdec.rows._files import read_rows
    from torchdec.runs._publish import check_file, write_file
    from torchdec.runs._tables import Clusters, write_assignments

    with naming("-o/--out"):
        check_file(out, force=force)
        _refuse_inputs(out, data, model)
    with naming("DATA"):
        rows = read_rows(data)
    with naming("MODEL"):
        fitted = load(_model_file(model), device=device)
    done: list[Clusters] = []
    q = _soft_assignments(fitted, rows, str(data))
    write_file(out, lambda new: done.append(write_assignments(new, q)), force=force)
    n_used = sum(size > 0 for size in done[0].sizes)
    typer.echo(f"{out}: {rows.shape[0]:,} rows in {n_used} of {len(done[0].sizes)} clusters")


def _soft_assignments(model: "DEC", rows: "Rows", data: str) -> "Iterator[NDArray[np.float32]]":
    with naming_rows(data):
        for _, q in model.predict_chunks(rows):
            yield q


def _model_file(path: Path) -> Path:
    """Return the model file that a path means: itself, or that of a run directory."""
    from torchdec.runs._record import MODEL, read_run

    if not path.is_dir():
        return path
    read_run(path)
    return path / MODEL


def _refuse_inputs(out: Path, *inputs: Path) -> None:
    for path in inputs:
        if out.exists() and path.exists() and out.samefile(path):
            raise UserError(f"{out} is also what is read; name another file.")
