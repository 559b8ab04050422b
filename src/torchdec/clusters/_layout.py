"""The map of the rows: embeddings of many dimensions laid out in two."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray

from torchdec._core.free_embedding import free_embedding
from torchdec._core.nearest import nearest
from torchdec._core.randomness import generator
from torchdec._dec import DEC

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


def layout(model: DEC, X: Any) -> Float32[NDArray[np.float32], "rows 2"]:
    """Lay rows out in the plane, those that are alike near each other: float32 of shape (n, 2).

    It is the map of `DEC.report` and `DEC.plot`, of all rows. Distances between clusters mean little. A row that
    holds nothing has NaN. 100,000 rows take about ten seconds.

    Parameters
    ----------
    model : DEC
        Fitted.
    X : array, sparse matrix, DataFrame or Rows of shape (n, d)
        The rows of the fit or others.

    Raises
    ------
    ValueError
        If `X` does not suit the model.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import DEC, NeighborEncoder
    >>> from torchdec.clusters import layout
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = DEC(10, representation=NeighborEncoder(max_epochs=2), tol=0.5, random_state=0).fit(X)
    >>> layout(model, X).shape
    (1797, 2)
    """
    return laid_out(model.transform(X))


def laid_out(codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay embeddings (n, z) out in the plane, (n, 2) float32, by the graph of their nearest neighbours.

    It is the embedding that a fit finds clusters in (`free_embedding`), of two dimensions: as clear as t-SNE in a
    fraction of the time. The first axis is the longer one, since a screen is wider than high.
    """
    filled = np.isfinite(codes).all(axis=1)
    if not filled.all():
        places = np.full((len(codes), 2), np.nan, dtype=np.float32)
        places[filled] = laid_out(codes[filled])
        return places
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
