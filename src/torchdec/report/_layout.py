"""The map of a run: codes of many dimensions laid out in two."""

import numpy as np
import torch
from numpy.typing import NDArray

from torchdec._core.free_embedding import free_embedding
from torchdec._core.nearest import nearest
from torchdec._core.randomness import generator

# Rows on the map: enough to see every cluster, few enough for seconds and for a small page.
MOST_POINTS = 5000
# Below this many, a graph of neighbours has too little to tell.
_FEWEST = 30
_NEIGHBORS = 15
# Deviation of the first axis where the embedding starts: wide enough that groups don't have to pass each other.
_START = 10.0


def sampled(n_rows: int) -> NDArray[np.int64]:
    """Return the numbers of the rows on the map: all, or that many spread evenly over the file at random."""
    if n_rows <= MOST_POINTS:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(0).choice(n_rows, MOST_POINTS, replace=False))


def layout(codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay embeddings (n, z) out in the plane, (n, 2) float32, by the graph of their nearest neighbours.

    It is the embedding that a fit finds clusters in (`free_embedding`), of two dimensions: as clear as t-SNE in a
    fraction of the time. The first axis is the longer one, since a screen is wider than high.
    """
    if not len(codes):
        return np.zeros((0, 2), dtype=np.float32)
    flat = _principal(codes)
    if len(codes) < _FEWEST or not flat.any():
        return flat
    graph = nearest(torch.from_numpy(codes), min(_NEIGHBORS, len(codes) - 1), cosine=False)
    start = torch.from_numpy(flat * np.float32(_START / flat[:, 0].std()))
    return _principal(free_embedding(start, torch.from_numpy(graph), generator(0)).numpy())


def _principal(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the two leading principal components of points, zeros where there are fewer."""
    centered = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(centered, full_matrices=False)
    flat = centered @ axes[:2].T
    return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1]))).astype(np.float32)
