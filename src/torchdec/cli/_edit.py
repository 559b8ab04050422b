"""`torchdec merge`, `torchdec split` and `torchdec rename`: from a run to another one."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming, naming_rows, noting
from torchdec.cli._run_files import check_rows, write_run_files
from torchdec.cli._summary import print_clusters, print_json, run_json
from torchdec.cli._terminal import tell

if TYPE_CHECKING:
    from torchdec._dec import DEC
    from torchdec.runs._record import Run

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", show_default=False, help="A run directory.")]
ClusterArgument = Annotated[
    str, typer.Argument(metavar="CLUSTER", show_default=False, help="Its number, or the name that it has.")
]


def merge(
    directory: RunArgument,
    a: Annotated[str, typer.Argument(metavar="A", show_default=False, help="The number or name of a cluster.")],
    b: Annotated[str, typer.Argument(metavar="B", show_default=False, help="That of another one.")],
    out: _options.Out,
    force: _options.Force = False,
    as_json: _options.Json = False,
) -> None:
    """Make one cluster of two, in a new run.

    It gets the smaller number, and the clusters above the larger one move down by one.
    """

    def edit(model: "DEC", _: None) -> "DEC":
        from torchdec.clusters._change import merge

        return merge(model, _handle(a), _handle(b))

    _edited(directory, edit, out, force, as_json)


def split(
    directory: RunArgument,
    cluster: ClusterArgument,
    data: Annotated[Path, typer.Argument(metavar="DATA", show_default=False, help="The rows of the run.")],
    out: _options.Out,
    into: Annotated[int, typer.Option("--into", min=2, help="How many parts.")] = 2,
    updates: Annotated[
        int, typer.Option("--updates", min=0, help="Updates of self-training after the cut; 0 trains nothing.")
    ] = 3,
    text_column: _options.TextColumn = None,
    header: _options.Header = None,
    delimiter: _options.Delimiter = None,
    decimal: _options.Decimal = None,
    encoding: _options.Encoding = None,
    seed: _options.Seed = 0,
    force: _options.Force = False,
    as_json: _options.Json = False,
) -> None:
    """Cut one cluster into several, in a new run.

    The first part keeps its number; the others come after the last cluster.
    """

    def rows_like(model: "DEC", run: "Run") -> Any:
        from torchdec.rows._files import read_rows

        with naming("DATA"), noting():
            rows = read_rows(
                data,
                text_column=text_column,
                header=header,
                delimiter=delimiter,
                decimal=decimal,
                encoding=encoding,
                preparation=model.preparation_,
            )
        check_rows(rows, run, data)
        return rows

    def edit(model: "DEC", rows: Any) -> "DEC":
        from torchdec.clusters._change import split

        with naming_rows(str(data)), noting():
            return split(model, _handle(cluster), rows, into, updates=updates, random_state=seed)

    _edited(directory, edit, out, force, as_json, rows_like)


def rename(
    directory: RunArgument,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="CLUSTER=NAME...", show_default=False, help="What to call clusters, as 2=Enterprise 1=Free."
        ),
    ],
    out: _options.Out,
    force: _options.Force = False,
    as_json: _options.Json = False,
) -> None:
    """Name clusters, in a new run.

    A cluster is given by its number, or by the name that it has.
    """
    # A single one may be written with a blank too.
    pairs = ["=".join(names)] if len(names) == 2 and "=" not in names[0] else names
    if missing := [pair for pair in pairs if "=" not in pair]:
        raise UserError(
            f"CLUSTER=NAME: {missing[0]!r} has no =; write the cluster before it, as in 2={missing[0]}."
        )

    def edit(model: "DEC", _: None) -> "DEC":
        from torchdec.clusters._change import cluster_number, rename

        given = [pair.partition("=") for pair in pairs]
        named = [(cluster_number(model, "cluster", _handle(cluster)), name) for cluster, _, name in given]
        if len(dict(named)) < len(named):
            raise ValueError(f"{' '.join(pairs)} names a cluster twice.")
        for number, name in named:
            model = rename(model, number, name)
        return model

    _edited(directory, edit, out, force, as_json)


def _handle(cluster: str) -> int | str:
    """Return the number that was typed, or else the name."""
    return int(cluster) if cluster.lstrip("-").isdecimal() else cluster


def _edited(
    directory: Path,
    edit: Callable[["DEC", Any], "DEC"],
    out: Path,
    force: bool,
    as_json: bool,
    rows_like: Callable[["DEC", "Run"], Any] = lambda *_: None,
) -> None:
    """Edit the model of a run, on rows that `rows_like` reads where it needs them, and write another run."""
    from torchdec._assigned import assign_parts
    from torchdec._model_file import load
    from torchdec.rows._ids import row_ids
    from torchdec.runs._lock import locked
    from torchdec.runs._publish import check_directory, write_run_directory
    from torchdec.runs._record import MODEL, read_run
    from torchdec.runs._tables import read_assignments, read_embedding, read_ids

    with naming("-o/--out"):
        check_directory(out, force=force)
    with naming("RUN"):
        run = read_run(directory)
        model = load(directory / MODEL)
    with locked(out):
        rows = rows_like(model, run)
        with naming("RUN"):
            model = edit(model, rows)
            if rows is None:
                chunks = assign_parts(model, read_embedding(directory), read_assignments(directory))
            else:
                chunks = model.predict_chunks(rows)
        ids = None if rows is None else row_ids(rows)
        ids = read_ids(directory) if ids is None else ids
        written: list[Run] = []
        write_run_directory(out, lambda new: written.append(_write(new, run, model, chunks, ids)), force=force)
    if as_json:
        print_json(run_json(out, written[0]))
    else:
        print_clusters(written[0])
        tell(f"Written: {out}")


def _write(directory: Path, run: "Run", model: "DEC", chunks: Iterator[tuple[Any, Any]], ids: Any) -> "Run":
    from torchdec.runs import _record

    clusters = write_run_files(directory, model, chunks, run.data.shape[0], ids)
    is_same = len(model.cluster_names_) == len(run.cluster_names)
    edited = replace(
        run,
        parameters={**run.parameters, "n_clusters": model.n_clusters},
        cluster_sizes=clusters.sizes,
        cluster_confidences=clusters.confidences,
        cluster_names=tuple(model.cluster_names_),
        edits=tuple(model.edits_),
        # A name changes no cluster; after a merge or a split they are others.
        descriptions=run.descriptions if is_same else (),
        rules=run.rules if is_same else None,
        levels=tuple(_record.plain([asdict(level) for level in model.levels_])),
        stability=run.stability if is_same else (),
        reliability=run.reliability if is_same else (),
        files=_record.RUN_FILES,
    )
    _record.write_record(directory, edited)
    return edited
