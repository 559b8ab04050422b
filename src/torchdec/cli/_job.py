"""From rows to a run directory: what `fit` and `demo` have in common."""

import signal
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import typer

from torchdec.cli._errors import INTERRUPTED, UserError, naming, naming_rows, one_line, say
from torchdec.cli._progress import Show, progress
from torchdec.cli._report import write_report
from torchdec.cli._run_files import described, told, write_run_files

if TYPE_CHECKING:
    from torchdec._checkpoint import Checkpoint
    from torchdec._dec import DEC
    from torchdec.clusters._align import Known
    from torchdec.clusters._describe import Description
    from torchdec.rows._protocol import Rows
    from torchdec.runs._record import Run


class Left(BaseException):
    """The process was told to end, by Ctrl-C or by whoever runs it; `code` is what it is to exit with."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


@contextmanager
def leaving() -> Iterator[None]:
    """Raise `Left` at either signal; a machine that is taken away sends the second."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def leave(number: int, _: Any) -> None:
        raise Left(number)

    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class Job:
    """Rows, what to do with them, and where to."""

    rows: "Rows"
    data: str
    model: "DEC"  # not fitted
    out: Path
    force: bool
    quiet: bool
    labels: Any = None  # known classes, for the report
    arrays: Mapping[str, Any] = field(default_factory=dict)  # further .npy files: name -> array
    checkpoint: "Checkpoint | None" = None  # where an interrupted fit is kept
    notes: tuple[str, ...] = ()  # what was told while the rows were read
    like: "Known | None" = None  # an earlier model whose clusters keep their numbers and names


@dataclass(frozen=True, slots=True)
class _Trained:
    model: "DEC"
    seconds: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    interrupted: bool


def run_job(job: Job) -> "Run":
    """Fit, write the run and tell what happened.

    Raises
    ------
    UserError
        If the rows do not suffice for the settings.
    RunError
        If another process is at work on the same run.
    KeyboardInterrupt
        If there is nothing worth keeping yet; nothing was written then.
    typer.Exit
        With 130, after an interrupted self-training was written; with 128 and the number of the signal where a
        checkpoint keeps the fit; with 1 where another worker was lost; with 0 in all workers but the first.
    """
    from torchdec._core import workers

    if job.checkpoint is None:
        return _run_job(job)
    path = job.checkpoint.path
    try:
        with leaving():
            run = _run_job(job)
    except (Left, workers.WorkerLostError) as end:
        what, code = (f"interrupted by {end};", end.code) if isinstance(end, Left) else (str(end), 1)
        kept = f"{path} keeps the fit; go on with --resume" if path.exists() else "there was nothing to keep yet"
        say(f"{what} {kept}.")
        raise typer.Exit(code) from None
    except OSError:
        if path.exists():
            say(f"{path} keeps the fit; make room, and go on with --resume.")
        raise
    return run


def _run_job(job: Job) -> "Run":
    from torchdec._core import workers
    from torchdec.runs._publish import locked

    _check_clusters(job)
    with locked(job.out) if workers.rank() == 0 else nullcontext():
        return _fit_and_write(job)


def _check_clusters(job: Job) -> None:
    from torchdec._core.number_of_clusters import numbers_to_try

    n_rows, wanted = job.rows.shape[0], job.model.n_clusters
    if not isinstance(wanted, int):
        with naming(job.data):
            numbers_to_try(wanted, n_rows, "-k/--clusters")
    elif wanted > n_rows:
        raise UserError(
            f"-k/--clusters: {wanted} clusters cannot be made of the {n_rows} rows of {job.data}; "
            f"try -k {n_rows} or fewer."
        )


def _fit_and_write(job: Job) -> "Run":
    from torchdec._core import workers

    model = job.model
    quiet = job.quiet or workers.rank() > 0
    with naming_rows(job.data), progress(quiet, model.max_iter) as show:
        trained = _train(model, job.rows, show, job.checkpoint)
    if workers.rank() > 0:
        raise typer.Exit(0)
    for note in trained.notes:
        say(f"note: {note}")
    for warning in trained.warnings:
        say(f"warning: {warning}")
    if job.like is not None:
        from torchdec.clusters._align import aligned

        model = aligned(model, model.labels_, job.like)
        trained = replace(trained, model=model)
    run, description = _write(job, trained)
    if job.checkpoint is not None:
        job.checkpoint.remove()
    _report(job, model, run, description)
    if trained.interrupted:
        say(f"interrupted after update {model.n_iter_}; the run as it was then is in {job.out}.")
        raise typer.Exit(INTERRUPTED)
    return run


def _train(model: "DEC", rows: "Rows", show: Show, checkpoint: "Checkpoint | None") -> _Trained:
    from torchdec.rows._protocol import RowsWarning

    began = perf_counter()
    interrupted = False
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        for kind in (UserWarning, RuntimeWarning):
            warnings.simplefilter("always", kind)
        try:
            # Closing passes on to the estimator an interruption that comes while a record is being shown.
            records: Any = model.iter_fit(rows, checkpoint=checkpoint)
            with closing(records):
                for record in records:
                    show(record)
        except KeyboardInterrupt:
            if not hasattr(model, "stop_reason_"):
                raise
            interrupted = True
    notes = [one_line(str(warning.message)) for warning in caught if issubclass(warning.category, RowsWarning)]
    words = [one_line(str(warning.message)) for warning in caught if not issubclass(warning.category, RowsWarning)]
    seconds = perf_counter() - began
    return _Trained(model, seconds, tuple(dict.fromkeys(notes)), tuple(dict.fromkeys(words)), interrupted)


def _write(job: Job, trained: _Trained) -> "tuple[Run, Description]":
    from torchdec.runs._publish import write_run_directory

    written: list[tuple[Run, Description]] = []
    write_run_directory(
        job.out, lambda directory: written.append(_write_files(directory, job, trained)), force=job.force
    )
    return written[0]


def _write_files(directory: Path, job: Job, trained: _Trained) -> "tuple[Run, Description]":
    import numpy as np

    from torchdec.rows._ids import row_ids
    from torchdec.runs import _record

    model = trained.model
    chunks = model.predict_chunks(job.rows)
    clusters = write_run_files(directory, model, chunks, len(job.rows), row_ids(job.rows))
    for name, array in job.arrays.items():
        np.save(directory / name, array, allow_pickle=False)
    description = described(directory, model, job.rows, model.labels_)
    dtype = getattr(job.rows, "dtype", None)  # not every source of rows knows it
    history = _record.plain_history(model.history_)
    run = _record.Run(
        parameters=_record.plain(model.get_params()),
        versions=_record.installed_versions(),
        data=_record.fingerprint(job.rows, job.data, dtype and str(dtype)),
        seconds=_record.seconds_a_stage(history, trained.seconds),
        history=history,
        stop_reason=model.stop_reason_.name,
        cluster_sizes=clusters.sizes,
        cluster_confidences=clusters.confidences,
        warnings=(*job.notes, *trained.notes, *trained.warnings),
        files=(*_record.RUN_FILES, *job.arrays),
        cluster_names=tuple(model.cluster_names_),
        edits=tuple(model.edits_),
        **told(description),
        choice=None if model.choice_ is None else _record.plain(asdict(model.choice_)),
        levels=tuple(_record.plain([asdict(level) for level in model.levels_])),
    )
    _record.write_record(directory, run)
    return run, description


def _report(job: Job, model: "DEC", run: "Run", description: "Description") -> None:
    """Add the page to a run that is complete, so that nothing is lost where it cannot be made."""
    from torchdec.report import ReportError
    from torchdec.rows._protocol import image_shape_of
    from torchdec.runs._publish import write_file
    from torchdec.runs._record import REPORT

    shape = image_shape_of(job.rows)
    try:
        write_file(
            job.out / REPORT,
            lambda new: write_report(new, job.out, run, model, job.rows, shape, job.labels, description),
        )
    except (ReportError, OSError) as error:
        say(f"no report: {error}")
    except (KeyboardInterrupt, Left) as end:
        say(f"interrupted; the run is in {job.out}, without its page: try torchdec report {job.out} {job.data}.")
        raise typer.Exit(getattr(end, "code", INTERRUPTED)) from None
