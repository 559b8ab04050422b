"""A fit on the way, in one file of tensors and JSON: written as a whole or not at all, gone when it is done."""

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from torch import Tensor

from torchdec._core import workers
from torchdec._core.journal import Journal, State
from torchdec._core.number_of_clusters import Candidate, Choice
from torchdec._core.records import Centroids, Epoch, Stretch, Update
from torchdec._model_file import parameters_to_json, write_tensors
from torchdec._starts import Partitioned
from torchdec._version import __version__
from torchdec.rows import Rows
from torchdec.runs._publish import check_file, locked
from torchdec.runs._record import fingerprint

_CLASSES: dict[str, Any] = {
    kind.__name__: kind for kind in (State, Epoch, Centroids, Update, Stretch, Choice, Candidate, Partitioned)
}


class CheckpointError(ValueError):
    """A file that isn't a checkpoint of this fit."""


class Checkpoint:
    """A file that keeps a fit on the way, so that it can be interrupted at any point.

    Give it to `fit`. If the file is there, the fit goes on from it, and gives the same bits as one that was never
    interrupted (on a CPU, with as many threads); if not, it begins. The file is written every so often, and
    whenever the fit is left early, as by Ctrl-C. When the fit is done, it is removed.

    Of several workers (docs/scale.md) the first one writes, and all have to see the file; their number may be
    another when the fit goes on.

    It holds weights, optimiser, generators, position within the pass, stage, graph, centres and history; no rows.

    Parameters
    ----------
    path : path
        Of the file. Folders above it that do not exist are made.
    every : float, default=600.0
        Seconds between two writings; 0 writes at each record.
    keep : bool, default=False
        Leave the file there when the fit is done, for a caller who has still something to write, and calls
        `remove` then.

    Raises
    ------
    ValueError
        If `every` is negative.
    CheckpointError
        A ValueError, from `fit`: if the file is damaged, or of other rows, other parameters or another version.
    RunError
        A ValueError, from `fit`: if another process writes the file.

    Warns
    -----
    UserWarning
        If the file cannot be written, as on a full disk; the fit goes on.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import DEC, Autoencoder, Checkpoint
    >>> X, _ = load_digits(return_X_y=True)
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "digits.checkpoint"
    >>> model = DEC(10, representation=Autoencoder((64, 64), max_epochs=20), tol=0.5, random_state=0)
    >>> for record in model.iter_fit(X, checkpoint=Checkpoint(file)):
    ...     if record.step == 100:
    ...         break
    >>> file.exists()
    True
    >>> model.fit(X, checkpoint=Checkpoint(file)).history_[2].step
    150
    >>> file.exists()
    False
    """

    def __init__(self, path: str | os.PathLike[str], *, every: float = 600.0, keep: bool = False) -> None:
        if not every >= 0:
            raise ValueError(
                f"every={every!r} must be a number of seconds; try 600, or 0 to write at each record."
            )
        self.path = Path(path)
        self.every = every
        self.keep = keep

    @contextmanager
    def journal(self, estimator: Any, rows: Rows) -> Iterator[Journal]:
        """Open the journal of a fit of this estimator to these rows, where it was left or new; `fit` does it."""
        check_file(self.path, force=True)
        first = workers.rank() == 0
        with locked(self.path) if first else nullcontext():
            yield from self._journal(_identity(estimator, rows), first)

    def _journal(self, identity: dict[str, Any], first: bool) -> Iterator[Journal]:
        latest: State | None = None
        written = perf_counter()

        def keep(state: State) -> None:
            nonlocal latest, written
            latest = state
            if perf_counter() - written >= self.every:
                self._write(latest, identity)
                latest, written = None, perf_counter()

        state = self._read(identity) if self.path.exists() else None
        workers.wait_for_all()
        try:
            yield Journal(state, keep if first else None)
        except BaseException:
            if latest:
                self._write(latest, identity)
            raise
        if first and not self.keep:
            self.remove()

    def remove(self) -> None:
        """Remove the file, if it is there."""
        self.path.unlink(missing_ok=True)

    def _write(self, state: State, identity: dict[str, Any]) -> None:
        tensors: dict[str, Tensor] = {}
        metadata = {"fit": json.dumps(identity), "state": json.dumps(_to_json(state, tensors))}
        try:
            write_tensors(self.path, tensors, metadata)
        except (OSError, ValueError) as error:
            warnings.warn(f"No checkpoint is kept: {error}", stacklevel=2)

    def _read(self, identity: dict[str, Any]) -> State:
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata() or {}
                saved, state = json.loads(metadata["fit"]), json.loads(metadata["state"])
                self._check(saved, identity)
                result: State = _from_json(state, file)
        except CheckpointError:
            raise
        except (
            SafetensorError,
            OSError,
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            RecursionError,
        ) as error:
            raise CheckpointError(
                f"{self.path} isn't a checkpoint of torchdec, or is damaged ({error}); remove it and fit again."
            ) from None
        return result

    def _check(self, saved: dict[str, Any], wanted: dict[str, Any]) -> None:
        if saved["torchdec"] != wanted["torchdec"]:
            difference = f"torchdec {saved['torchdec']}, and this is {wanted['torchdec']}"
        elif saved["rows"] != wanted["rows"]:
            difference = f"other rows: {_first_difference(saved['rows'], wanted['rows'])}"
        elif saved["parameters"] != wanted["parameters"]:
            difference = f"other parameters: {_first_difference(saved['parameters'], wanted['parameters'])}"
        else:
            return
        raise CheckpointError(
            f"{self.path} is of a fit with {difference}. Fit as then to go on from it, remove it, or name another."
        )


def _identity(estimator: Any, rows: Rows) -> dict[str, Any]:
    """Say what has to be the same for a fit to go on."""
    dtype = getattr(rows, "dtype", None)
    return {
        "torchdec": __version__,
        "parameters": {"class": type(estimator).__name__, **json.loads(json.dumps(parameters_to_json(estimator)))},
        "rows": json.loads(json.dumps(asdict(fingerprint(rows, "", dtype and str(dtype))))),
    }


def _first_difference(saved: dict[str, Any], wanted: dict[str, Any]) -> str:
    name = next(name for name in {**saved, **wanted} if saved.get(name) != wanted.get(name))
    return f"{name} was {saved.get(name)!r} and is {wanted.get(name)!r}"


def _to_json(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Turn a state into what JSON can hold, its tensors put aside and named there."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.cpu().contiguous()
        return {"tensor": name}
    if is_dataclass(value):
        content = {field.name: _to_json(getattr(value, field.name), tensors) for field in fields(value)}
        return {"class": type(value).__name__, "fields": content}
    if isinstance(value, dict):  # keys of an optimiser's state are numbers
        return {"items": [[key, _to_json(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_to_json(item, tensors) for item in value]}
    return value.item() if isinstance(value, np.generic) else value


def _from_json(value: Any, file: Any) -> Any:
    match value:
        case {"tensor": name}:
            return file.get_tensor(name).clone()
        case {"class": name, "fields": content}:
            return _CLASSES[name](**{key: _from_json(item, file) for key, item in content.items()})
        case {"items": pairs}:
            return {key: _from_json(item, file) for key, item in pairs}
        case {"list": items}:
            return [_from_json(item, file) for item in items]
        case {"tuple": items}:
            return tuple(_from_json(item, file) for item in items)
    return value
