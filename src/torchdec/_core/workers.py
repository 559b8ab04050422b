"""Several processes that fit one model together, seen from the stages; nothing where there is one alone.

All workers go through the same program with the same row numbers and random numbers, and each takes its share of
every batch and of every pass over the rows. What leads to a decision is summed over all of them first, so all
decide alike. A process group that is initialised is one fit: torchrun starts the processes, `joined` groups them.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist

# Its functions keep the group that there is when they are imported, and an optimiser imports them. The threads of
# that group would outlive `destroy_process_group`, and one that still has a tensor aborts the process at its end.
import torch.distributed.nn
from torch import Tensor


class WorkerLostError(ConnectionError):
    """Another worker has ended, or cannot be reached any more."""


@contextmanager
def joined() -> Iterator[None]:
    """Make one group of the processes that torchrun has started, if it has; each gets a GPU if there are any."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    _checked(lambda: dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"))
    try:
        yield
    finally:
        dist.destroy_process_group()


def size() -> int:
    """Return how many workers there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this one: 0, which writes and speaks, to `size() - 1`."""
    return dist.get_rank() if dist.is_initialized() else 0


def wait_for_all() -> None:
    """Go on when all workers are here."""
    if size() > 1:
        _checked(dist.barrier)


def span(n: int) -> slice:
    """Return this worker's share of n things in order: one stretch, as long as the others' but for one."""
    return slice(rank() * n // size(), (rank() + 1) * n // size())


def share(batch: Tensor) -> tuple[Tensor, float]:
    """Return this worker's share of a batch, and how large a part of it that is.

    Raises
    ------
    ValueError
        If some workers would have none.
    """
    if len(batch) < size():
        raise ValueError(f"A batch of {len(batch)} rows has none for some of {size()} workers; try fewer workers.")
    own = batch[span(len(batch))]
    return own, len(own) / len(batch)


def total(value: Tensor) -> Tensor:
    """Sum a tensor over all workers, in place."""
    if size() > 1:
        _checked(lambda: dist.all_reduce(value))
    return value


def same(value: Tensor) -> Tensor:
    """Give all workers what the first one has, in place: machines differ in the last bits."""
    if size() > 1:
        _checked(lambda: dist.broadcast(value, 0))
    return value


def gathered(own: Tensor, n: int) -> Tensor:
    """Put the stretches of all workers, each its `span` of n things, one after the other; gradients find back."""
    if size() == 1:
        return own
    stretch = span(n)
    before, after = own.new_zeros(stretch.start, *own.shape[1:]), own.new_zeros(n - stretch.stop, *own.shape[1:])
    return total_with_gradient(torch.cat([before, own, after]))


def total_with_gradient(value: Tensor) -> Tensor:
    """Sum a tensor over all workers; its gradient is the sum of theirs."""
    summed: Tensor = _Total.apply(value)  # type: ignore[no-untyped-call]
    return summed


def add_gradients(parameters: Iterable[Tensor]) -> None:
    """Sum the gradients over all workers, each having its part of the loss of the whole batch."""
    if size() > 1:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        summed = total(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, part in zip(gradients, torch.split(summed, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        return total(value.clone())

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return total(gradient.clone())


def _checked(collective: Callable[[], Any]) -> None:
    try:
        collective()
    except RuntimeError as error:
        reason = str(error).splitlines()[0].split(". ")[0]
        raise WorkerLostError(f"Another worker has ended or cannot be reached ({reason}).") from error
