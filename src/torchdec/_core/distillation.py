"""Stage 1c: an encoder learns where the rows lie in an embedding that was made without one."""

from collections.abc import Iterator
from copy import deepcopy
from typing import cast

import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn

from torchdec._core import workers
from torchdec._core.layers import Stack
from torchdec._core.objective import reconstruction_error
from torchdec._core.records import Epoch
from torchdec._core.training import Source, train_by_adam

# How far each row is moved towards the middle of its cluster before the encoder learns where it lies.
_DRAWN = 0.8


def drawn_to_clusters(
    embedding: Float32[Tensor, "rows embedding"], labels: Int64[Tensor, " rows"]
) -> Float32[Tensor, "rows embedding"]:
    """Move the rows of each cluster near each other, whatever its shape, so that one centre can tell them.

    A graph has clusters that are long, or lie in several parts, in any embedding of it. An encoder that learns
    them drawn together gives nearly all rows the nearest centre that the partition gives them.
    """
    n_clusters = int(labels.max()) + 1
    sums = embedding.new_zeros(n_clusters, embedding.shape[1]).index_add_(0, labels, embedding)
    middles: Tensor = sums / labels.bincount(minlength=n_clusters).clamp(min=1)[:, None]
    drawn: Tensor = embedding.lerp(middles[labels], _DRAWN)
    return drawn


def learn_embedding(
    encoder: nn.Module,
    decoder: nn.Module | None,
    embedding: Float32[Tensor, "rows embedding"],
    source: Source,
    *,
    reconstruction_weight: float,
    dropout: float,
    n_steps: int,
    learning_rate: float,
) -> Iterator[Epoch]:
    """Train the encoder to give each row its place, in units of the embedding's deviation: mean squared error.

    `in_units_of` makes the encoder that is wanted of it, once it is trained.

    It sees each row without a share `dropout` of its features, drawn anew each time, and half of the rows changed
    where there is an augmentation. Where there is a decoder it learns too, to reconstruct all of them, whole, from
    their embedding.
    """
    middle, deviation = (value.to(source.compute.device) for value in _middle_and_deviation(embedding))

    def loss(index: Tensor) -> Tensor:
        own, part = workers.share(index)
        x = source.as_they_are(own)
        with source.compute.arithmetic():
            code = encoder(source.dropped(source.half_changed(x), dropout)).float()
        places = (embedding[own].to(code) - middle) / deviation
        value: Tensor = (code - places).square().sum(dim=1).mean()
        if decoder is not None:
            with source.compute.arithmetic():
                reconstructed = decoder(code * deviation + middle)
            value = value + reconstruction_weight * reconstruction_error(x, reconstructed)
        return part * value

    networks = [encoder, decoder] if decoder else [encoder]
    yield from train_by_adam("embedding", networks, source, loss, n_steps, learning_rate)


def in_units_of(embedding: Float32[Tensor, "rows embedding"], encoder: nn.Sequential) -> Stack:
    """Return an encoder that gives places of the embedding, made of one that gives them in its deviations."""
    *layers, last = encoder
    last = deepcopy(cast("nn.Linear", last))
    middle, deviation = (value.to(last.bias.device) for value in _middle_and_deviation(embedding))
    with torch.no_grad():
        last.weight.mul_(deviation)
        last.bias.mul_(deviation).add_(middle)
    return Stack(*layers, last)


def _middle_and_deviation(embedding: Tensor) -> tuple[Tensor, Tensor]:
    middle = embedding.mean(dim=0)
    deviation = (embedding - middle).square().mean().sqrt()
    return middle, deviation.clamp(min=torch.finfo(torch.float32).tiny)
