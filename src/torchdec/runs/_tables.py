"""The tables of a run, written chunk by chunk in the memory of one chunk, and those that are handed to others."""

import datetime as dt
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
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
from torchdec.runs._record import ASSIGNMENTS, EMBEDDING, Run, RunError, plain

# Rows that a sheet has room for, its header among them.
MOST_ROWS = 1_048_576
# Excel makes zeros of all digits of a number but the first 15.
_MOST_DIGITS = 10**15

# Small enough to hold (2 MB), large enough that reading one column of many rows is fast.
ROW_GROUP = 131_072
ASSIGNMENTS_SCHEMA = pa.schema([("row", pa.int64()), ("cluster", pa.int32()), ("confidence", pa.float32())])
FORMAT, SCHEMA = "torchdec clusters", 1
_TRAITS = ("column", "kind", "level", "effect", "value", "overall", "low", "high", "text")
_PROFILE = pa.schema(
    [
        ("cluster", pa.int64()),
        ("name", pa.string()),
        *((name, pa.float64()) if name in _TRAITS[3:8] else (name, pa.string()) for name in _TRAITS),
    ]
)


class SheetWriter:
    """Writes tables below each other into a sheet of an `.xlsx`, and then into further ones.

    Raises
    ------
    RunError
        If openpyxl is missing, or there are more rows than a sheet has room for.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        try:
            from openpyxl import Workbook
        except ImportError:
            raise RunError(
                f"{path.name}: openpyxl, which writes it, is not installed; try pip install 'torchdec[excel]'."
            ) from None
        self._path, self._book = path, Workbook(write_only=True)
        self.begin("clusters", schema)

    def begin(self, title: str, schema: pa.Schema) -> None:
        """Begin another sheet."""
        self._sheet, self._n_rows = self._book.create_sheet(title), 1
        self._sheet.append(schema.names)

    def write_table(self, table: pa.Table, _: int) -> None:
        """Write the rows of a table."""
        self._n_rows += len(table)
        if self._n_rows > MOST_ROWS:
            raise RunError(f"{self._path.name} would have more than {MOST_ROWS:,} rows; name a .parquet or .csv.")
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            self._sheet.append([self._cell(value) for value in row])

    def close(self) -> None:
        """Write the file."""
        # In memory first: of a full disk, zipfile and openpyxl print tracebacks when they are thrown away.
        held = BytesIO()
        self._book.save(held)
        self._path.write_bytes(held.getbuffer())

    def _cell(self, value: Any) -> Any:
        """Return a value as Excel has it: times without a zone, and text for what it has no values for."""
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

        if isinstance(value, dt.datetime):
            return value.replace(tzinfo=None)
        if isinstance(value, float) and not math.isfinite(value):
            return None
        if isinstance(value, int) and abs(value) > _MOST_DIGITS:
            value = str(value)
        if value is None or isinstance(value, bool | int | float | dt.date | dt.time | dt.timedelta):
            return value
        cell = WriteOnlyCell(self._sheet, ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", str(value)))
        cell.data_type = "s"  # a text that begins with = is no formula
        return cell


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
    """Write the cluster of each row and the confidence in it to a Parquet, CSV or Excel file, by its suffix.

    The columns are ``row`` (int64, from 0), ``cluster`` (int32, the most probable one; -1 for a row that is in
    none, whose probabilities are all 0), ``confidence`` (float32, its probability) and, where clusters have
    `names`, ``name``, empty where the cluster is -1. Those of `ids`, which name the rows, come last, with ``id_``
    before a name that is taken. The file is written in row groups of at most 131,072 rows.
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
    """Save the z of each chunk to an `.npy` file on the way, float32 (n_rows, z), and pass its q on."""
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
        raise RunError(f"{path} is {codes.dtype} of shape {codes.shape}, not an embedding; fit again.")
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
    """Read the cluster of each row of a run, int32 (n,), in the order of the rows.

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


def tables_of_run(run: Run, directory: Path) -> dict[str, pa.Table]:
    """Return "clusters", one line each; "rows", with their ids; and "profile", one line a trait or word."""
    names, n_rows = run.shown_names, max(1, sum(run.cluster_sizes))
    about = run.descriptions or ({},) * len(names)
    traits = [
        own.get("traits") or [{"kind": "word", "text": word} for word in own.get("words", ())] for own in about
    ]
    clusters = pa.table(
        {
            "cluster": pa.array(range(len(names)), pa.int64()),
            "name": pa.array(names, pa.string()),
            "rows": pa.array(run.cluster_sizes, pa.int64()),
            "share": pa.array([size / n_rows for size in run.cluster_sizes], pa.float64()),
            "confidence": pa.array(run.cluster_confidences, pa.float64()),
            "stands_out": pa.array(["; ".join(trait["text"] for trait in own) for own in traits], pa.string()),
        }
    )
    rows = pq.read_table(directory / ASSIGNMENTS)
    of_row = pa.array([*names, None], pa.string()).take(
        pa.compute.if_else(pa.compute.less(rows["cluster"], 0), len(names), rows["cluster"])
    )
    profile = [
        {"cluster": number, "name": names[number], **{field: trait.get(field) for field in _TRAITS}}
        for number, own in enumerate(traits)
        for trait in own
    ]
    place = rows.schema.get_field_index("confidence") + 1
    return {
        "clusters": clusters,
        "rows": rows.add_column(place, "cluster_name", of_row),
        "profile": pa.Table.from_pylist(profile, schema=_PROFILE),
    }


def write_tables(path: Path, tables: dict[str, pa.Table]) -> None:
    """Write the tables as sheets of an `.xlsx`, or as one JSON object (docs/clusters.md has its fields)."""
    if path.suffix.lower() == ".json":
        told = {name: plain(table.to_pylist()) for name, table in tables.items()}
        text = json.dumps({"format": FORMAT, "schema": SCHEMA, **told}, indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
        return
    (_, first), *others = tables.items()
    writer = SheetWriter(path, first.schema)
    writer.write_table(first, 0)
    for title, table in others:
        writer.begin(title, table.schema)
        writer.write_table(table, 0)
    writer.close()
