"""Rows with known clusters, and estimators that are trained for real but in a moment."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec import DEC, Autoencoder, NeighborEncoder

REPRESENTATIONS = {
    "autoencoder": Autoencoder(hidden=(16, 24), code_size=3, max_steps=60, learning_rate=5e-3, batch_size=32),
    "layer-wise": Autoencoder.paper(hidden=(16, 24), code_size=3, layer_steps=20, max_steps=20, batch_size=32),
    "neighbors": NeighborEncoder(hidden=(16, 24), code_size=3, max_steps=60, batch_size=32),
}


def small_dec(n_clusters: int = 2, representation: str = "autoencoder", **parameters: Any) -> DEC:
    """Make a DEC that converges at once, so that no test meets a warning that it does not ask for."""
    defaults = {"representation": REPRESENTATIONS[representation], "tol": 1.0, "n_init": 3, "random_state": 0}
    return DEC(n_clusters, **{**defaults, **parameters})


def blobs(
    n: int, d: int, k: int, *, seed: int = 0, spread: float = 0.15
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw rows around k far centres; return them with the centre of each."""
    random = np.random.default_rng(seed)
    centers = random.normal(size=(k, d))
    labels = np.arange(n) % k
    return (centers[labels] + spread * random.normal(size=(n, d))).astype(np.float32), labels


def brute_force(points: NDArray[np.floating], n_neighbors: int, *, cosine: bool) -> NDArray[np.int64]:
    """Return the nearest other rows of each row, nearest first."""
    points = points.astype(np.float64)
    if cosine:
        points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-30)
        nearness = points @ points.T
    else:
        nearness = -np.square(points[:, None] - points[None]).sum(axis=2)
    np.fill_diagonal(nearness, -np.inf)
    return np.argsort(-nearness, axis=1)[:, :n_neighbors]
