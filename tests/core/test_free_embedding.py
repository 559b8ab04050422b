"""Free vectors against the formula of their loss, and an encoder that learns where they lie."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from small import blobs
from torchdec._core.compute import resolve
from torchdec._core.free_embedding import _slopes, free_embedding
from torchdec._core.layers import stack
from torchdec._core.nearest import nearest
from torchdec._core.neighbor_encoder import drawn_to_clusters, in_units_of, learn_embedding
from torchdec._core.randomness import generator
from torchdec._core.training import Source
from torchdec.rows import as_rows

CPU = resolve("cpu", "float32")


def formula(anchors: Tensor, neighbors: Tensor) -> Tensor:
    """Sum, over the rows of a group, minus the logarithm of what share of all kernels its neighbour has."""
    kernel = 1 / (1 + torch.cdist(anchors, torch.cat([anchors, neighbors])).square())
    of_others = kernel.sum(dim=1) - 1  # all but itself
    return (of_others / kernel[:, len(anchors) :].diagonal()).log().sum()


def test_the_steps_are_half_the_gradient_of_the_formula() -> None:
    random = generator(0)
    vectors = [torch.randn(3, 9, 4, generator=random, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    expected = torch.autograd.grad(sum(map(formula, *vectors)), vectors)
    found = _slopes(*(each.detach() for each in vectors))
    torch.testing.assert_close([2 * each for each in found], list(expected))


@pytest.mark.parametrize("n", [2, 3, 130, 700])
def test_the_rows_nearest_to_one_are_of_its_group(n: int) -> None:
    X, y = blobs(n, 6, 3) if n > 3 else (np.eye(n, 6, dtype=np.float32), np.arange(n))
    graph = torch.from_numpy(nearest(X, min(5, n - 1), cosine=False))
    start = torch.from_numpy(X[:, :2].copy())
    before = start.clone()
    vectors = free_embedding(start, graph, generator(0))
    assert torch.equal(start, before)
    assert torch.equal(vectors, free_embedding(start, graph, generator(0)))
    assert not torch.equal(vectors, free_embedding(start, graph, generator(1)))
    assert vectors.isfinite().all()
    if n > 3:
        near = torch.cdist(vectors, vectors).fill_diagonal_(torch.inf).topk(3, largest=False).indices.numpy()
        assert (y[near] == y[:, None]).mean() > 0.99


def test_rows_that_are_all_equal_stay_finite() -> None:
    graph = torch.from_numpy(nearest(np.ones((200, 3), dtype=np.float32), 5, cosine=False))
    assert free_embedding(torch.zeros(200, 4), graph, generator(0)).isfinite().all()


def test_rows_drawn_to_their_clusters_are_a_fifth_as_far_from_the_middle() -> None:
    embedding, labels = torch.randn(60, 3, generator=generator(0)), torch.arange(60) % 4
    labels[labels == 3] = 4  # a cluster without rows is none
    drawn = drawn_to_clusters(embedding, labels)
    for cluster in (0, 1, 2, 4):
        own = labels == cluster
        middle = embedding[own].mean(dim=0)
        torch.testing.assert_close(drawn[own] - middle, (embedding[own] - middle) / 5)


def learnt(embedding: Tensor, X: np.ndarray, decoder: nn.Module | None = None, **parameters: float) -> nn.Module:
    encoder = stack((X.shape[1], 32, embedding.shape[1]), generator(0))
    source = Source(as_rows(X), 1.0, 50, generator(1), CPU, 0.0)
    settings = {"reconstruction_weight": 0.0, "dropout": 0.0, "n_steps": 300, "learning_rate": 1e-2, **parameters}
    records = list(learn_embedding(encoder, decoder, embedding, source, **settings))
    assert records[-1].loss < records[0].loss or len(records) == 1
    return in_units_of(embedding, encoder)


@pytest.mark.parametrize(("offset", "extent"), [(0.0, 1.0), (50.0, 0.01), (-3.0, 1000.0)])
def test_an_encoder_learns_where_rows_lie_in_any_units(offset: float, extent: float) -> None:
    X, _ = blobs(200, 6, 3)
    embedding = extent * torch.from_numpy(X[:, :2].copy()) + offset
    encoder = learnt(embedding, X)
    with torch.inference_mode():
        off = encoder(torch.from_numpy(X)) - embedding
    assert float(off.square().mean()) < 0.01 * extent**2


def test_the_encoder_goes_without_features_that_the_decoder_has_to_find() -> None:
    X = np.ones((8, 400), dtype=np.float32)
    source = Source(as_rows(X), 1.0, 8, generator(1), CPU, 0.0)
    encoder, decoder = stack((400, 2), generator(0)), stack((2, 400), generator(2))
    seen = []
    encoder.register_forward_pre_hook(lambda _, values: seen.append(*values))
    nn.init.zeros_(decoder[0].weight)
    training = learn_embedding(
        encoder,
        decoder,
        torch.randn(8, 2, generator=generator(3)),
        source,
        reconstruction_weight=1000.0,
        dropout=0.4,
        n_steps=1,
        learning_rate=1e-9,
    )
    (record,) = training
    assert seen[0].eq(0).float().mean().item() == pytest.approx(0.4, abs=0.03)
    assert record.loss == pytest.approx(1000, abs=20)  # zeros for ones, whichever the encoder did not see
