"""Several processes that fit one model together, seen from the stages; nothing where there is one alone.

Each worker goes through the same program on the same row numbers and takes its own share of the work. Whatever
leads to a decision is summed over all of them first, so that all decide alike.
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn


def size() -> int:
    """Return how many workers there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this one: 0, which writes and speaks, to `size() - 1`."""
    return dist.get_rank() if dist.is_initialized() else 0


def total(value: Tensor) -> Tensor:
    """Sum a tensor over all workers, in place."""
    if size() > 1:
        dist.all_reduce(value)
    return value


def span(n: int) -> slice:
    """Return this worker's share of n things in order: one stretch, as long as the others' but for one."""
    return slice(rank() * n // size(), (rank() + 1) * n // size())


def gathered(own: Tensor, n: int) -> Tensor:
    """Put the stretches of all workers, each its `span` of n rows, one after the other."""
    if size() == 1:
        return own
    whole = own.new_zeros(n, *own.shape[1:])
    whole[span(n)] = own
    return total(whole)


def same(value: Tensor) -> Tensor:
    """Give all workers what the first one has, in place: machines differ in the last bits."""
    if size() > 1:
        dist.broadcast(value, 0)
    return value


def add_gradients(network: nn.Module, *others: Tensor) -> None:
    """Sum the gradients over all workers, each having its part of the loss of the whole batch."""
    if size() > 1:
        gradients = [p.grad for p in (*network.parameters(), *others) if p.grad is not None]
        flat = total(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, summed in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(summed.view_as(gradient))
