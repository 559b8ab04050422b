"""The nearest neighbours of every row, in the space of the leading principal components."""

from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from torchdec._core.batches import in_order
from torchdec._core.compute import Compute
from torchdec.rows._protocol import Rows

# Up to here an exact search takes less time than building an index; its cost is quadratic.
EXACT_UP_TO = 200_000
# How often a neighbour that does not count the row among its own is drawn, against one that does.
ONE_WAY = 0.25
_OVERSAMPLING = 10
_PART = 2**14
_PASSES = 6


def principal_components(rows: Rows, n_components: int, generator: Generator, compute: Compute) -> Tensor:
    """Project the centred rows on their leading principal components, float32 (n, n_components).

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
    projected = torch.cat([(chunk - mean) @ basis for chunk in in_order(rows, 1.0, compute)])
    # Rotate the basis so that its columns are the components, the widest first.
    _, _, axes = torch.linalg.svd(projected, full_matrices=False)
    components: Tensor = projected @ axes.T[:, :n_components]
    return components


def nearest_neighbors(points: Tensor, n_neighbors: int, *, cosine: bool) -> NDArray[np.int64]:
    """Find the `n_neighbors` nearest other rows of each row, nearest first, int64 (n, n_neighbors).

    Exact up to `EXACT_UP_TO` rows; above it from an inverted file of sqrt(n) lists, of which 32 are searched.
    A row of zeros has similarity 0 to all under the cosine, so it is nobody's near neighbour.
    """
    base = np.ascontiguousarray(points.cpu().numpy(), dtype=np.float32)
    n, d = base.shape
    metric = faiss.METRIC_L2
    if cosine:
        # Part by part: the norm of all rows at once would take another copy of them.
        norms = [np.linalg.norm(part, axis=1, keepdims=True) for part in np.array_split(base, -(-n // _PART))]
        base = base / np.maximum(np.concatenate(norms), np.finfo(np.float32).tiny)
        metric = faiss.METRIC_INNER_PRODUCT
    if n <= EXACT_UP_TO:
        _, found = faiss.knn(base, base, n_neighbors + 1, metric=metric)
    else:
        index: Any = faiss.index_factory(d, f"IVF{int(n**0.5)},Flat", metric)
        index.train(base)
        index.add(base)
        index.nprobe = 32
        _, found = index.search(base, n_neighbors + 1)
    return _without_self(found)


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


def _without_self(found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take each row's own number out of its list; where duplicates crowd it out, drop the farthest instead.

    An approximate search marks what it did not find as -1; the nearest neighbour stands in.
    """
    own = found == np.arange(len(found))[:, None]
    own[~own.any(axis=1), -1] = True
    others = found[~own].reshape(len(found), -1)
    return np.asarray(np.where(others < 0, others[:, :1], others))
