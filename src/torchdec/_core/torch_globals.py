"""torch's globals: what is public computes under its own, and leaves those of the caller as they were.

Libraries and notebooks set a default dtype or device, turn gradients off, ask for deterministic algorithms, or
have NumPy raise where a number is too small. The same call must give the same bits there, or a model would depend
on which cell ran before.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial, wraps
from inspect import isgeneratorfunction
from typing import Any, NamedTuple, TypeVar, cast

import faiss
import joblib
import numpy as np
import torch

_Function = TypeVar("_Function", bound=Callable[..., Any])
# Devices whose products a caller may have put under an autocast.
_AUTOCAST = ("cpu", "cuda", "mps", "xpu")


def under_own_globals(function: _Function) -> _Function:
    """Have a function compute under `own_globals`, and a generator at each of its steps, but not between them."""
    if not isgeneratorfunction(function):

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with own_globals():
                return function(*args, **kwargs)

        return cast("_Function", call)

    @wraps(function)
    def steps(*args: Any, **kwargs: Any) -> Generator[Any, None, Any]:
        generator = function(*args, **kwargs)
        step = partial(next, generator)
        try:
            while True:
                try:
                    with own_globals():
                        record = step()
                except StopIteration as end:
                    return end.value
                try:
                    yield record
                    step = partial(next, generator)
                except BaseException as error:  # the caller's, GeneratorExit too: the generator decides
                    step = partial(generator.throw, error)
        finally:  # a signal may come while the globals are set back, and the generator has not seen it then
            with own_globals():
                generator.close()

    return cast("_Function", steps)


@contextmanager
def own_globals() -> Iterator[None]:
    """Compute as if nobody had set any of torch's globals, and on no more threads than there are cores."""
    with ExitStack() as stack:
        stack.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        stack.enter_context(_process_wide)
        # Gradients too are on in it. Tensors made in a caller's inference mode could never be trained.
        stack.enter_context(torch.inference_mode(False))
        for kind in _AUTOCAST:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


class _Setting(NamedTuple):
    """A global of the whole process: how it is read and set, and what it is to be, given what it was."""

    read: Callable[[], Any]
    write: Callable[[Any], None]
    own: Callable[[Any], Any]

    def replaced(self) -> list[Callable[[], None]]:
        """Set it where it is another, and return what sets it back."""
        before = self.read()
        own = self.own(before)
        if own == before:
            return []
        self.write(own)
        return [partial(self.write, before)]


class _ProcessWide:
    """The process has its own settings from the first thread that enters to the last that leaves.

    If each thread set back what it met, it could do so while another one computes.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._set_back: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._set_back = [set_back for setting in _SETTINGS for set_back in setting.replaced()]
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                for set_back in self._set_back:
                    set_back()


@cache
def _n_cores() -> int:
    """Return the number of cores that the container grants: torch and faiss see all those of the machine."""
    return int(joblib.cpu_count())


def _at_most_all_cores(n_threads: int) -> int:
    return min(_n_cores(), n_threads)


def _precisions() -> list[Any]:
    """Return what has a precision of float32 products; older torch has one setting for all (empty)."""
    backends = (torch.backends.mkldnn, torch.backends.cuda)
    found = [getattr(backend, "matmul", None) for backend in backends]
    return [matmul for matmul in found if hasattr(matmul, "fp32_precision")]


def _read_precision() -> tuple[str, ...]:
    # torch refuses to read its older setting where a caller used the newer ones.
    return tuple(each.fp32_precision for each in _PRECISIONS) or (torch.get_float32_matmul_precision(),)


def _write_precision(values: tuple[str, ...]) -> None:
    if not _PRECISIONS:
        torch.set_float32_matmul_precision(values[0])
    for each, value in zip(_PRECISIONS, values, strict=False):
        each.fp32_precision = "none"  # as the whole of torch has it, which may be that value
        if each.fp32_precision != value:
            each.fp32_precision = value


def _full_precision(values: tuple[str, ...]) -> tuple[str, ...]:
    full = "ieee" if _PRECISIONS else "highest"
    return tuple(value if value in {"none", full} else full for value in values)


_PRECISIONS = _precisions()
_SETTINGS = (
    _Setting(torch.get_default_dtype, torch.set_default_dtype, lambda _: torch.float32),
    _Setting(torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, lambda _: 0),
    _Setting(
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda values: torch.set_anomaly_enabled(*values),
        lambda _: (False, True),
    ),
    _Setting(_read_precision, _write_precision, _full_precision),
    _Setting(torch.get_num_threads, torch.set_num_threads, _at_most_all_cores),
    _Setting(faiss.omp_get_max_threads, faiss.omp_set_num_threads, _at_most_all_cores),
)
_process_wide = _ProcessWide()
