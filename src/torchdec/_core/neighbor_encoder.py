"""Stage 1c: an encoder learns where the rows lie in an embedding that was made without one.

Of sparse rows it learns from the graph itself. A row of few words, or of the counts of some genes, has neighbours
by chance. Free vectors follow each of them; an encoder sees what rows share, and is led less by single edges
(docs/accuracy.md).
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, cast

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from torchdec._core import workers
from torchdec._core.layers import Stack
from torchdec._core.neighbor_graph import edge_probabilities
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


def neighbor_loss(
    anchors: Float[Tensor, "rows code"], neighbors: Float[Tensor, "rows code"], own: slice = slice(None)
) -> Float[Tensor, ""]:
    """Cross-entropy of picking each anchor's neighbour among all other rows of the batch; mean over `own` anchors.

    The weight of a pair is 1 / (1 + ||z_i - z_m||^2), the kernel of equation 1 with one degree of freedom, so
    codes end where self-training expects them. This is InfoNCE with that kernel, as in t-SimCNE (Böhm,
    Berens, Kobak, ICLR 2023), with graph neighbours in place of augmented images.
    """
    first, last, _ = own.indices(len(anchors))
    mine = anchors[own]
    others = torch.cat([mine, anchors[:first], anchors[last:], neighbors])
    to_others: Tensor = _LogOfKernels.apply(*_lifted(mine, others))  # type: ignore[no-untyped-call]
    to_neighbor = (mine - neighbors[own]).square().sum(dim=1)
    return (to_others + to_neighbor.log1p()).mean()


def _lifted(
    a: Float[Tensor, "rows code"], b: Float[Tensor, "others code"]
) -> tuple[Float[Tensor, "rows lifted"], Float[Tensor, "others lifted"]]:
    """Factor the matrix of 1 + ||a - b||^2; accurate, since here, unlike in self-training, rows fill the space."""
    a_square, b_square = a.square().sum(dim=1, keepdim=True), b.square().sum(dim=1, keepdim=True)
    left = torch.cat([-2 * a, 1 + a_square, torch.ones_like(a_square)], dim=1)
    return left, torch.cat([b, torch.ones_like(b_square), b_square], dim=1)


class _LogOfKernels(torch.autograd.Function):
    """Logarithm of the sum of 1 / (1 + ||z_i - z_m||^2) over m, without m = i, for each i.

    The matrix of kernels is the largest that a step has, so it is made in place, and turned into its gradient.
    """

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor) -> Tensor:
        kernel = (left @ right.T).clamp_(min=1).fill_diagonal_(torch.inf).reciprocal_()
        total = kernel.sum(dim=1)
        ctx.save_for_backward(left, right, kernel, total)
        return total.log()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        left, right, kernel, total = ctx.saved_tensors
        of_products = kernel.square_().mul_((-gradient / total)[:, None])
        return of_products @ right, (left.T @ of_products).T


def embed_neighbors(
    encoder: nn.Module,
    decoder: nn.Module | None,
    graph: Int64[Tensor, "rows neighbors"],
    source: Source,
    *,
    reconstruction_weight: float,
    dropout: float,
    n_steps: int,
    learning_rate: float,
) -> Iterator[Epoch]:
    """Train the encoder: at each step a batch of rows, with one neighbour of each, drawn by its weight.

    It sees each row without a share `dropout` of its features, drawn anew each time. Where there is a decoder it
    learns too, to reconstruct all of them, whole, from their embedding.
    """
    probabilities = torch.from_numpy(edge_probabilities(graph.numpy()))
    generator = source.generator

    def loss(index: Tensor) -> Tensor:
        column = torch.multinomial(probabilities[index], 1, generator=generator)
        partners = graph[index].gather(1, column).squeeze(1)
        own, part = workers.share(index)
        x = source.take(torch.cat([own, workers.share(partners)[0]]))
        with source.compute.arithmetic():
            code = encoder(source.dropped(x, dropout)).float()
            reconstructed = decoder(code) if decoder else None
        anchors, theirs = (workers.gathered(half, len(index)) for half in code.tensor_split(2))
        value = neighbor_loss(anchors, theirs, workers.span(len(index)))
        if reconstructed is not None:
            value = value + reconstruction_weight * reconstruction_error(x, reconstructed)
        return part * value

    networks = [encoder, decoder] if decoder else [encoder]
    yield from train_by_adam("neighbors", networks, source, loss, n_steps, learning_rate)
