"""The contrastive loss against a naive loop, and training that brings neighbours together."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from small import blobs
from torchdec._core.compute import resolve
from torchdec._core.neighbor_embedding import embed_neighbors, neighbor_loss
from torchdec._core.neighbor_graph import nearest_neighbors
from torchdec._core.networks import stack
from torchdec._core.randomness import generator
from torchdec._core.training import Source
from torchdec.rows import as_rows


def test_the_loss_equals_the_naive_loop() -> None:
    g = generator(0)
    anchors, neighbors = torch.randn(5, 3, generator=g), torch.randn(5, 3, generator=g)
    everything = torch.cat([anchors, neighbors])
    total = 0.0
    for i in range(5):
        kernel = [1 / (1 + float((anchors[i] - other).square().sum())) for other in everything]
        total -= math.log(kernel[5 + i] / sum(kernel[m] for m in range(10) if m != i))
    assert neighbor_loss(anchors, neighbors).item() == pytest.approx(total / 5, rel=1e-5)


def test_the_gradient_is_that_of_the_formula() -> None:
    g, own = generator(0), slice(2, 7)
    codes = [torch.randn(9, 3, generator=g, dtype=torch.float64, requires_grad=True) for _ in range(2)]

    def formula(anchors: Tensor, neighbors: Tensor) -> Tensor:
        mine = anchors[own]
        kernel = 1 / (1 + torch.cdist(mine, torch.cat([anchors, neighbors])).square())
        others = kernel.sum(dim=1) - 1  # all but itself
        return (others.log() + (mine - neighbors[own]).square().sum(dim=1).log1p()).mean()

    expected = torch.autograd.grad(formula(*codes), codes)
    found = torch.autograd.grad(neighbor_loss(*codes, own), codes)
    torch.testing.assert_close(found, expected)


def test_neighbours_end_nearer_than_other_rows() -> None:
    X, y = blobs(150, 6, 3)
    graph = nearest_neighbors(torch.from_numpy(X), 5, cosine=False, compute=resolve("cpu", "float32"))
    encoder = stack((6, 16, 2), generator(0), batch_norm=True)
    source = Source(as_rows(X), 1.0, 50, generator(1), resolve("cpu", "float32"), 0.0)
    training = embed_neighbors(
        encoder, None, graph, source, reconstruction_weight=0.0, dropout=0.0, n_steps=150, learning_rate=1e-2
    )
    records = list(training)
    assert records[-1].loss < records[0].loss
    with torch.inference_mode():
        code = encoder.eval()(torch.from_numpy(X)).numpy()
    distance = np.linalg.norm(code[:, None] - code[None], axis=2)
    same = y[:, None] == y[None]
    assert distance[same].mean() < 0.3 * distance[~same].mean()


def test_the_encoder_goes_without_features_that_the_decoder_has_to_find() -> None:
    X = np.ones((8, 400), dtype=np.float32)
    source = Source(as_rows(X), 1.0, 8, generator(1), resolve("cpu", "float32"), 0.0)
    encoder, decoder = stack((400, 2), generator(0)), stack((2, 400), generator(2))
    seen = []
    encoder.register_forward_pre_hook(lambda _, values: seen.append(*values))
    nn.init.zeros_(decoder[0].weight)
    graph = (np.arange(8)[:, None] + 1) % 8
    training = embed_neighbors(
        encoder, decoder, graph, source, reconstruction_weight=1000.0, dropout=0.4, n_steps=1, learning_rate=1e-9
    )
    (record,) = training
    assert seen[0].eq(0).float().mean().item() == pytest.approx(0.4, abs=0.03)
    assert record.loss == pytest.approx(1000, abs=10)  # zeros for ones, whichever the encoder did not see
