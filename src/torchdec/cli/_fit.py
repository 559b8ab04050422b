"""`torchdec fit`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming, noting
from torchdec.cli._job import Job, Settings, run_job
from torchdec.cli._report import read_shape
from torchdec.cli._run_files import refuse_inside
from torchdec.cli._summary import print_json, print_run, run_json

if TYPE_CHECKING:
    from torchdec._checkpoint import Checkpoint
    from torchdec.clusters._align import Known

Like = Annotated[
    Path | None,
    typer.Option(
        "--like",
        metavar="OLD_RUN",
        show_default=False,
        help="An earlier run: clusters that it had too keep their numbers and names, and changes are told.",
    ),
]


@_options.reads_files
def fit(
    data: _options.Data,
    clusters: _options.Clusters,
    out: _options.Out,
    like: Like = None,
    representation: _options.RepresentationOption = _options.Representation.NEIGHBORS,
    reconstruction_weight: _options.ReconstructionWeight = 0.0,
    noise: _options.Noise = None,
    augment: _options.AugmentOption = None,
    image_shape: _options.ImageShape = "",
    text_column: _options.TextColumn = None,
    vector_column: _options.VectorColumn = None,
    image_column: _options.ImageColumn = None,
    features: _options.Features = None,
    layer: _options.Layer = None,
    columns: _options.Said = _options.AS_IT_SHOWS,
    file: _options.Said = _options.AS_IT_SHOWS,
    seed: _options.Seed = 0,
    device: _options.Device = "auto",
    precision: _options.PrecisionOption = _options.Precision.AUTO,
    checkpoint_every: _options.CheckpointEvery = None,
    resume: _options.Resume = False,
    force: _options.Force = False,
    quiet: _options.Quiet = False,
    as_json: _options.Json = False,
) -> None:
    """Cluster the rows of DATA.

    Writes a run directory: the model, the cluster of each row, the embedding and a record of it all. It
    appears complete or not at all.
    """
    from torchdec._core.workers import joined
    from torchdec.rows._files import read_rows
    from torchdec.runs._publish import check_directory

    with naming("-o/--out"):
        check_directory(out, force=force)
        refuse_inside(out, data)
    with naming("DATA"), noting() as notes:
        rows = read_rows(
            data,
            text_column=text_column,
            vector_column=vector_column,
            image_column=image_column,
            features=features,
            layer=layer,
            **columns,
            **file,
        )
    old = None if like is None else _as_known(like, data, features, file)
    with naming("--image-shape"):
        shape = read_shape(image_shape, data, rows, is_needed=augment is not None)
    moved, left_out = shape if augment else None, noise or False
    settings = Settings(clusters, representation, reconstruction_weight, seed, device, precision, moved, left_out)
    checkpoint = _checkpoint(out, checkpoint_every, resume=resume)
    job = Job(
        rows, str(data), settings, out, force, quiet, shape, checkpoint=checkpoint, notes=tuple(notes), like=old
    )
    with joined():
        run = run_job(job)
    if as_json:
        print_json(run_json(out, run))
    else:
        print_run(out, run)


def _as_known(run: Path, data: Path, features: Path | None, file: _options.Said) -> "Known":
    """Read the model of an earlier run, and what it makes of the rows, before hours go into a fit."""
    from torchdec._model_file import load
    from torchdec.clusters._align import known_to
    from torchdec.rows._files import read_rows
    from torchdec.runs._record import MODEL, read_run

    with naming("--like"):
        read_run(run)
        model = load(run / MODEL)
    with naming(f"--like {run} reads DATA"):
        return known_to(model, read_rows(data, features=features, preparation=model.preparation_, **file))


def _checkpoint(out: Path, every: float | None, *, resume: bool) -> "Checkpoint | None":
    """Return the file beside the run directory that the fit is kept in, where that is wanted."""
    if every is None and not resume:
        return None
    from torchdec._checkpoint import Checkpoint

    path = out.with_name(f"{out.name}.checkpoint")
    if path.exists() and not resume:
        raise UserError(
            f"--checkpoint-every: {path} is there, of a fit that was interrupted; go on from it with --resume, or "
            "remove it."
        )
    return Checkpoint(path, keep=True) if every is None else Checkpoint(path, every=every, keep=True)
