"""Batches are never empty, visit each row once a pass, and depend on the generator alone."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from torch import nn

from torchdec._core.batches import CHUNK, GRAIN, Shuffled, embed, to_device
from torchdec._core.compute import Compute, resolve
from torchdec._core.layers import linear_layers, stack
from torchdec._core.randomness import generator
from torchdec._core.training import Source
from torchdec.rows import as_rows
from torchdec.rows._blocks import BlockRows

CPU = resolve("cpu", "float32")


def rows_of(n: int) -> Any:
    return as_rows(np.arange(n, dtype=np.float32)[:, None])


class Blocks(BlockRows):
    """Rows in blocks of 10, each with its number; it counts how often a block is read."""

    def __init__(self, n_blocks: int, n_kept: int) -> None:
        super().__init__([10] * n_blocks, 1, 1)
        self.n_kept = n_kept
        self.n_read = 0

    def _read(self, number: int) -> Any:
        self.n_read += 1
        return np.arange(10 * number, 10 * number + 10, dtype=np.float32)[:, None]


@given(n_blocks=st.integers(1, 20), n_kept=st.integers(1, 25), batch_size=st.integers(1, 40))
def test_a_pass_over_blocks_visits_every_row_and_reads_every_block_once(
    n_blocks: int, n_kept: int, batch_size: int
) -> None:
    rows = Blocks(n_blocks, n_kept)
    n_batches = -(-len(rows) // batch_size)
    batches = list(islice(Shuffled(rows, batch_size, generator(0)), n_batches))
    seen = np.concatenate([rows.take(batch.numpy()) for batch in batches])
    assert sorted(seen.ravel().tolist()) == list(range(10 * n_blocks))
    assert rows.n_read == n_blocks or batch_size > 10 * n_kept


def test_blocks_are_mixed_with_others_in_each_pass() -> None:
    batches = Shuffled(Blocks(6, 2), 20, generator(0))
    mixed = [tuple(sorted({row // 10 for row in next(batches).tolist()})) for _ in range(9)]
    assert all(len(blocks) == 2 for blocks in mixed)
    assert len(set(mixed)) > 3


@given(n=st.integers(1, 300), batch_size=st.integers(1, 300))
def test_a_pass_visits_every_row_once_in_batches_that_are_never_empty(n: int, batch_size: int) -> None:
    n_batches = -(-n // batch_size)
    batches = list(islice(Shuffled(rows_of(n), batch_size, generator(0)), n_batches))
    sizes = [len(batch) for batch in batches]
    assert min(sizes) >= 1
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    assert sorted(torch.cat(batches).tolist()) == list(range(n))


@given(n=st.integers(1, 5000), grains=st.integers(8, 40))
def test_large_batches_are_cut_at_multiples_of_rows_that_products_like(n: int, grains: int) -> None:
    batch_size = grains * GRAIN
    *others, last = [
        len(batch) for batch in islice(Shuffled(rows_of(n), batch_size, generator(0)), -(-n // batch_size))
    ]
    assert all(size % GRAIN == 0 for size in others)
    assert sum(others) + last == n
    assert max(*others, last, 0) <= batch_size
    assert last > 2 * GRAIN or not others


def test_each_pass_has_an_order_of_its_own() -> None:
    batches = Shuffled(rows_of(50), 50, generator(0))
    assert not torch.equal(next(batches), next(batches))


def test_the_order_is_the_generators() -> None:
    assert torch.equal(
        next(Shuffled(rows_of(50), 10, generator(3))), next(Shuffled(rows_of(50), 10, generator(3)))
    )


def test_rows_arrive_scaled_and_in_the_order_asked_for() -> None:
    rows = as_rows(np.arange(6, dtype=np.uint8).reshape(3, 2))
    batch = to_device(rows, torch.tensor([2, 0]), 0.5, CPU)
    torch.testing.assert_close(batch, torch.tensor([[2.0, 2.5], [0.0, 0.5]]))


@pytest.mark.parametrize("n", [1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_the_code_of_all_rows_is_that_of_each_chunk(n: int) -> None:
    rows = np.linspace(0, 1, 2 * n, dtype=np.float32).reshape(n, 2)
    encoder = nn.Sequential(nn.utils.skip_init(nn.Linear, 2, 3))
    nn.init.ones_(encoder[0].weight)
    nn.init.zeros_(encoder[0].bias)
    code = embed(encoder, as_rows(rows), 2.0, CPU)
    assert not code.requires_grad
    torch.testing.assert_close(code, torch.from_numpy(2 * rows.sum(axis=1, keepdims=True)).expand(n, 3))


def test_the_hidden_layers_have_the_chosen_precision_and_the_last_one_float32() -> None:
    encoder = stack((4, 8, 2), generator(0))
    first, last = linear_layers(encoder)
    rows = torch.rand(3, 4, generator=generator(1))
    hidden = torch.nn.functional.linear(rows.bfloat16(), first.weight.bfloat16(), first.bias.bfloat16()).relu()
    code = embed(encoder, as_rows(rows.numpy()), 1.0, resolve("cpu", "bfloat16"))
    torch.testing.assert_close(code, last(hidden.float()).detach(), rtol=1e-6, atol=0)
    assert not torch.allclose(code, encoder(rows), rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_rows_that_stay_on_the_device_are_the_rows_that_would_be_fetched(
    kind: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU has room; here the processor plays its part."""
    rows = as_rows(kind(np.random.default_rng(0).normal(size=(CHUNK + 7, 3))))
    fetched = Source(rows, 0.5, 4, generator(0), CPU, 0.0)
    assert fetched._resident is None
    monkeypatch.setattr(Compute, "has_room", lambda self, n_bytes: n_bytes == 4 * 3 * (CHUNK + 7))
    kept = Source(rows, 0.5, 4, generator(0), CPU, 0.0)
    index = torch.tensor([CHUNK + 6, 0, 5])
    assert kept._resident is not None
    assert torch.equal(kept.take(index), fetched.take(index))


def test_only_a_gpu_with_twice_the_memory_keeps_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 2000))
    assert not CPU.has_room(1)
    gpu = Compute(torch.device("cuda"), "bfloat16")
    assert gpu.has_room(500)
    assert not gpu.has_room(501)
