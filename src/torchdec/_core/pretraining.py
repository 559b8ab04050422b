"""Stage 1 of the paper: autoencoders, trained end to end or first layer by layer.

A training step is an optimiser step on one batch. Both recipes yield an `Epoch` every `RECORD_EVERY` steps.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Generator, Tensor, nn

from torchdec._core.batches import shuffled, to_device
from torchdec._core.compute import Compute
from torchdec._core.networks import linear_layers
from torchdec._core.objective import reconstruction_error
from torchdec._core.records import Epoch
from torchdec.rows._protocol import Rows

RECORD_EVERY = 50

# Of the code of the paper, not of its text (docs/method.md, "Paper and code"):
CAFFE_MOMENTUM = 0.9
CAFFE_BURN_IN = 1000
CAFFE_STEP_EVERY = 20_000
CAFFE_BIAS_RATE = 2.0


@dataclass(frozen=True)
class Source:
    """Where training rows come from and how they are scaled, cut into batches and computed on."""

    rows: Rows
    scale: float
    batch_size: int
    generator: Generator
    compute: Compute
    started: float

    def batches(self) -> Iterator[Tensor]:
        """Yield shuffled, scaled batches for ever."""
        for index in shuffled(len(self.rows), self.batch_size, self.generator):
            yield to_device(self.rows, index, self.scale, self.compute)

    def steps(self, max_epochs: int | None, max_steps: int) -> int:
        """Return the number of steps that `max_epochs` passes take, at most `max_steps`."""
        if max_epochs is None:
            return max_steps
        return min(max_steps, max_epochs * -(-len(self.rows) // self.batch_size))


def end_to_end(
    encoder: nn.Module, decoder: nn.Module, source: Source, *, n_steps: int, learning_rate: float
) -> Iterator[Epoch]:
    """Train encoder and decoder together, without dropout: Adam, learning rate up a tenth of the way, then down.

    Adam and the one-cycle schedule reach in a few thousand steps what constant SGD needs tens of thousands for.
    """
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=learning_rate, fused=True)
    schedule = one_cycle(optimizer, learning_rate, n_steps)
    yield from train(
        "pretraining",
        source,
        lambda rows: reconstruction_error(rows, decoder(encoder(rows)).float()),
        optimizer,
        schedule,
        n_steps,
    )


def layer_wise(
    encoder: nn.Module,
    decoder: nn.Module,
    source: Source,
    *,
    layer_steps: int,
    n_steps: int,
    learning_rate: float,
    dropout: float,
) -> Iterator[Epoch]:
    """Train each pair of layers as a denoising autoencoder, then all of them together without dropout.

    Equations 6 to 9 of the paper with the details of its code: the layers below are clean and frozen, dropout
    is on the input of all pairs but the first and on the hidden units of all but the last, the target is the
    clean input, and the decoder's layer is linear only where it reconstructs the rows themselves.
    """
    encoders, decoders = linear_layers(encoder), linear_layers(decoder)[::-1]
    depth = len(encoders)
    noise = source.generator
    for level, (up, down) in enumerate(zip(encoders, decoders, strict=True)):
        first, last = level == 0, level == depth - 1

        def loss(
            rows: Tensor,
            level: int = level,
            up: nn.Linear = up,
            down: nn.Linear = down,
            first: bool = first,
            last: bool = last,
        ) -> Tensor:
            with torch.no_grad():
                for layer in encoders[:level]:
                    rows = layer(rows).relu()
            hidden = up(rows if first else drop(rows, dropout, noise))
            if not last:
                hidden = drop(hidden.relu(), dropout, noise)
            output = down(hidden)
            return reconstruction_error(rows, output.float() if first else output.float().relu()) / 2

        optimizer = _caffe_sgd([up, down], learning_rate)
        schedule = caffe_schedule(optimizer)
        yield from train(f"layer {level + 1} of {depth}", source, loss, optimizer, schedule, layer_steps)

    optimizer = _caffe_sgd([*encoders, *decoders], learning_rate)
    yield from train(
        "fine-tuning",
        source,
        lambda rows: reconstruction_error(rows, decoder(encoder(rows)).float()) / 2,
        optimizer,
        caffe_schedule(optimizer),
        n_steps,
    )


def train(
    stage: str,
    source: Source,
    loss_of: Callable[[Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    schedule: Callable[[int], None],
    n_steps: int,
) -> Iterator[Epoch]:
    """Take `n_steps` optimiser steps on what `loss_of` makes of each batch: the one loop of stage 1.

    Raises
    ------
    FloatingPointError
        As soon as a record's loss is not finite.
    """
    total = torch.zeros((), device=source.compute.device)
    batches = source.batches()
    since = 0
    for step in range(1, n_steps + 1):
        schedule(step - 1)
        with source.compute.training():
            loss = loss_of(next(batches))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.detach()
        since += 1
        if step % RECORD_EVERY == 0 or step == n_steps:
            mean, rate = total.item() / since, optimizer.param_groups[0]["lr"]
            check_finite_loss(mean, stage, step, rate)
            yield Epoch(stage, step, n_steps, mean, rate, perf_counter() - source.started)
            total.zero_()
            since = 0


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
        half = torch.pi * position
        rate = high + (low - high) * (1 + float(torch.cos(torch.tensor(half)))) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate

    return schedule


def caffe_schedule(optimizer: torch.optim.Optimizer) -> Callable[[int], None]:
    """Learning rate / 10 every 20,000 steps; momentum grows from 0 to 0.9 over the first 1,000."""
    start = [group["lr"] for group in optimizer.param_groups]

    def schedule(step: int) -> None:
        for group, rate in zip(optimizer.param_groups, start, strict=True):
            group["lr"] = rate * 0.1 ** (step // CAFFE_STEP_EVERY)
            group["momentum"] = CAFFE_MOMENTUM * min(1.0, step / CAFFE_BURN_IN)

    return schedule


def drop(values: Tensor, rate: float, generator: Generator) -> Tensor:
    """Set each value to zero with probability `rate` and scale the rest up; the mask comes from the generator."""
    keep = torch.rand(values.shape, generator=generator) >= rate
    return values * keep.to(values.device) / (1 - rate)


def _caffe_sgd(layers: list[nn.Linear], learning_rate: float) -> torch.optim.SGD:
    return torch.optim.SGD(
        [
            {"params": [layer.weight for layer in layers], "lr": learning_rate},
            {"params": [layer.bias for layer in layers], "lr": learning_rate * CAFFE_BIAS_RATE},
        ],
        momentum=CAFFE_MOMENTUM,
    )
