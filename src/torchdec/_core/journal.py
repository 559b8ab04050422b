"""What a fit has done and where it stands, explicit, so that another process can go on from there."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

from torch import Tensor

from torchdec._core.records import Record
from torchdec.rows._protocol import Rows

_T = TypeVar("_T")


@runtime_checkable
class Stateful(Protocol):
    """What networks, optimisers and the stages' own positions offer."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state: dicts, lists, numbers, strings and tensors."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Go back to such a state."""
        ...


@dataclass
class State:
    """All that a fit needs to go on as if it had never been interrupted."""

    history: list[Record] = field(default_factory=list)  # all records so far
    results: dict[str, Any] = field(default_factory=dict)  # what is computed once: seeds, scale, graph, centroids
    finished: list[str] = field(default_factory=list)  # stages that are done
    stage: str = ""  # the stage that is being trained
    # Its networks, optimiser and position, as their `state_dict`.
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)


class Journal:
    """The state of a fit, written by its stages as they go, and read by them when they go on.

    A stage that trains calls `follow` before its loop, and puts nothing else of its own into the state; what is
    computed at once is kept by `once`. A state is consistent while a stage has handed out a record, so that is
    when `record` hands a copy to `keep`.
    """

    def __init__(self, state: State | None = None, keep: Callable[[State], None] | None = None) -> None:
        self._state = state or State()
        self._keep = keep
        self._live: dict[str, Stateful] = {}

    @property
    def history(self) -> list[Record]:
        """All records so far, those of the processes before this one first."""
        return self._state.history

    @property
    def seconds(self) -> float:
        """Seconds that the fit had taken at its last record."""
        return self.history[-1].seconds if self.history else 0.0

    def record(self, record: Record) -> None:
        """Add a record to the history; the stage that handed it out waits meanwhile."""
        self.history.append(record)
        if self._keep:
            parts = {name: copied(part.state_dict()) for name, part in self._live.items()}
            old = self._state
            self._keep(State(list(old.history), dict(old.results), list(old.finished), old.stage, parts))

    @property
    def results(self) -> dict[str, Any]:
        """What was computed once, by name."""
        return self._state.results

    def once(self, name: str, compute: Callable[[], _T]) -> _T:
        """Return the result of that name, computed at the first call of all processes."""
        if name not in self.results:
            self.results[name] = compute()
        result: _T = self.results[name]
        return result

    def past(self, stage: str) -> bool:
        """Tell whether a stage was finished before the state was kept."""
        return stage in self._state.finished

    def follow(self, stage: str, **parts: Stateful) -> None:
        """Keep the state of these parts, put back first where they were if the fit stopped in this stage.

        Parts of the same stage may come in several calls; those of the stage before are let go.
        """
        state = self._state
        if stage != state.stage:
            state.finished.append(state.stage)
            state.stage, state.parts, self._live = stage, {}, {}
        for name, part in parts.items():
            if name in state.parts:
                part.load_state_dict(state.parts.pop(name))
        self._live |= parts


@runtime_checkable
class Checkpoint(Protocol):
    """Keeps the journal of a fit from one process to the next; `torchdec.Checkpoint` does it in a file."""

    def journal(self, estimator: Any, rows: Rows) -> AbstractContextManager[Journal]:
        """Open the journal of a fit of this estimator to these rows, where it was left or new."""
        ...


def opened(checkpoint: Checkpoint | None, estimator: Any, rows: Rows) -> AbstractContextManager[Journal]:
    """Open the journal of a checkpoint; without one, one that nobody keeps."""
    return checkpoint.journal(estimator, rows) if checkpoint else nullcontext(Journal())


def copied(value: Any) -> Any:
    """Copy tensors to memory of their own, and whatever holds them."""
    if isinstance(value, Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(copied(item) for item in value)
    return value
