"""Where to look for neighbours: among the rows as they are, or among their principal components."""

from math import sqrt
from statistics import fmean, stdev

import numpy as np
import torch
from jaxtyping import Float32, Int64
from numpy.typing import NDArray
from torch import Generator

from torchdec._core.communities import communities, edges_of
from torchdec._core.compute import Compute
from torchdec._core.nearest import nearest
from torchdec._core.neighbor_graph import principal_components
from torchdec.rows import as_rows
from torchdec.rows._protocol import Rows

# Rows that the choice is made on: enough for communities to be found, few enough for seconds.
SAMPLE = 8000
# Share by which lengths that are one may differ, rounded as they may be.
_ONE_LENGTH = 0.01
# A search in all features costs time, so it has to be better than a tie; ties were within half a percent.
MARGIN = 0.01
# Splits of the features at least and at most, and how many standard errors the mean of what they say is to be away
# from a tie before no more are made: on the newsgroups single splits say now the one and now the other.
FEWEST, MOST, STANDARD_ERRORS = 3, 9, 2.0


def lengths_and_fullness(rows: Rows) -> tuple[bool, float]:
    """Tell whether the rows are vectors of one length, as embeddings are, and what share of values is not zero."""
    values = rows.take(np.linspace(0, len(rows) - 1, num=min(len(rows), SAMPLE // 8), dtype=np.int64))
    lengths = np.linalg.norm(values, axis=1)
    return bool(np.ptp(lengths) <= _ONE_LENGTH * lengths.max()), np.count_nonzero(values) / values.size


def components_agree(
    rows: Rows, n_components: int, n_neighbors: int, generator: Generator, compute: Compute, *, cosine: bool
) -> bool:
    """Tell whether the graph of the components agrees at least as well as that of the rows, by `agreements`.

    Rows are drawn and features split anew until the mean is clear. Where too little is left to tell, few rows that
    are not all zero or few features that vary, it does.
    """
    ahead: list[float] = []
    for _ in range(MOST):
        values = sample(rows, generator)
        if len(values) <= n_components or values.shape[1] <= 2 * n_components:
            return True
        of_components, of_rows = agreements(values, n_components, n_neighbors, generator, compute, cosine=cosine)
        ahead.append(of_rows - (1 + MARGIN) * of_components)
        if len(ahead) >= FEWEST and abs(fmean(ahead)) >= STANDARD_ERRORS * stdev(ahead) / sqrt(len(ahead)):
            break
    return fmean(ahead) <= 0


def agreements(
    values: Float32[NDArray[np.float32], "rows features"],
    n_components: int,
    n_neighbors: int,
    generator: Generator,
    compute: Compute,
    *,
    cosine: bool,
) -> tuple[float, float]:
    """Measure how well a graph of the components and one of the rows agree with features that they did not see.

    The features are dealt into two halves at random. Each half makes two graphs, one of the rows as they are and
    one of their components, and each graph has its communities. A graph is as good as its edges stay within the
    communities of the *other* half, on average over both kinds of communities: what two disjoint sets of features
    agree on is the noise of neither.
    """
    graphs, partitions, known = [], [], np.ones(len(values), dtype=bool)
    for columns in torch.randperm(values.shape[1], generator=generator).tensor_split(2):
        half = np.ascontiguousarray(values[:, columns.numpy()])
        components, _ = principal_components(as_rows(half), n_components, generator, compute)
        pair = [
            nearest(points, n_neighbors, cosine=cosine)
            for points in (components, torch.from_numpy(half).to(compute.device))
        ]
        graphs.append(pair)
        partitions.append([communities(edges_of(graph)) for graph in pair])
        known &= half.any(axis=1)

    def mean_agreement(kind: int) -> float:
        return fmean(
            agreement(graphs[half][kind], partition, known)
            for half in range(2)
            for partition in partitions[1 - half]
        )

    return mean_agreement(0), mean_agreement(1)


def agreement(
    graph: Int64[NDArray[np.int64], "rows neighbors"],
    partition: Int64[NDArray[np.int64], " rows"],
    known: NDArray[np.bool_],
) -> float:
    """Share of the edges of the `known` rows that stay within a part, 0 where chance does as well, 1 at best."""
    chance = float(np.square(np.bincount(partition) / len(partition)).sum())
    if chance == 1 or not known.any():
        return 0.0
    within = float((partition[graph[known]] == partition[known, None]).mean())
    return (within - chance) / (1 - chance)


def sample(rows: Rows, generator: Generator) -> Float32[NDArray[np.float32], "sample features"]:
    """Draw rows evenly, and leave out rows of zeros and features that are the same in all."""
    picked = torch.randperm(len(rows), generator=generator)[:SAMPLE].sort().values
    values = rows.take(picked.numpy())
    values = values[values.any(axis=1)]
    return values[:, np.ptp(values, axis=0) > 0]
