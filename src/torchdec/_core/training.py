"""The one loop of stage 1: optimiser steps on shuffled batches, reported as `Epoch` records."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from inspect import unwrap
from time import perf_counter
from typing import Any

import torch
from torch import Generator, Tensor, nn

from torchdec._core import workers
from torchdec._core.batches import Shuffled, resident, to_device
from torchdec._core.compute import Compute
from torchdec._core.journal import Journal
from torchdec._core.randomness import generator
from torchdec._core.records import Epoch
from torchdec.augment import Augment, apply
from torchdec.rows._protocol import Rows

# Rows from which on representations are trained in larger batches and steps.
MANY_ROWS = 2**15
# Steps between two records: seconds on a large net, so that a reader of the log never waits long.
RECORD_EVERY = 50


def _plain(of: type[torch.optim.Optimizer]) -> dict[str, Any]:
    """Return the methods that torch wraps for its compiler, bare: importing that takes seconds of each process.

    Nothing is compiled here; where torch doesn't wrap one, it is the method itself. Steps give the same bits.
    """
    methods: dict[str, Any] = {
        name: unwrap(getattr(of, name)) for name in ("add_param_group", "zero_grad", "step")
    }
    return methods | {"step": torch.no_grad()(methods["step"])}


Adam: type[torch.optim.Adam] = type("Adam", (torch.optim.Adam,), _plain(torch.optim.Adam))
SGD: type[torch.optim.SGD] = type("SGD", (torch.optim.SGD,), _plain(torch.optim.SGD))


@dataclass(frozen=True)
class Source:
    """Where training rows come from and how they are scaled, cut into batches, changed and computed on.

    Both stages that train read their rows through it, and keep in its journal where they are.
    """

    rows: Rows
    scale: float
    batch_size: int
    generator: Generator
    compute: Compute
    started: float
    augment: Augment | None = None
    journal: Journal = field(default_factory=Journal)

    def take(self, index: Tensor) -> Tensor:
        """Fetch the rows at `index`, scaled and, where there is an augmentation, changed by it."""
        return self.changed(self.as_they_are(index))

    def as_they_are(self, index: Tensor) -> Tensor:
        """Fetch the rows at `index`, scaled."""
        if self._resident is None:
            return to_device(self.rows, index, self.scale, self.compute)
        return self._resident[index.to(self.compute.device)]

    def changed(self, batch: Tensor) -> Tensor:
        """Change a batch where there is an augmentation."""
        return batch if self.augment is None else apply(self.augment, batch, self.noise)

    def half_changed(self, batch: Tensor) -> Tensor:
        """Change half of a batch where there is an augmentation; the rows as they are keep their clusters."""
        if self.augment is None:
            return batch
        changed, kept = batch.tensor_split(2)
        return torch.cat([self.changed(changed), kept])

    def dropped(self, values: Tensor, rate: float) -> Tensor:
        """Set each value to zero with probability `rate`, and scale the others up."""
        if rate == 0:
            return values
        keep = torch.rand(values.shape, generator=self.noise) >= rate
        return values * keep.to(values.device) / (1 - rate)

    @cached_property
    def noise(self) -> Generator:
        """What augmentation and dropout draw from: of several workers each has its own, as it has its own rows."""
        if workers.size() == 1:
            return self.generator
        return generator(self.generator.initial_seed() + 1 + workers.rank())

    @cached_property
    def _resident(self) -> Tensor | None:
        return resident(self.rows, self.scale, self.compute)

    def batches(self) -> Shuffled:
        """Return the row numbers of shuffled batches, for ever."""
        return Shuffled(self.rows, self.batch_size, self.generator)

    @property
    def steps_an_epoch(self) -> int:
        """Number of batches that one pass over the rows takes."""
        return -(-len(self.rows) // self.batch_size)

    def steps(self, max_epochs: int | None, max_steps: int | float) -> int:
        """Return the number of steps that `max_epochs` passes take, at most `max_steps`, which may be infinite."""
        passes = math.inf if max_epochs is None else max_epochs * self.steps_an_epoch
        return int(min(max_steps, passes))


def train(
    stage: str,
    networks: list[nn.Module],
    source: Source,
    loss_of: Callable[[Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    schedule: Callable[[int], None],
    n_steps: int,
) -> Iterator[Epoch]:
    """Take `n_steps` optimiser steps on what `loss_of` makes of the row numbers of each batch.

    Of several workers each has its part of the loss: their sum is that of the batch.
    Where the journal of the source knows this stage, only the steps that are left.

    Raises
    ------
    FloatingPointError
        As soon as a record's loss is not finite.
    """
    if source.journal.past(stage):
        return
    batches = source.batches()
    trained = nn.ModuleList(networks)
    source.journal.follow(stage, networks=trained, optimizer=optimizer, batches=batches)
    total = torch.zeros((), device=source.compute.device)
    since = 0
    for step in range(batches.drawn + 1, n_steps + 1):
        schedule(step - 1)
        loss = loss_of(next(batches))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        workers.add_gradients(trained.parameters())
        optimizer.step()
        total += loss.detach()
        since += 1
        if step % RECORD_EVERY == 0 or step == n_steps:
            mean, rate = workers.total(total).item() / since, optimizer.param_groups[0]["lr"]
            check_finite_loss(mean, stage, step, rate)
            yield Epoch(stage, step, n_steps, mean, rate, perf_counter() - source.started)
            total.zero_()
            since = 0


def train_by_adam(
    stage: str,
    networks: list[nn.Module],
    source: Source,
    loss_of: Callable[[Tensor], Tensor],
    n_steps: int,
    learning_rate: float,
) -> Iterator[Epoch]:
    """Train as `train` does, by Adam with one cycle of its rate, which has its peak at `learning_rate`."""
    parameters = [parameter for network in networks for parameter in network.parameters()]
    optimizer = Adam(parameters, lr=learning_rate, fused=True)
    schedule = one_cycle(optimizer, learning_rate, n_steps)
    yield from train(stage, networks, source, loss_of, optimizer, schedule, n_steps)


def check_finite_loss(loss: float, stage: str, step: int, learning_rate: float) -> None:
    """Raise where training has diverged, naming the stage, the step and the knob."""
    if not loss < float("inf"):
        raise FloatingPointError(
            f"The loss of stage {stage!r} is {loss} at step {step}; try a learning_rate below {learning_rate:g}."
        )


def one_cycle(optimizer: torch.optim.Optimizer, peak: float, n_steps: int) -> Callable[[int], None]:
    """Cosine from peak / 25 up to the peak over the first tenth of the steps, then cosine down to zero."""
    rise = max(1, n_steps // 10)

    def schedule(step: int) -> None:
        if step < rise:
            low, high, position = peak / 25, peak, step / rise
        else:
            low, high, position = peak, 0.0, (step - rise) / max(1, n_steps - rise)
        rate = high + (low - high) * (1 + math.cos(math.pi * position)) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate

    return schedule
