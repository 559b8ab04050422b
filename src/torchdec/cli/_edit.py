"""`torchdec merge`, `split`, `rename` and `edit`: from a run to another one."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming, naming_rows
from torchdec.cli._run_files import described, rows_of_run, told, write_run_files
from torchdec.cli._summary import print_clusters, print_json, run_json
from torchdec.cli._terminal import tell

if TYPE_CHECKING:
    from torchdec._dec import DEC
    from torchdec.rows._protocol import Rows
    from torchdec.runs._record import Run

ClusterArgument = Annotated[
    str, typer.Argument(metavar="CLUSTER", show_default=False, help="Its number, or the name that it has.")
]


def merge(
    directory: _options.Run,
    a: Annotated[str, typer.Argument(metavar="A", show_default=False, help="The number or name of a cluster.")],
    b: Annotated[
        str, typer.Argument(metavar="B", show_default=False, help="The number or name of the other cluster.")
    ],
    out: _options.Out,
    force: _options.Force = False,
    as_json: _options.Json = False,
) -> None:
    """Merge two clusters, in a new run.

    The merged cluster gets the smaller number, and the clusters above the larger one move down by one.
    """
    _replayed(directory, [{"edit": "merge", "clusters": [_handle(a), _handle(b)]}], out, force, as_json)


@_options.reads_files
def split(
    directory: _options.Run,
    cluster: ClusterArgument,
    data: Annotated[Path, typer.Argument(metavar="DATA", show_default=False, help="The rows of the run.")],
    out: _options.Out,
    into: Annotated[int, typer.Option("--into", min=2, help="How many parts to split it into.")] = 2,
    updates: Annotated[
        int, typer.Option("--updates", min=0, help="Updates of self-training after the split; 0 trains nothing.")
    ] = 3,
    text_column: _options.TextColumn = None,
    file: _options.Said = _options.AS_IT_SHOWS,
    seed: _options.Seed = 0,
    force: _options.Force = False,
    as_json: _options.Json = False,
) -> None:
    """Split one cluster into several, in a new run.

    The first part keeps its number; the others come after the last cluster.
    """
    edit = {"edit": "split", "cluster": _handle(cluster), "into": into, "updates": updates, "random_state": seed}
    _replayed(directory, [edit], out, force, as_json, data, text_column=text_column, **file)


def rename(
    directory: _options.Run,
    out: _options.Out,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="CLUSTER=NAME...", show_default=False, help="Names, such as 2=Enterprise 1=Free."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="NAMES.csv",
            show_default=False,
            help="A .csv with the columns cluster and name, for many names at once.",
        ),
    ] = None,
    force: _options.Force = False,
    as_json: _options.Json = False,
) -> None:
    """Name clusters, in a new run.

    Give a cluster by its number or its present name. An empty name removes the name.
    """
    given = [*_pairs(names or []), *([] if file is None else _pairs_of_file(file))]
    if not given:
        raise UserError("CLUSTER=NAME: no cluster is named; write one as 2=Enterprise, or give --file.")

    edits = [{"edit": "rename", "cluster": _handle(cluster), "name": name} for cluster, name in given]
    if len({edit["cluster"] for edit in edits}) < len(edits):
        raise UserError(f"RUN: {' '.join(map('='.join, given))} names a cluster twice.")
    _replayed(directory, edits, out, force, as_json)


def edit(
    directory: _options.Run,
    file: Annotated[
        Path, typer.Argument(metavar="EDITS.json", show_default=False, help="The file that the page saved.")
    ],
    out: _options.Out,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="DATA", show_default=False, help="The rows of the run; needed if a cluster is split."
        ),
    ] = None,
    text_column: _options.TextColumn = None,
    force: _options.Force = False,
    as_json: _options.Json = False,
) -> None:
    """Apply the edits that were made on the page of a run, in a new run.

    These are names, notes, merges, splits, and rows that were moved or marked as noise. A moved row keeps its
    cluster in the files of the run, but the model predicts new rows as before.
    """
    import json

    try:
        edits = json.loads(file.read_text(encoding="utf-8"))["edits"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"EDITS.json: {file} holds no edits ({error!r}); give what the page exported.") from None
    if not isinstance(edits, list) or not edits:
        raise UserError(f"EDITS.json: {file} has an empty list of edits; make some on the page.")
    _replayed(directory, edits, out, force, as_json, data, text_column=text_column)


def _pairs(names: list[str]) -> list[tuple[str, str]]:
    """Read what was typed; a single pair may be written with a blank too."""
    pairs = ["=".join(names)] if len(names) == 2 and "=" not in names[0] else names
    if missing := [pair for pair in pairs if "=" not in pair]:
        raise UserError(
            f"CLUSTER=NAME: {missing[0]!r} has no =; write the cluster before it, as in 2={missing[0]}."
        )
    return [(pair.partition("=")[0], pair.partition("=")[2]) for pair in pairs]


def _pairs_of_file(file: Path) -> list[tuple[str, str]]:
    import csv

    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            lines = list(csv.DictReader(opened))
    except FileNotFoundError:
        raise UserError(f"--file: {file}: there is no such file; check the path") from None
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"--file: {file} cannot be read ({error}).") from None
    if not lines or not {"cluster", "name"} <= lines[0].keys():
        raise UserError(f"--file: {file} has no lines under the columns cluster and name; give a .csv of both.")
    return [(line["cluster"] or "", line["name"] or "") for line in lines]


def _handle(cluster: str) -> int | str:
    """Return the number that was typed, or else the name."""
    return int(cluster) if cluster.removeprefix("-").isdecimal() else cluster


def _replayed(
    directory: Path,
    edits: list[dict[str, Any]],
    out: Path,
    force: bool,
    as_json: bool,
    data: Path | None = None,
    **reading: Any,
) -> None:
    """Replay edits on a run, with its rows where they are needed, and write another run."""

    def edit(model: "DEC", rows: Any) -> tuple["DEC", Any]:
        from torchdec.clusters._edits import replay
        from torchdec.runs._record import read_run
        from torchdec.runs._tables import read_assignments

        with naming_rows(str(data)) if data else nullcontext():
            names = read_run(directory).shown_names
            return replay(model, edits, read_assignments(directory), rows, names=names)

    edited(directory, edit, out, force, as_json, rows_of_run(data, **reading) if data else None)


def edited(
    directory: Path,
    edit: Callable[["DEC", Any], tuple["DEC", Any]],
    out: Path,
    force: bool,
    as_json: bool,
    read: Callable[["DEC", "Run"], "Rows"] | None = None,
    new_data: Path | None = None,
) -> "Run":
    """Edit the model of a run, on rows that `read` reads where it needs them, and write another run.

    That is a run of the same rows, or of those of `new_data`, which are then what `read` reads. `edit` returns a
    model, and the clusters of the rows if they aren't those that it gives them.
    """
    from torchdec._assigned import assign_parts
    from torchdec._model_file import load
    from torchdec.rows._ids import row_ids
    from torchdec.runs._publish import check_directory, locked, write_run_directory
    from torchdec.runs._record import MODEL, fingerprint, read_run
    from torchdec.runs._tables import read_embedding, read_ids

    with naming("-o/--out"):
        check_directory(out, force=force)
    with naming("RUN"):
        run = read_run(directory)
        model = load(directory / MODEL)
    with locked(out):
        rows = None if read is None else read(model, run)
        with naming("RUN"):
            model, labels = edit(model, rows)
            if labels is None and rows is not None:
                chunks = model.predict_chunks(rows)
            else:
                # A split trains the encoder too, so the embedding is another one.
                codes = read_embedding(directory) if rows is None else model.transform(rows)
                chunks = assign_parts(model, codes, labels)
        ids = None if rows is None else row_ids(rows)
        if new_data is not None and rows is not None:
            dtype = getattr(rows, "dtype", None)
            run = replace(run, data=fingerprint(rows, new_data.name, dtype and str(dtype)))
        elif ids is None:
            ids = read_ids(directory)
        written: list[Run] = []
        write_run_directory(
            out, lambda new: written.append(_write(new, run, model, chunks, ids, rows)), force=force
        )
    if as_json:
        print_json(run_json(out, written[0]))
    else:
        print_clusters(written[0])
        tell(f"Written: {out}")
    return written[0]


def _write(
    directory: Path, run: "Run", model: "DEC", chunks: Iterator[tuple[Any, Any]], ids: Any, rows: "Rows | None"
) -> "Run":
    from torchdec.runs import _record
    from torchdec.runs._tables import read_assignments

    clusters = write_run_files(directory, model, chunks, run.data.shape[0], ids)
    # Names alone change no cluster. Of others nothing is told where there are no rows to describe them by.
    is_same = rows is None and clusters.sizes == run.cluster_sizes
    about: dict[str, Any] = (
        {} if is_same else {"descriptions": (), "rules": None, "stability": (), "reliability": ()}
    )
    if rows is not None:
        about |= told(described(directory, model, rows, read_assignments(directory)))
    edited = replace(
        run,
        parameters={**run.parameters, "n_clusters": model.n_clusters},
        cluster_sizes=clusters.sizes,
        cluster_confidences=clusters.confidences,
        cluster_names=tuple(model.cluster_names_),
        edits=tuple(model.edits_),
        levels=tuple(_record.plain([asdict(level) for level in model.levels_])),
        files=_record.RUN_FILES,
        **about,
    )
    _record.write_record(directory, edited)
    return edited
