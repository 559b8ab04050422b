"""Scoring beyond one process: one picklable predictor for Dask, Spark, Ray and folders of Parquet."""

import contextlib
import shutil
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchdec.prepare._features import Features
from torchdec.prepare._mixed import Mixed
from torchdec.rows._folders import files_inside
from torchdec.rows._parquet import ParquetRows
from torchdec.rows._protocol import RowsError, RowsWarning, tell
from torchdec.runs._publish import check_place, partial, write_file
from torchdec.runs._tables import write_assignments

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from torchdec._dec import DEC

__all__ = ["Predictor", "score_folder"]


@dataclass(frozen=True)
class Predictor:
    """Assigns rows to the clusters of a saved model; it can be pickled, as it holds the path and not the model.

    Each process that calls it loads the model once, so every machine must be able to read the path.

    Parameters
    ----------
    model : str
        Path of a model file, or of a run directory.
    reject : float in [0, 1), default=0.0
        Rows that lie farther out than this share of the rows of the fit get cluster -1 and confidence 0.
    device : str, default="cpu"
        As in `torchdec.DEC`.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> import torchdec
    >>> from sklearn.datasets import load_digits
    >>> from torchdec.scoring import Predictor
    >>> frame = load_digits(as_frame=True).data
    >>> model = torchdec.DEC(10, representation=torchdec.Autoencoder(max_epochs=2), tol=0.5, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torchdec.save(model.fit(frame), folder + "/model.safetensors")
    ...     Predictor(folder + "/model.safetensors")(frame[:3]).columns.tolist()
    ['cluster', 'confidence']
    """

    model: str
    reject: float = 0.0
    device: str = "cpu"

    def __call__(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """Return columns `cluster` (int32) and `confidence` (float32) for the rows of a frame, under its index.

        This is what Ray's ``map_batches(..., batch_format="pandas")`` and Dask's ``map_partitions`` call.

        Raises
        ------
        ValueError
            If the frame has other columns than the rows of the fit, or values that are not finite.
        """
        import numpy as np
        import pandas as pd

        from torchdec._assigned import clusters_of

        if not len(frame):  # engines try a function on a frame without rows, to learn its columns
            empty = {"cluster": np.empty(0, np.int32), "confidence": np.empty(0, np.float32)}
            return pd.DataFrame(empty, index=frame.index)
        model = _loaded(self.model, self.device)
        q = np.concatenate([q for _, q in model.predict_chunks(frame, reject=self.reject)])
        cluster, confidence = clusters_of(q)
        return pd.DataFrame({"cluster": cluster, "confidence": confidence}, index=frame.index)

    def frames(self, frames: "Iterable[pd.DataFrame]") -> "Iterator[pd.DataFrame]":
        """Do so for each of several frames: what Spark's ``mapInPandas`` calls."""
        for frame in frames:
            yield self(frame)

    def file(self, source: str, target: str) -> tuple[int, ...]:
        """Write the assignments of a Parquet file to another, which appears complete or not at all.

        Returns
        -------
        tuple of int
            Rows in each cluster.
        """
        model = _loaded(self.model, self.device)
        rows = ParquetRows([Path(source)], model.preparation_.reading, _columns(model))
        q = (q for _, q in _chunks(model, rows, source, self.reject))
        sizes: list[tuple[int, ...]] = []
        # A task that is tried again replaces what the first try may have left.
        write_file(target, lambda new: sizes.append(write_assignments(new, q, rows.ids).sizes), force=True)
        return sizes[0]


def _columns(model: "DEC") -> Features | Mixed | None:
    """Return which columns are the features of a model, as far as it has names for them."""
    if isinstance(model.preparation_.prepared, Features | Mixed):
        return model.preparation_.prepared
    names = tuple(getattr(model, "feature_names_in_", ()))
    return Features(names, (), names) if names else None


def _chunks(
    model: "DEC", rows: ParquetRows, source: str, reject: float
) -> "Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]":
    try:
        yield from model.predict_chunks(rows, reject=reject)
    except ValueError as error:
        raise RowsError(f"{source}: {error}") from error


@lru_cache(maxsize=1)
def _loaded(model: str, device: str) -> "DEC":
    from torchdec._model_file import load

    return load(model, device=device)


def score_folder(
    predictor: Predictor,
    folder: str | Path,
    out: str | Path,
    *,
    n_workers: int = 0,
    scheduler: str | None = None,
) -> tuple[int, ...]:
    """Assign the rows of all Parquet files of a folder; each becomes a file of the same name in another folder.

    A file is a task. A task whose worker died is done again by another, and replaces its file in one step; so each
    row is there once. The new folder appears when all are done, or not at all.

    Parameters
    ----------
    predictor : Predictor
        With paths that the workers can read too.
    folder, out : str or Path
        Of the rows, and a new one for the columns `row` (from 0 in each file), `cluster` and `confidence`, and
        those that name the rows.
    n_workers : int, default=0
        Processes of a Dask cluster on this machine; 0 is this process alone.
    scheduler : str, optional
        Address of a running Dask scheduler, such as "tcp://host:8786", in place of `n_workers`. Dask runs what its
        clients send: use one in a network that you trust.

    Returns
    -------
    tuple of int
        Rows in each cluster.

    Raises
    ------
    RowsError
        If the folder has no Parquet files, `out` exists, a file is unusable, or Dask is missing.
    """
    check_place(out)
    folder, out = Path(folder).resolve(), Path(out).resolve()
    sources = files_inside(folder, (".parquet",))
    if not sources:
        raise RowsError(
            f"{folder}: holds no .parquet files; name a folder that does, or for images an OUT.parquet"
        )
    if out.exists():
        raise RowsError(f"{out}: exists; name a new folder, as folders are never replaced")
    if out.is_relative_to(folder):
        raise RowsError(f"{out}: lies in the folder that is read; name another one")
    out.parent.mkdir(parents=True, exist_ok=True)
    with partial(out) as staging:
        targets = [staging / source.relative_to(folder) for source in sources]
        if n_workers or scheduler:
            sizes = _with_dask(predictor, sources, targets, n_workers, scheduler)
        else:
            sizes = [
                predictor.file(str(source), str(target)) for source, target in zip(sources, targets, strict=True)
            ]
        for left in list(staging.rglob(".*.partial")):  # by workers that died while they wrote
            shutil.rmtree(left)
        staging.rename(out)
    return tuple(sum(counts) for counts in zip(*sizes, strict=True))


def _with_dask(
    predictor: Predictor, sources: Sequence[Path], targets: Sequence[Path], n_workers: int, scheduler: str | None
) -> list[tuple[int, ...]]:
    try:
        from dask.distributed import Client, LocalCluster
    except ImportError:
        raise RowsError("workers need Dask; try pip install 'torchdec[dask]'") from None
    with contextlib.ExitStack() as stack:
        address: Any = scheduler or stack.enter_context(
            LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=n_workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
            )
        )
        client = stack.enter_context(Client(address))  # type: ignore[no-untyped-call]
        # Not pure: the same call with the same arguments is to be done again when it is asked for again.
        futures = client.map(
            _with_notes, [predictor] * len(sources), list(map(str, sources)), list(map(str, targets)), pure=False
        )
        done: list[tuple[tuple[int, ...], list[str]]] = client.gather(futures)
    for note in (note for _, notes in done for note in notes):
        tell(note)
    return [sizes for sizes, _ in done]


def _with_notes(predictor: Predictor, source: str, target: str) -> tuple[tuple[int, ...], list[str]]:
    """Do a file in a worker, and bring back what is to be told of its rows, which nobody reads there."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RowsWarning)
        sizes = predictor.file(source, target)
    return sizes, [str(each.message) for each in caught if issubclass(each.category, RowsWarning)]
