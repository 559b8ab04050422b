"""Rows with known clusters, and estimators that are trained for real but in a moment."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from torchdec import DEC, Autoencoder, NeighborEncoder, Representation, _starts
from torchdec._core.layers import stack
from torchdec._core.partition import Partition
from torchdec._core.randomness import generator


class OddNetwork(nn.Module):
    """An encoder that is no stack of layers: a convolution along the features, and a sine."""

    def __init__(self, width: int, embedding_dim: int = 3) -> None:
        super().__init__()
        self.config = {"width": width, "embedding_dim": embedding_dim}
        self.convolution = nn.Conv1d(1, 4, 3, padding=1)
        self.last = nn.Linear(4 * width, embedding_dim)

    def forward(self, rows: Tensor) -> Tensor:
        return self.last(self.convolution(rows[:, None]).sin().flatten(1))


class OwnRepresentation(Representation):
    """A representation as a user writes one: networks and a loss of its own."""

    def __init__(self, max_epochs: int = 12, random_state: Any = None) -> None:
        self.max_epochs = max_epochs
        self.random_state = random_state

    batch_size = 32
    learning_rate = 1e-2

    def networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        return OddNetwork(n_features), nn.Linear(3, n_features)

    def loss(self, encoder: nn.Module, decoder: nn.Module | None, rows: Tensor) -> Tensor:
        return (decoder(encoder(rows)) - rows).abs().mean()


def linear(d: int, *, times: float = 1.0) -> nn.Module:
    """Make an encoder of one layer whose code is, until it is trained, so many times the row."""
    encoder = stack((d, d), generator(0))
    with torch.no_grad():
        encoder[0].weight.copy_(times * torch.eye(d))
        encoder[0].bias.zero_()
    return encoder


class Unchanged(Representation):
    """A code that is the rows, times a number."""

    def __init__(self, max_epochs: int = 1, random_state: Any = None) -> None:
        self.max_epochs = max_epochs
        self.random_state = random_state

    def networks(self, n_features: int) -> tuple[nn.Module, None]:
        return linear(n_features, times=4), None

    def loss(self, encoder: nn.Module, decoder: None, rows: Tensor) -> Tensor:
        return 0 * encoder(rows).sum()


REPRESENTATIONS = {
    "own": OwnRepresentation(),
    "autoencoder": Autoencoder(hidden=(16, 24), embedding_dim=3, max_steps=60, learning_rate=5e-3, batch_size=32),
    "layer-wise": Autoencoder.paper(hidden=(16, 24), embedding_dim=3, layer_steps=20, max_steps=20, batch_size=32),
    "neighbors": NeighborEncoder(hidden=(16, 24), embedding_dim=3, max_epochs=20, batch_size=32),
}


def small_dec(n_clusters: int = 2, representation: str = "autoencoder", **parameters: Any) -> DEC:
    """Make a DEC that converges at once, so that no test meets a warning that it does not ask for."""
    defaults = {"representation": REPRESENTATIONS[representation], "tol": 1.0, "random_state": 0}
    return DEC(n_clusters, **{**defaults, **parameters})


def blobs(
    n: int, d: int, k: int, *, seed: int = 0, spread: float = 0.15
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw rows around k far centres; return them with the centre of each."""
    random = np.random.default_rng(seed)
    centers = random.normal(size=(k, d))
    labels = np.arange(n) % k
    return (centers[labels] + spread * random.normal(size=(n, d))).astype(np.float32), labels


def rings(*radii: float, n: int = 300, spread: float = 0.15) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw n rows around each circle about one point, of which one of radius 0 is a blob; return their circles."""
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, size=(len(radii), n))
    circles = np.array(radii)[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=2)
    points = circles + spread * random.normal(size=circles.shape)
    return points.reshape(-1, 2).astype(np.float32), np.repeat(np.arange(len(radii)), n)


def brute_force(
    points: NDArray[np.floating], n_neighbors: int, *, cosine: bool, copies: Sequence[NDArray[np.floating]] = ()
) -> NDArray[np.int64]:
    """Return the other rows that are nearest to each row or to one of its copies, nearest first."""

    def nearness(rows: NDArray[np.floating]) -> NDArray[np.float64]:
        if cosine:
            return _unit(rows) @ _unit(points).T
        return -np.square(rows.astype(np.float64)[:, None] - points[None]).sum(axis=2)

    best = np.max([nearness(rows) for rows in (points, *copies)], axis=0)
    np.fill_diagonal(best, -np.inf)
    return np.argsort(-best, axis=1)[:, :n_neighbors]


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    rows = rows.astype(np.float64)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)


def stage_2_gives(patch: pytest.MonkeyPatch, labels: NDArray[np.int64]) -> None:
    """Let stage 2 of every `DEC` be these clusters of the rows."""

    given = Partition(labels.astype(np.int32), "given", 0, None, {})
    patch.setattr(_starts, "partition", lambda *_, **__: given)
