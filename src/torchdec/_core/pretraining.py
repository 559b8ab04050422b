"""Stage 1 of the paper: autoencoders, trained end to end or first layer by layer; generators of `Epoch`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from torchdec._core import workers
from torchdec._core.layers import linear_layers
from torchdec._core.objective import reconstruction_error
from torchdec._core.records import Epoch
from torchdec._core.training import SGD, Source, train, train_by_adam

# Of the code of the paper, not of its text (docs/method.md, "Paper and code"):
CAFFE_MOMENTUM = 0.9
CAFFE_BURN_IN = 1000
CAFFE_STEP_EVERY = 20_000
CAFFE_BIAS_RATE = 2.0


def end_to_end(
    encoder: nn.Module, decoder: nn.Module, source: Source, *, n_steps: int, learning_rate: float
) -> Iterator[Epoch]:
    """Train encoder and decoder together, without dropout: Adam, learning rate up a tenth of the way, then down.

    Adam and the one-cycle schedule reach in a few thousand steps what constant SGD needs tens of thousands for.
    """
    loss = _whole_loss(encoder, decoder, source)
    yield from train_by_adam("pretraining", [encoder, decoder], source, loss, n_steps, learning_rate)


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
    for level in range(depth):
        loss = _pair_loss(encoders[: level + 1], decoders[level], level == depth - 1, source, dropout)
        optimizer = _caffe_sgd([encoders[level], decoders[level]], learning_rate)
        stage = f"layer {level + 1} of {depth}"
        schedule = caffe_schedule(optimizer)
        yield from train(stage, [encoder, decoder], source, loss, optimizer, schedule, layer_steps)

    optimizer = _caffe_sgd([*encoders, *decoders], learning_rate)
    whole_loss = _whole_loss(encoder, decoder, source)
    yield from train(
        "fine-tuning",
        [encoder, decoder],
        source,
        lambda index: whole_loss(index) / 2,
        optimizer,
        caffe_schedule(optimizer),
        n_steps,
    )


def _whole_loss(encoder: nn.Module, decoder: nn.Module, source: Source) -> Callable[[Tensor], Tensor]:
    def loss(index: Tensor) -> Tensor:
        own, part = workers.share(index)
        rows = source.take(own)
        with source.compute.arithmetic():
            reconstructed = decoder(encoder(rows))
        return part * reconstruction_error(rows, reconstructed)

    return loss


def _pair_loss(
    encoders: list[nn.Linear], decoder: nn.Linear, last: bool, source: Source, dropout: float
) -> Callable[[Tensor], Tensor]:
    """Make the loss of one pair: the last of `encoders`, on top of the others, and its decoder layer."""
    *below, encoder = encoders

    def loss(index: Tensor) -> Tensor:
        own, part = workers.share(index)
        clean = source.take(own)
        with source.compute.arithmetic():
            with torch.no_grad():
                for layer in below:
                    clean = layer(clean).relu()
            hidden = encoder(source.dropped(clean, dropout) if below else clean)
            if not last:
                hidden = source.dropped(hidden.relu(), dropout)
            output = decoder(hidden)
        return part * reconstruction_error(clean.float(), output.relu() if below else output) / 2

    return loss


def caffe_schedule(optimizer: torch.optim.Optimizer) -> Callable[[int], None]:
    """Learning rate / 10 every 20,000 steps; momentum grows from 0 to 0.9 over the first 1,000."""
    start = [group["lr"] for group in optimizer.param_groups]

    def schedule(step: int) -> None:
        for group, rate in zip(optimizer.param_groups, start, strict=True):
            group["lr"] = rate * 0.1 ** (step // CAFFE_STEP_EVERY)
            group["momentum"] = CAFFE_MOMENTUM * min(1.0, step / CAFFE_BURN_IN)

    return schedule


def _caffe_sgd(layers: list[nn.Linear], learning_rate: float) -> torch.optim.SGD:
    return SGD(
        [
            {"params": [layer.weight for layer in layers], "lr": learning_rate},
            {"params": [layer.bias for layer in layers], "lr": learning_rate * CAFFE_BIAS_RATE},
        ],
        momentum=CAFFE_MOMENTUM,
    )
