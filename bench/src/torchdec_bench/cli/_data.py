"""`torchdec-bench data`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming
from torchdec.cli._progress import SECONDS_BETWEEN_LINES
from torchdec.cli._terminal import size_of, tell


def data(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", show_default=False, help="Which one; without it, list all.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE.npz",
            show_default=False,
            help="Write rows and labels there: fit reads the rows of such a file, score its labels.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="DIR",
            show_default=False,
            help="Look here and download here; else TORCHDEC_DATA, then the cache (TORCHDEC_CACHE).",
        ),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch what is not there from its official source.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    quiet: _options.Quiet = False,
) -> None:
    """List the data sets of papers on clustering, or make one a file.

    After `torchdec-bench data mnist -o mnist.npz`: torchdec fit mnist.npz -k 10 -o run, and
    torchdec score run mnist.npz.
    """
    from torchdec.runs._publish import check_file, write_file
    from torchdec_bench.datasets._load import NAMES, entry_of, load, where

    if name is None:
        if out is not None:
            raise UserError(f"-o/--out: say which data set {out} is to hold, one of {', '.join(NAMES)}.")
        for each in NAMES:
            tell(f"{each:<14} {entry_of(each).title:<34} {where(each, folder)}")
        return
    if out is not None:
        if out.suffix != ".npz":
            raise UserError(f"-o/--out: {out} has the suffix {out.suffix!r}; name a file that ends in .npz.")
        with naming("-o/--out"):
            check_file(out, force=force)
    with _progress(quiet) as show:
        dataset = load(name, folder=folder, download=download, progress=show)
    tell(f"{dataset.title}, {dataset.n_clusters} classes")
    tell(dataset.source)
    if out is not None:
        with naming("-o/--out"):
            write_file(out, lambda path: _write(dataset, path), force=force)
        tell(f"{out}: {size_of(out)}")


def _write(dataset: Any, path: Path) -> None:
    import numpy as np
    from scipy.sparse import issparse

    x = dataset.x
    arrays = {"x": x}
    if issparse(x):
        arrays = {"data": x.data, "indices": x.indices, "indptr": x.indptr, "shape": np.array(x.shape)}
    if dataset.y is not None:
        arrays["y"] = dataset.y
    if dataset.image_shape:
        arrays["image_shape"] = np.array(dataset.image_shape)
    with path.open("wb") as file:  # given a path, numpy would put .npz behind it
        np.savez_compressed(file, **arrays)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str, int, int | None], None] | None]:
    """Give a function that shows how far a download is: a bar on a terminal, a line now and then in a pipe."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bars:
            tasks: dict[str, Any] = {}

            def draw(file: str, done: int, total: int | None) -> None:
                if file not in tasks:
                    tasks[file] = bars.add_task(file)
                bars.update(tasks[file], completed=done, total=total)

            yield draw
    else:
        yield _lines()


def _lines() -> Callable[[str, int, int | None], None]:
    from time import monotonic

    written = -SECONDS_BETWEEN_LINES

    def show(file: str, done: int, total: int | None) -> None:
        nonlocal written
        if monotonic() - written >= SECONDS_BETWEEN_LINES or done == total:
            of = f" of {total / 1e6:.1f}" if total else ""
            tell(f"{file}: {done / 1e6:.1f}{of} MB", err=True)
            written = monotonic()

    return show
