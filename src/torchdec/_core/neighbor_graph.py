"""The nearest neighbours of every row, in the space of the leading principal components."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from torch import Generator, Tensor

from torchdec._core.batches import in_order, joined
from torchdec._core.compute import Compute
from torchdec.augment import Augment, apply, moved
from torchdec.rows._protocol import Rows

# How often a neighbour that does not count the row among its own is drawn, against one that does.
ONE_WAY = 0.25
# Of a row, changed at random, whose neighbours count too. More find a little more, and each costs a search.
COPIES = 32
# How pictures are moved a little, one at a time: degrees, and shares of the width and of the height, here a pixel
# of 28.
_PIXEL = 1 / 28
_MOVES = ((10, 0, 0), (-10, 0, 0), (0, _PIXEL, 0), (0, -_PIXEL, 0), (0, 0, _PIXEL), (0, 0, -_PIXEL))
# Up to so many rows the embedding is to be their leading components, from so many on what the graph makes of
# them, and between the two something of both.
_AS_THEY_LIE, _BY_THE_GRAPH = 50, 150
# Mean squared distance from the middle of such an embedding: groups that are apart are then so for Student's
# kernel.
_EXTENT = 100.0
_OVERSAMPLING = 10
_ROUNDING = 1e-3
_PASSES = 6


def principal_components(
    rows: Rows, n_components: int, generator: Generator, compute: Compute
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Project the centred rows on their leading principal components, float32 (n, n_components).

    The second value projects others, float32 (m, d), in the same way.
    """
    projected, mean, components = principal_axes(rows, n_components, generator, compute)
    return projected, lambda others: (others - mean) @ components


def principal_axes(
    rows: Rows, n_components: int, generator: Generator, compute: Compute
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the projected rows, (n, n_components), the mean, (d,), and the components, (d, n_components).

    Subspace iteration (Halko, Martinsson, Tropp, SIAM Review 2011): some passes over the rows, chunk by chunk,
    with memory for d x n_components numbers whatever n is.
    """
    n, d = rows.shape
    n_components = min(n_components, d, n)
    total = torch.zeros(d, dtype=torch.float64, device=compute.device)
    for chunk in in_order(rows, 1.0, compute):
        total += chunk.double().sum(dim=0)
    mean = (total / n).float()
    width = min(n_components + _OVERSAMPLING, d)
    basis = torch.linalg.qr(torch.randn(d, width, generator=generator).to(compute.device)).Q
    for _ in range(_PASSES):
        product = torch.zeros(d, width, device=compute.device)
        for chunk in in_order(rows, 1.0, compute):
            centered = chunk - mean
            product += centered.T @ (centered @ basis)
        basis = torch.linalg.qr(product).Q
    projected = joined(((chunk - mean) @ basis for chunk in in_order(rows, 1.0, compute)), n)
    # Rotate the basis so that its columns are the components, the widest first.
    _, _, axes = torch.linalg.svd(projected, full_matrices=False)
    turned = axes.T[:, :n_components]
    turned = turned * _signs(basis @ turned)
    return projected @ turned, mean, basis @ turned


def _signs(components: Float32[Tensor, "features components"]) -> Float32[Tensor, " components"]:
    """Return the sign of each component's largest value, the first of those that are as large but for rounding.

    Either sign is right, and which of them a solver returns depends on the machine and its threads.
    """
    sizes = components.abs()
    first = (sizes >= (1 - _ROUNDING) * sizes.amax(dim=0)).int().argmax(dim=0)
    return torch.where(components.gather(0, first[None])[0] < 0, -1.0, 1.0)


def layout_weight(n_rows: int) -> float:
    """Return how much the embedding is to be the layout of the rows: 1 of few of them, 0 of 150 and more."""
    return min(1.0, max(0.0, (_BY_THE_GRAPH - n_rows) / (_BY_THE_GRAPH - _AS_THEY_LIE)))


def layout(rows: Rows, width: int, generator: Generator, compute: Compute) -> Float32[Tensor, "rows width"]:
    """Return the leading principal components of the rows, scaled together; zeros where there are fewer.

    A graph of few rows joins what is far apart, and few steps of training keep little of what the rows show.
    """
    components, _ = principal_components(rows, width, generator, compute)
    extent = components.square().sum(dim=1).mean().clamp(min=torch.finfo(torch.float32).tiny)
    scaled = _EXTENT**0.5 * components / extent.sqrt()
    return torch.nn.functional.pad(scaled, (0, width - scaled.shape[1])).cpu()


def changed_copies(
    rows: Rows,
    augment: Augment,
    scale: float,
    project: Callable[[Tensor], Tensor],
    generator: Generator,
    compute: Compute,
) -> Iterator[Tensor]:
    """Yield `COPIES` copies of the rows, each row changed at random and projected, float32 (n, n_components)."""
    for _ in range(COPIES):
        changed = (apply(augment, chunk, generator) / scale for chunk in in_order(rows, scale, compute))
        yield joined((project(chunk).cpu() for chunk in changed), len(rows))


def moved_copies(
    rows: Rows, image_shape: tuple[int, ...], project: Callable[[Tensor], Tensor], compute: Compute
) -> Iterator[Tensor]:
    """Yield copies of pictures, all moved alike and projected, float32 (n, n_components)."""
    for move in _MOVES:
        copies = (
            moved(chunk, image_shape, *(chunk.new_full((len(chunk),), by) for by in move))
            for chunk in in_order(rows, 1.0, compute)
        )
        yield joined(map(project, copies), len(rows))


def edge_probabilities(graph: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how often each neighbour of a row is to be drawn, float32 (n, n_neighbors), each row summing to 1.

    Edges that go both ways join rows of one cluster more often, but rows at the rim of their cluster have few of
    them; so the others are drawn too, at `ONE_WAY` of the rate.
    """
    n, width = graph.shape
    start = np.repeat(np.arange(n), width)
    end = graph.ravel()
    both_ways = np.isin(end * n + start, start * n + end).reshape(n, width)
    weight = np.where(both_ways, np.float32(1), np.float32(ONE_WAY))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), dtype=np.float32)
