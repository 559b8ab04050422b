"""The tables of a run, written chunk by chunk: any number of rows, the memory of one chunk."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import csv

from torchdec._assigned import clusters_of
from torchdec.rows._ids import beside
from torchdec.rows._parquet import rows_of_groups
from torchdec.runs._excel import SheetWriter
from torchdec.runs._record import ASSIGNMENTS, EMBEDDING, RunError

# Small enough to hold (2 MB), large enough that reading one column of many rows is fast.
ROW_GROUP = 131_072

ASSIGNMENTS_SCHEMA = pa.schema([("row", pa.int64()), ("cluster", pa.int32()), ("confidence", pa.float32())])


@dataclass(frozen=True, slots=True)
class Clusters:
    """What an assignment amounts to.

    Attributes
    ----------
    sizes : tuple of int
        Rows of each cluster.
    confidences : tuple of (float or None)
        Mean of max_j q_ij over the rows of each cluster; None for a cluster without rows.
    """

    sizes: tuple[int, ...]
    confidences: tuple[float | None, ...]


def write_assignments(
    path: str | Path,
    probabilities: Iterable[NDArray[np.float32]],
    ids: pa.Table | None = None,
    names: Sequence[str] = (),
) -> Clusters:
    """Write the cluster of each row and the confidence in it to a Parquet, CSV or Excel file.

    The columns are ``row`` (int64, from 0), ``cluster`` (int32, the most probable one; -1 for a row that is in
    none, whose probabilities are all 0) and ``confidence`` (float32, its probability). The file is written in
    row groups of at most 131,072 rows.

    Parameters
    ----------
    path : str or Path
        File to write: CSV or a sheet of Excel where its name ends in .csv or .xlsx, else Parquet.
    probabilities : iterable of ndarray of shape (chunk, k) and dtype float32
        Soft assignments q of the rows in order; at least one chunk.
    ids : pyarrow.Table, optional
        What names the rows, such as the files that they were; its columns come last. One that has the name of
        another column gets ``id_`` before it.
    names : sequence of str, optional
        What the clusters are called: a column ``name`` after the confidence, empty where the cluster is -1.

    Returns
    -------
    Clusters
        Sizes and mean confidences of the k clusters.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from torchdec.runs import write_assignments
    >>> q = np.array([[0.75, 0.25], [0.5, 0.5]], dtype=np.float32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_assignments(os.path.join(folder, "assignments.parquet"), [q])
    Clusters(sizes=(2, 0), confidences=(0.625, None))
    """
    tally = Tally()
    with _RowGroups(Path(path), ids, names) as table:
        for q in probabilities:
            table.add(*tally.add(q))
    return tally.clusters()


class Tally:
    """Assigns rows chunk by chunk, and counts the clusters."""

    def __init__(self) -> None:
        self._sizes, self._totals = np.zeros(1), np.zeros(1)  # the first chunk tells k, and spreads them to it

    def add(self, q: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the cluster of each row and the confidence in it."""
        cluster, confidence = clusters_of(q)
        kept = cluster >= 0
        self._sizes = self._sizes + np.bincount(cluster[kept], minlength=q.shape[1])
        self._totals = self._totals + np.bincount(cluster[kept], weights=confidence[kept], minlength=q.shape[1])
        return cluster, confidence

    def clusters(self) -> Clusters:
        """Return what the rows amount to so far."""
        return Clusters(
            tuple(int(size) for size in self._sizes),
            tuple(
                float(total / size) if size else None
                for total, size in zip(self._totals, self._sizes, strict=True)
            ),
        )


class _RowGroups:
    """Collects rows until a row group is full."""

    def __init__(self, path: Path, ids: pa.Table | None, names: Sequence[str]) -> None:
        # By the number of the cluster, the last one for -1.
        self._names = np.array([*names, ""], dtype=object) if any(names) else None
        own = [*ASSIGNMENTS_SCHEMA, *([] if self._names is None else [pa.field("name", pa.string())])]
        self._ids = pa.table({}) if ids is None else beside(ids, [field.name for field in own])
        self._schema = pa.schema([*own, *self._ids.schema])
        writers: dict[str, Any] = {".csv": csv.CSVWriter, ".xlsx": SheetWriter}
        self._writer = writers.get(path.suffix.lower(), pq.ParquetWriter)(path, self._schema)
        self._waiting: list[tuple[NDArray[np.int32], NDArray[np.float32]]] = []
        self._n_waiting = 0
        self._n_written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._write()
        finally:
            self._writer.close()

    def add(self, cluster: NDArray[np.int32], confidence: NDArray[np.float32]) -> None:
        self._waiting.append((cluster, confidence))
        self._n_waiting += len(cluster)
        if self._n_waiting >= ROW_GROUP:
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        clusters, confidences = (np.concatenate(parts) for parts in zip(*self._waiting, strict=True))
        end = self._n_written + len(clusters)
        columns: list[Any] = [np.arange(self._n_written, end), clusters, confidences]
        columns += [] if self._names is None else [self._names[clusters]]
        columns += self._ids.slice(self._n_written, len(clusters)).columns
        table = pa.table(columns, schema=self._schema)
        self._writer.write_table(table, ROW_GROUP)
        self._n_written += len(clusters)
        self._waiting, self._n_waiting = [], 0


def save_embedding(
    path: str | Path, chunks: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]], n_rows: int
) -> Iterator[NDArray[np.float32]]:
    """Save the z of each chunk to an `.npy` file on the way, and pass its q on.

    Parameters
    ----------
    path : str or Path
        File to write: an array (n_rows, z) of float32.
    chunks : iterable of tuple of ndarray
        z of shape (chunk, z) and q of shape (chunk, k), both float32, of the rows in order.
    n_rows : int
        Rows that the chunks add up to.

    Yields
    ------
    ndarray of shape (chunk, k) and dtype float32
        The q of each chunk, after its z is in the file.
    """
    embedding = None
    start = 0
    for z, q in chunks:
        if embedding is None:
            embedding = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n_rows, z.shape[1]))
        embedding[start : start + len(z)] = z
        start += len(z)
        yield q
    if embedding is not None:
        embedding.flush()


def read_embedding(directory: str | Path) -> NDArray[np.float32]:
    """Open the embedding of a run: the embedding of each row, float32 (n, z), mapped from the disk.

    Raises
    ------
    RunError
        If `embedding.npy` is missing, damaged, or no such array.
    """
    path = Path(directory) / EMBEDDING
    try:
        codes: NDArray[np.float32] = np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError:
        raise RunError(f"{directory} has no {EMBEDDING}; name the directory of a run.") from None
    except Exception as error:  # damaged bytes make the parsers raise errors of any kind
        raise RunError(f"{path} cannot be read ({' '.join(str(error).split())}); fit again.") from None
    if codes.ndim != 2 or codes.dtype != np.float32:
        raise RunError(f"{path} is {codes.dtype} of shape {codes.shape}, and no embedding; fit again.")
    return codes


def read_ids(directory: str | Path) -> pa.Table | None:
    """Read what names the rows of a run, or None where nothing does."""
    path = Path(directory) / ASSIGNMENTS
    try:
        names = [name for name in pq.read_schema(path).names if name not in ASSIGNMENTS_SCHEMA.names]
        return _read(path, names) if names else None
    except Exception as error:  # damaged bytes make the parsers raise errors of any kind
        raise RunError(f"{path} cannot be read ({' '.join(str(error).split())}); fit again.") from None


def read_assignments(directory: str | Path) -> NDArray[np.int32]:
    """Read the cluster of each row of a run.

    Parameters
    ----------
    directory : str or Path
        A run directory.

    Returns
    -------
    ndarray of shape (n_rows,) and dtype int32
        Clusters in the order of the rows.

    Raises
    ------
    RunError
        If `assignments.parquet` is missing, damaged, or has no column ``cluster``.
    """
    path = Path(directory) / ASSIGNMENTS
    try:
        table = _read(path, ["row", "cluster"])
        clusters: NDArray[np.int32] = table.column("cluster").to_numpy().astype(np.int32)
        in_order = np.array_equal(table.column("row").to_numpy(), np.arange(len(clusters)))
    except FileNotFoundError:
        raise RunError(f"{directory} has no {ASSIGNMENTS}; name the directory of a run.") from None
    except Exception as error:  # damaged bytes make the parsers raise errors of any kind
        raise RunError(f"{path} cannot be read ({' '.join(str(error).split())}); fit again.") from None
    if not in_order:
        raise RunError(f"{path} does not hold the rows 0, 1, 2, ... in order; fit again.")
    return clusters


def _read(path: Path, columns: list[str]) -> pa.Table:
    """Read columns of a file whose row groups have as many rows as it."""
    with pq.ParquetFile(path) as file:
        rows_of_groups(file.metadata, path)
        return file.read(columns=columns)
