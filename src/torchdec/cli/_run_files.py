"""The files that every run directory has, whether a fit or an edit made it."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchdec.cli._errors import UserError, naming, noting, say

if TYPE_CHECKING:
    from torchdec._dec import DEC
    from torchdec.clusters._describe import Description
    from torchdec.rows._protocol import Rows
    from torchdec.runs._record import Run
    from torchdec.runs._tables import Clusters


def check_rows(rows: "Rows", run: "Run", data: Path) -> None:
    """Refuse rows of another shape than those of the run, and say so where they seem to be others."""
    from torchdec.runs._record import fingerprint

    if rows.shape != run.data.shape:
        raise UserError(
            f"DATA: {data} has the shape {rows.shape}, but the run is of {run.data.shape}; give its rows."
        )
    if fingerprint(rows, data.name).sha256 != run.data.sha256:
        say(f"warning: {data} holds other rows than those of the run, or not in their order or precision.")


def rows_like(model: "DEC", data: Path, **file: Any) -> "Rows":
    """Read the rows of a file as those of the fit were read, but for what is said of it anew."""
    from torchdec.rows._files import read_rows

    with naming("DATA"), noting():
        return read_rows(data, preparation=model.preparation_, **file)


def rows_of_run(data: Path, **reading: Any) -> Callable[["DEC", "Run"], "Rows"]:
    """Return what reads the rows of a run from a file, as those of the fit but for what is said of it anew."""

    def read(model: "DEC", run: "Run") -> "Rows":
        rows = rows_like(model, data, **reading)
        check_rows(rows, run, data)
        return rows

    return read


def refuse_inside(out: Path, data: Path) -> None:
    """Refuse an output in the folder that is read, which would be read too the next time."""
    if data.is_dir() and out.resolve().is_relative_to(data.resolve()):
        raise ValueError(f"{out} lies in {data}, the folder that is read; name another place.")


def names_of_run(path: Path) -> tuple[str, ...]:
    """Return what the clusters of a run are called, by automatic names too; nothing of a model alone."""
    from torchdec.runs._record import RECORD, read_run

    if not (path / RECORD).exists():
        return ()
    with naming("MODEL"):
        return read_run(path).shown_names


def write_run_files(
    directory: Path, model: "DEC", chunks: Iterable[tuple[Any, Any]], n_rows: int, ids: Any
) -> "Clusters":
    """Write the model, the embedding and the cluster of each row with its ids; tell what the clusters are."""
    from torchdec._model_file import save
    from torchdec.runs._record import ASSIGNMENTS, EMBEDDING, MODEL
    from torchdec.runs._tables import save_embedding, write_assignments

    save(model, directory / MODEL)
    q = save_embedding(directory / EMBEDDING, chunks, n_rows)
    return write_assignments(directory / ASSIGNMENTS, q, ids=ids)


def described(directory: Path, model: "DEC", rows: "Rows", labels: Any) -> "Description":
    """Tell what the clusters of rows have in common, whose embedding is in the directory."""
    from torchdec._assigned import Assigned, assign_parts
    from torchdec.clusters._describe import description_of
    from torchdec.rows._protocol import image_shape_of
    from torchdec.runs._tables import read_embedding

    assigned = Assigned(model, assign_parts(model, read_embedding(directory), labels))
    return description_of(model, assigned, rows, are_pictures=image_shape_of(rows) is not None)


def told(description: "Description") -> dict[str, Any]:
    """Return what a record has of a description: names of clusters, what tells them apart, and rules."""
    from torchdec.runs._record import plain

    clusters = description.clusters
    if not any(cluster.automatic_name for cluster in clusters):
        return {"descriptions": (), "rules": None}
    kept = ("automatic_name", "traits", "words")
    rules = description.rules and plain(asdict(description.rules))
    every = plain([{name: own[name] for name in kept} for own in map(asdict, clusters)])
    return {"descriptions": tuple(every), "rules": rules}
