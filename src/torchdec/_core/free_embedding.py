"""Stage 1b: one free vector a row, placed so that rows that are neighbours lie near each other; no network."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from numpy.typing import NDArray
from torch import Generator, Tensor

from torchdec._core.neighbor_graph import edge_probabilities
from torchdec.rows._protocol import Rows

# Each row is told apart from the others of a group of so many, and from a neighbour of each of these. More make
# no better clusters, and cost in proportion.
_GROUP = 128
# Rows that move at a time, in groups: enough for few calls, few enough to stay in the processor's cache. Of few
# rows an eighth at most.
_ROWS = 1024
# Passes over the rows: so many up to 10,000 rows, fewer over more, whose clusters have more edges to hold them.
_MOST_PASSES, _FEWEST_PASSES, _PASSES_BY_ROOT = 40, 20, 5000
# Peak of the rate of a plain gradient step, reached after so many steps; and how far a coordinate moves at most.
_RATE, _RISE, _LONGEST = 10.0, 50, 4.0


@dataclass(frozen=True)
class Embedded:
    """Rows that were embedded without a network, for a partition and for an encoder to learn from."""

    rows: Rows  # the rows, as the encoder takes them but for the scale
    index: Int64[NDArray[np.int64], " rows"] | None  # which rows of the source they are; None where they are all
    graph: Int64[Tensor, "rows neighbors"]  # nearest other rows of each, nearest first
    # Several, since another draw of the neighbours gives another one; none where the encoder had better learn from
    # the graph itself.
    embeddings: tuple[Float32[Tensor, "rows embedding"], ...]
    # The leading principal components of the rows, where these are few.
    points: Float32[Tensor, "rows components"] | None
    # Where the encoder had better put them; None for the first of the embeddings.
    places: Float32[Tensor, "rows embedding"] | None = None


def free_embedding(
    start: Float32[Tensor, "rows embedding"], graph: Int64[Tensor, "rows neighbors"], generator: Generator
) -> Float32[Tensor, "rows embedding"]:
    """Embed the rows of a graph of neighbours: gradient descent on the vectors themselves.

    At each step the rows of a group, each with one neighbour drawn by its weight, maximise the likelihood of
    picking that neighbour among all others of the group, by Student's t kernel, the one of equation 1. This is
    InfoNCE with that kernel, as in t-SimCNE (Böhm, Berens, Kobak, ICLR 2023), on free vectors, as in UMAP. The
    rows start at their leading principal components, on the device to compute on.
    """
    vectors, (n, z) = start.clone(), start.shape
    probabilities = torch.from_numpy(edge_probabilities(graph.numpy()))
    group = min(_GROUP, n)
    together = group * max(1, min(_ROWS, n // 8) // group)
    in_groups = n // group * group
    a_pass = -(-in_groups // together)
    n_steps = a_pass * max(_FEWEST_PASSES, min(_MOST_PASSES, int(_PASSES_BY_ROOT / n**0.5)))
    step = 0
    while step < n_steps:
        neighbors = graph.gather(1, torch.multinomial(probabilities, 1, generator=generator))[:, 0]
        for rows in torch.split(torch.randperm(n, generator=generator)[:in_groups], together):
            own, theirs = rows.to(vectors.device), neighbors[rows].to(vectors.device)
            slopes = _slopes(vectors[own].view(-1, group, z), vectors[theirs].view(-1, group, z))
            rate = _RATE * (1 + math.cos(math.pi * step / n_steps)) / 2 * min(1, (step + 1) / _RISE)
            for moved, slope in zip((own, theirs), slopes, strict=True):
                vectors.index_add_(0, moved, slope.mul_(-rate).clamp_(-_LONGEST, _LONGEST).view(-1, z))
            step += 1
    return vectors


def _slopes(
    anchors: Float[Tensor, "groups rows embedding"], neighbors: Float[Tensor, "groups rows embedding"]
) -> tuple[Float[Tensor, "groups rows embedding"], Float[Tensor, "groups rows embedding"]]:
    """Return half the gradients, by anchors and by neighbours, of the loss summed over all rows.

    Of a row it is the logarithm of the sum of its kernels with all others, less that of its own neighbour. The
    kernels of a group with all of it are the largest that a step has, so they are made in place.
    """
    n = anchors.shape[1]
    others = torch.cat([anchors, neighbors], dim=1)
    square = others.square().sum(dim=2)
    kernel = torch.baddbmm((1 + square[:, :n, None]) + square[:, None], anchors, others.mT, alpha=-2).clamp_(min=1)
    kernel.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    kernel.reciprocal_()
    total = kernel.sum(dim=2, keepdim=True)
    weight = kernel.square_().div_(total)
    by_anchors = weight @ others - weight.sum(dim=2, keepdim=True) * anchors
    by_others = weight.mT @ anchors - weight.sum(dim=1)[:, :, None] * others
    apart = anchors - neighbors
    pull = apart / (1 + apart.square().sum(dim=2, keepdim=True))
    return by_anchors + by_others[:, :n] + pull, by_others[:, n:] - pull
