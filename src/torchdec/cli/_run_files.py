"""The files that every run directory has, whether a fit or an edit made it."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchdec._dec import DEC
    from torchdec.runs._tables import Clusters


def write_run_files(
    directory: Path, model: "DEC", chunks: Iterable[tuple[Any, Any]], n_rows: int, names: list[str] | None
) -> "Clusters":
    """Write the model, the embedding and the cluster of each row; tell what the clusters amount to."""
    from torchdec._model_file import save
    from torchdec.runs._record import ASSIGNMENTS, EMBEDDING, MODEL
    from torchdec.runs._tables import save_embedding, write_assignments

    save(model, directory / MODEL)
    q = save_embedding(directory / EMBEDDING, chunks, n_rows)
    return write_assignments(directory / ASSIGNMENTS, q, names=names)
