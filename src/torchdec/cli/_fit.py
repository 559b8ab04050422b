"""`torchdec fit` and `torchdec demo`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming, noting
from torchdec.cli._job import Job, run_job
from torchdec.cli._report import read_shape
from torchdec.cli._run_files import refuse_inside
from torchdec.cli._score import agreement, agreement_line
from torchdec.cli._summary import print_json, print_run, run_json
from torchdec.cli._terminal import tell

if TYPE_CHECKING:
    from torchdec._checkpoint import Checkpoint
    from torchdec._dec import DEC
    from torchdec.clusters._align import Known


Like = Annotated[
    Path | None,
    typer.Option(
        "--like",
        metavar="OLD_RUN",
        show_default=False,
        help="Give clusters the numbers and names that they have in this earlier run, and print what changed.",
    ),
]

DEFAULT_OUT = Path("demo-run")


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

    It writes a run: a directory with the model, the cluster and embedding of each row, a page to look at and a
    record of the fit. The directory appears complete or not at all.
    """
    from torchdec._core.workers import joined
    from torchdec.rows._convert import as_pictures
    from torchdec.rows._files import read_rows
    from torchdec.runs._publish import check_directory

    with naming("-o/--out"):
        check_directory(out, force=force)
        refuse_inside(out, data)
    checkpoint = _checkpoint(out, checkpoint_every, resume=resume)
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
    if shape:
        as_pictures(rows, shape)
    moved = shape if augment else None
    model = _model(clusters, representation, reconstruction_weight, seed, device, precision, moved, noise)
    job = Job(rows, str(data), model, out, force, quiet, checkpoint=checkpoint, notes=tuple(notes), like=old)
    with joined():
        run = run_job(job)
    if as_json:
        print_json(run_json(out, run))
    else:
        print_run(out, run)


def _model(
    clusters: Any,
    representation: _options.Representation,
    reconstruction_weight: float,
    seed: int,
    device: str,
    precision: _options.Precision,
    image_shape: tuple[int, ...] | None,
    noise: Any = None,
) -> "DEC":
    """Make the estimator that the options ask for; images of a shape that is given are shifted and rotated."""
    from torchdec._dec import DEC
    from torchdec.augment import ShiftRotate

    return DEC(
        clusters,
        representation=str(representation),
        reconstruction_weight=reconstruction_weight,
        noise=noise or False,
        augment=ShiftRotate(image_shape) if image_shape else None,
        random_state=seed,
        device=device,
        precision=precision.value,
    )


def _as_known(run: Path, data: Path, features: Path | None, file: _options.Said) -> "Known":
    """Read the model of an earlier run, and what it makes of the rows, before hours go into a fit."""
    from torchdec._model_file import load
    from torchdec.clusters._align import known_to
    from torchdec.rows._files import read_rows
    from torchdec.runs._record import MODEL, read_run

    with naming("--like"):
        read_run(run)
        model = load(run / MODEL)
    with naming(f"--like {run} reads DATA"), noting():
        return known_to(model, read_rows(data, features=features, preparation=model.preparation_, **file))


def _checkpoint(out: Path, every: float | None, *, resume: bool) -> "Checkpoint | None":
    """Return the file beside the run directory that the fit is kept in, where that is wanted."""
    path = out.with_name(f"{out.name}.checkpoint")
    if path.exists() and not resume:
        raise UserError(
            f"-o/--out: {path} is there, of a fit that was interrupted; go on from it with --resume, or remove it."
        )
    if every is None and not resume:
        return None
    from torchdec._checkpoint import Checkpoint

    return Checkpoint(path, keep=True) if every is None else Checkpoint(path, every=every, keep=True)


def demo(
    clusters: _options.Clusters = 10,
    out: _options.Out = DEFAULT_OUT,
    representation: _options.RepresentationOption = _options.Representation.NEIGHBORS,
    reconstruction_weight: _options.ReconstructionWeight = 0.0,
    augment: _options.AugmentOption = None,
    seed: _options.Seed = 0,
    device: _options.Device = "auto",
    precision: _options.PrecisionOption = _options.Precision.AUTO,
    force: _options.Force = False,
    quiet: _options.Quiet = False,
    as_json: _options.Json = False,
) -> None:
    """Try it: cluster 1,797 images of digits that come with scikit-learn.

    The true digits serve only for the score at the end.
    """
    from sklearn.datasets import load_digits

    from torchdec.rows._convert import as_pictures, as_rows
    from torchdec.runs._publish import check_directory
    from torchdec.runs._record import REPORT

    # The demo owns its default directory; a run there is replaced, anything else is refused all the same.
    force = force or out == DEFAULT_OUT
    with naming("-o/--out"):
        check_directory(out, force=force)
    x, labels = load_digits(return_X_y=True)
    rows = as_rows(x)
    as_pictures(rows, (8, 8))
    moved = (8, 8) if augment else None
    model = _model(clusters, representation, reconstruction_weight, seed, device, precision, moved)
    arrays = {"labels.npy": labels, "rows.npy": x.astype("float32")}
    if not as_json:
        tell("scikit-learn's digits: 1,797 images of 8 x 8 pixels. Their labels are used for the score alone.")
    job = Job(rows, "scikit-learn digits", model, out, force, quiet, labels, arrays)
    run = run_job(job)
    score = agreement(out, labels)
    if as_json:
        print_json({**run_json(out, run), "score": score})
        return
    print_run(out, run)
    if (page := out / REPORT).exists():  # which needs the extra `report`
        tell(f"Open {page} in a browser.")
    tell("Try next:")
    tell(f"  torchdec score {out} {out / 'labels.npy'}")
    tell(f"    {agreement_line(score)}")
    tell(f"  torchdec predict {out} {out / 'rows.npy'} -o digits.parquet")
