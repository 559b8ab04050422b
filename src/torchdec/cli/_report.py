"""`torchdec report`, and what `fit` and `demo` need to make one."""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming, noting
from torchdec.cli._run_files import rows_of_run
from torchdec.cli._terminal import size_of, tell

if TYPE_CHECKING:
    from torchdec._dec import DEC
    from torchdec.clusters._describe import Description
    from torchdec.rows._protocol import Rows
    from torchdec.runs._record import Run


@_options.reads_files
def report(
    directory: _options.Run,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            show_default=False,
            help="The rows of the run, to show images and features that stand out.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE.html", show_default="RUN/report.html", help="File to write the page to."
        ),
    ] = None,
    image_shape: _options.ImageShape = "",
    text_column: _options.TextColumn = None,
    features: _options.Features = None,
    file: _options.Said = _options.AS_IT_SHOWS,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", metavar="LABELS", help="Compare with known classes, as score does."),
    ] = None,
    column: _options.LabelColumn = None,
    force: _options.Force = False,
) -> None:
    """Write the page of a run again: one HTML file that needs no network.

    It shows a map of the rows, each cluster with exemplars and its least confident rows, and how training went.
    DATA is read as fit read its file, unless an option says otherwise.
    """
    from torchdec._model_file import load
    from torchdec.cli._labels import features_of, note_if_feature, read_labels
    from torchdec.rows._reading import Reading, delimiter_of
    from torchdec.runs._publish import check_file, write_file
    from torchdec.runs._record import MODEL, REPORT, read_run

    with naming("RUN"):
        run = read_run(directory)
        model = load(directory / MODEL)
    page = directory / REPORT if out is None else out
    force = force or out is None  # in a run, the page is the command's own
    with naming("-o/--out"):
        check_file(page, force=force)
    rows = (
        None if data is None else rows_of_run(data, text_column=text_column, features=features, **file)(model, run)
    )
    with naming("--image-shape"):
        shape = None if data is None or rows is None else read_shape(image_shape, data, rows)
        if image_shape and shape is None:
            raise UserError("the pictures are in DATA; name that too.")
    known = None
    if labels is not None:
        with naming("--labels"), noting():
            said = Reading(
                header=file["header"], delimiter=delimiter_of(file["delimiter"]), encoding=file["encoding"]
            )
            read = read_labels(labels, column, said)
        note_if_feature(read, features_of(model))
        known = read.values
    write_file(page, lambda new: write_report(new, directory, run, model, rows, shape, known), force=force)
    tell(f"{page}: {size_of(page)}")


def write_report(
    path: Path,
    directory: Path,
    run: "Run",
    model: "DEC",
    rows: "Rows | None",
    image_shape: tuple[int, ...] | None,
    labels: Any,
    description: "Description | None" = None,
) -> None:
    """Write the page of a run whose other files lie in `directory`."""
    from torchdec.report import render
    from torchdec.runs._tables import read_assignments, read_embedding

    codes, clusters = read_embedding(directory), read_assignments(directory)
    page = render(
        run,
        model,
        codes,
        clusters,
        rows=rows,
        image_shape=image_shape,
        labels=labels,
        description=description,
    )
    path.write_text(page, encoding="utf-8")


def read_shape(given: str, data: Path, rows: "Rows", *, is_needed: bool = False) -> tuple[int, ...] | None:
    """Return the shape of the images, from the option or else from the data; None where neither tells.

    Raises
    ------
    ValueError
        If it is no shape, does not fill the rows, or is not that of the images in a folder; or there is none, and
        it is needed.
    """
    from torchdec.rows._protocol import image_shape_of

    if given and not re.fullmatch(r"[1-9]\d{0,5}(x[1-9]\d{0,5}){1,2}", given):
        raise ValueError(f"{given!r} isn't a shape of images; try 28x28 or 32x32x3.")
    shape = image_shape_of(rows)
    if given and shape is not None and given != (known := "x".join(map(str, shape))):
        raise ValueError(f"{given} is given, but the images of {data} are {known}; leave it out.")
    if given:
        shape = tuple(map(int, given.split("x")))
    width = rows.shape[1]
    if shape and math.prod(shape) != width:
        raise ValueError(f"{'x'.join(map(str, shape))} makes {math.prod(shape)} values, but rows have {width}.")
    if is_needed and shape is None:
        raise ValueError(f"--augment needs it, as {data} does not tell the shape; try 28x28 or 32x32x3.")
    return shape
