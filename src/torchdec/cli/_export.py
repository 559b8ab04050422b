"""`torchdec export`."""

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
