"""The record of a run and `run.json`: the only place that knows its fields."""

import hashlib
import json
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from torchdec._version import __version__
from torchdec.rows._protocol import Rows

FORMAT = "torchdec run"
SCHEMA = 2

# The files of a run directory. The record lists those that its own run wrote.
RECORD = "run.json"
MODEL = "model.safetensors"
ASSIGNMENTS = "assignments.parquet"
EMBEDDING = "embedding.npy"
REPORT = "report.html"
RUN_FILES = (MODEL, ASSIGNMENTS, EMBEDDING, RECORD)

FINGERPRINT_ROWS = 1024
_FINGERPRINT_BATCH = 64

# Which record a stage ends with.
_STAGES = {"Epoch": "representation", "Centroids": "centroids", "Update": "self-training"}


class RunError(ValueError):
    """A run directory, or a file of one, that cannot be read or written; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Data:
    r"""Which rows a run was fitted on, without the rows.

    Attributes
    ----------
    name : str
        Name of the file, without its folder.
    shape : tuple of int
        Rows and features.
    dtype : str or None
        Of the values as they were given; None where the source does not tell.
    sha256 : str
        Of the text ``"<rows> <features>\n"``, followed by the values of a sample of the rows as
        little-endian float32, row by row. The sample is all rows up to 1024 of them; beyond that the 1024
        rows ``round(i * (n - 1) / 1023)``, i = 0 ... 1023: the first, the last, and evenly spaced between.
    """

    name: str
    shape: tuple[int, int]
    dtype: str | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Run:
    """All that `run.json` holds.

    Attributes
    ----------
    parameters : dict
        Of the estimator, plain JSON values; what JSON has no type for is written as its ``repr``.
    versions : dict
        Versions of torchdec, torch, numpy, scikit-learn and python.
    data : Data
        Fingerprint of the rows.
    seconds : dict
        Wall-clock seconds: ``"representation"``, ``"centroids"``, ``"self-training"`` and ``"total"``.
    history : tuple of dict
        The records of the fit in order, each with a key ``"record"`` that names its type.
    stop_reason : str
        Name of the `StopReason`.
    cluster_sizes : tuple of int
        Rows of each cluster.
    cluster_confidences : tuple of (float or None)
        Mean of max_j q_ij over the rows of each cluster; None for a cluster without rows.
    warnings : tuple of str
        What the library warned about, in words.
    files : tuple of str
        Names of the files that the run wrote into its directory.
    cluster_names : tuple of str
        One for each cluster, empty where it has none.
    edits : tuple of dict
        Merges, splits and names since the fit, in order; the history is that of the fit.
    choice : dict or None
        Of the number of clusters, where it was chosen: `n_clusters`, `reason`, `runner_up` and the figures of all
        `candidates` (`DEC.choice_`).
    descriptions : tuple of dict
        Of a table, one for each cluster: its `automatic_name` and its `traits`, as `torchdec.clusters.Cluster` has
        them. Empty of other rows, and after a merge or a split.
    rules : dict or None
        Of a table, who is in which cluster: `rules`, `fidelity` and `n_held_out` of `torchdec.clusters.Rules`.
    levels : tuple of dict
        Numbers of groups of clusters that stand out, the coarsest first, as `torchdec.clusters.Level` has
        them; last the clusters themselves.
    stability : tuple of (float or None)
        Of each cluster, where `torchdec stability` was run: its Jaccard index with refits on parts of the
        rows. Empty otherwise, and after a merge or a split.
    reliability : tuple of dict
        Of tenths of the rows by rising confidence, as `torchdec.clusters.Stability` has it; empty as
        `stability` is.
    schema : int, default=2
        Version of these fields.
    """

    parameters: dict[str, Any]
    versions: dict[str, str]
    data: Data
    seconds: dict[str, float]
    history: tuple[dict[str, Any], ...]
    stop_reason: str
    cluster_sizes: tuple[int, ...]
    cluster_confidences: tuple[float | None, ...]
    warnings: tuple[str, ...]
    files: tuple[str, ...]
    cluster_names: tuple[str, ...] = ()
    edits: tuple[dict[str, Any], ...] = ()
    choice: dict[str, Any] | None = None
    descriptions: tuple[dict[str, Any], ...] = ()
    rules: dict[str, Any] | None = None
    levels: tuple[dict[str, Any], ...] = ()
    stability: tuple[float | None, ...] = ()
    reliability: tuple[dict[str, Any], ...] = ()
    schema: int = SCHEMA

    @property
    def n_updates(self) -> int:
        """Updates of the targets that were trained towards."""
        return max((record["number"] for record in self.history if record["record"] == "Update"), default=0)

    @property
    def shown_names(self) -> tuple[str, ...]:
        """The name that each cluster was given, else its automatic one, else nothing."""
        automatic = [about["automatic_name"] for about in self.descriptions] or [""] * len(self.cluster_names)
        return tuple(given or made for given, made in zip(self.cluster_names, automatic, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON has it: dicts, lists, strings, numbers and None."""
        return {"format": FORMAT, **plain(asdict(self))}


def plain(value: Any) -> Any:
    """Turn a value into what JSON can hold: NaN and infinity become None, an unknown object its repr."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(item) for item in value]
    return repr(value)


def plain_history(history: Iterable[Any]) -> tuple[dict[str, Any], ...]:
    """Turn the records of a fit (frozen dataclasses) into dicts that name their type under ``"record"``."""
    return tuple({"record": type(record).__name__, **plain(asdict(record))} for record in history)


def seconds_a_stage(history: Sequence[Mapping[str, Any]], total: float) -> dict[str, float]:
    """Split the time of a fit into its stages, from the clock that each record carries."""
    seconds = {}
    start = 0.0
    for kind, stage in _STAGES.items():
        end = max((record["seconds"] for record in history if record["record"] == kind), default=start)
        seconds[stage] = round(end - start, 3)
        start = end
    return {**seconds, "total": round(total, 3)}


def installed_versions() -> dict[str, str]:
    """Return the versions that a result can depend on, by package, without importing the packages."""
    return {
        "torchdec": __version__,
        **{package: _version_of(package) for package in ("torch", "numpy", "scikit-learn")},
        "python": platform.python_version(),
    }


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def fingerprint(rows: Rows, name: str, dtype: str | None = None) -> Data:
    """Identify rows by their shape and a fixed sample of at most 1024 of them, which are read 64 at a time.

    Rows that differ only outside the sample have the same hash; `Data` says what it covers. `dtype` is that of the
    values as they were given, where it is known.
    """
    n_rows, n_features = rows.shape
    digest = hashlib.sha256(f"{n_rows} {n_features}\n".encode())
    sample = np.linspace(0, n_rows - 1, min(n_rows, FINGERPRINT_ROWS)).round().astype(np.int64)
    for start in range(0, len(sample), _FINGERPRINT_BATCH):
        batch = rows.take(sample[start : start + _FINGERPRINT_BATCH])
        with np.errstate(over="ignore"):
            digest.update(np.ascontiguousarray(batch, dtype="<f4").tobytes())
    return Data(Path(name).name, (n_rows, n_features), dtype, digest.hexdigest())


def write_record(directory: Path, run: Run) -> None:
    """Write `run.json` into a directory, in place of one that is there."""
    (directory / RECORD).write_text(record_text(run), encoding="utf-8")


def record_text(run: Run) -> str:
    """Return what `run.json` says of a run."""
    return json.dumps(run.to_json(), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def read_run(directory: str | Path) -> Run:
    """Read the record of a run directory, as `write_run_directory` left it.

    Raises
    ------
    RunError
        If it isn't a directory, holds no `run.json`, or one that is damaged, foreign, or of another schema.
    """
    path = Path(directory) / RECORD
    try:
        contents = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        what = "has no run.json" if Path(directory).is_dir() else "isn't a directory"
        raise RunError(
            f"{directory} isn't a run directory: it {what}; name one that torchdec fit -o wrote."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} cannot be read ({_one_line(error)}); fit again.") from None
    return _run_from_json(contents, path)


def _run_from_json(contents: Any, path: Path) -> Run:
    if not isinstance(contents, dict) or contents.pop("format", None) != FORMAT:
        raise RunError(f"{path} was not written by torchdec; name the directory of a run.")
    schema = contents.get("schema")
    if schema != SCHEMA:
        raise RunError(
            f"{path} has schema {schema!r}, this torchdec ({__version__}) reads {SCHEMA}; "
            "read it with the version of torchdec that wrote it."
        )
    try:
        data = Data(**{**contents["data"], "shape": tuple(contents["data"]["shape"])})
        tuples = {name: tuple(contents[name]) for name in _TUPLES if name in contents}
        run = Run(**{**contents, **tuples, "data": data})
        _ = run.shown_names  # fails where descriptions aren't those of the clusters
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is damaged ({_one_line(error)}); fit again.") from None
    return run


_TUPLES = tuple(field.name for field in fields(Run) if str(field.type).startswith("tuple"))


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
