"""Embeddings that lie as few rows do."""

import numpy as np
import pytest
import torch

from torchdec._core.compute import Compute
from torchdec._core.neighbor_graph import layout, layout_weight
from torchdec._core.randomness import generator
from torchdec.rows import as_rows

COMPUTE = Compute(torch.device("cpu"), "float32")


@pytest.mark.parametrize(("n_rows", "weight"), [(2, 1), (50, 1), (100, 0.5), (150, 0), (10_000, 0)])
def test_the_layout_counts_alone_up_to_50_rows_and_not_at_all_from_150_on(n_rows: int, weight: float) -> None:
    assert layout_weight(n_rows) == weight


def test_a_layout_has_the_distances_of_the_rows_up_to_one_factor() -> None:
    X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32) + 5
    placed = layout(as_rows(X), 10, generator(0), COMPUTE)
    assert placed.shape == (12, 10)
    assert not placed[:, 3:].any()
    assert float(placed.square().sum(dim=1).mean()) == pytest.approx(100)
    ratio = torch.pdist(placed) / torch.pdist(torch.from_numpy(X))
    assert float(ratio.max() / ratio.min()) == pytest.approx(1, abs=1e-3)


def test_rows_that_are_all_equal_have_a_layout() -> None:
    assert layout(as_rows(np.ones((5, 2), dtype=np.float32)), 4, generator(0), COMPUTE).isfinite().all()
