"""The only ways in which rows reach a network: shuffled for training, in order for everything else."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

import torch
from torch import Generator, Tensor, nn

from torchdec._core import workers
from torchdec._core.compute import Compute
from torchdec._core.layers import Stack, embedding_dim
from torchdec.rows._derived import PartOfRows
from torchdec.rows._protocol import Rows

# The embedding of all rows is kept up to so many values (256 MB: 6.7 million rows of 10). Of more it is
# computed when it is asked for, which takes time and no memory.
MOST_KEPT = 2**26
# Batches are cut at multiples of so many rows, where theirs is one: products of odd numbers of rows are slower.
GRAIN = 32
# Large enough for full speed, small enough that a chunk's activations stay in the processor's cache.
CHUNK = 1024


def to_device(rows: Rows, index: Tensor, scale: float, compute: Compute) -> Tensor:
    """Fetch the rows at `index` as a scaled float32 tensor on the device."""
    return torch.from_numpy(rows.take(index.numpy())).to(compute.device).mul_(scale)


def resident(rows: Rows, scale: float, compute: Compute) -> Tensor | None:
    """Copy all rows, scaled, to a device that has room for them; None where batches are fetched one by one."""
    n, d = rows.shape
    if not compute.has_room(4 * n * d):
        return None
    return joined(in_order(rows, scale, compute), n)


def joined(chunks: Iterable[Tensor], n: int) -> Tensor:
    """Put chunks of n rows in all into one tensor, in place: concatenation needs twice the memory.

    And thousands of small chunks, kept between activations that are not, would leave holes of memory.
    """
    whole, start = torch.empty(0), 0
    for chunk in chunks:
        if start == 0:
            whole = chunk.new_empty(n, chunk.shape[1])
        whole[start : start + len(chunk)] = chunk
        start += len(chunk)
    return whole


class Shuffled:
    """Row numbers of batches for ever; each pass visits every row once, in a new order.

    The rows are dealt out evenly, give or take `GRAIN`, so no batch is empty or tiny, whatever n modulo batch_size
    is, nor has more than batch_size. Rows that lie in
    blocks on a disk (`torchdec.rows._blocks.BlockRows`) are mixed only with those of the blocks that are in memory
    together, drawn anew in each pass: so a pass reads each block once.

    The state is that of the generator, now and before the present pass was dealt, and the number of batches drawn.
    """

    def __init__(self, rows: Rows, batch_size: int, generator: Generator) -> None:
        self._rows, self._generator = rows, generator
        self._a_pass = -(-len(rows) // batch_size)
        self._grain = 1 if batch_size % GRAIN or batch_size < 8 * GRAIN else GRAIN
        self._order = torch.empty(0, dtype=torch.int32)
        self.drawn = 0

    def __iter__(self) -> Iterator[Tensor]:
        return self

    def __next__(self) -> Tensor:
        position = self.drawn % self._a_pass
        if position == 0:
            self._deal()
        self.drawn += 1
        return self._order[self._cut(position) : self._cut(position + 1)].long()

    def _cut(self, batch: int) -> int:
        """Return where a batch of a pass begins: at its share of the rows, rounded up."""
        n = len(self._order)
        return min(n, self._grain * -(-batch * n // (self._a_pass * self._grain)))

    def _deal(self) -> None:
        self._before = self._generator.get_state()
        self._order = self._order[:0].clone()  # the old order goes before there is a new one
        self._order = _order(self._rows, self._generator)

    def state_dict(self) -> dict[str, Any]:
        """Return what the batches to come depend on."""
        before = self._before if self.drawn else None
        return {"drawn": self.drawn, "before": before, "generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the state was taken, in the middle of a pass too."""
        self.drawn = state["drawn"]
        if self.drawn:
            self._generator.set_state(state["before"])
            self._deal()
        self._generator.set_state(state["generator"])


def _order(rows: Rows, generator: Generator) -> Tensor:
    """Draw an order of the rows: int32 where that holds their numbers, since it is kept for a whole pass."""
    n = len(rows)
    dtype = torch.int32 if n <= 2**31 else torch.int64
    starts, n_kept = getattr(rows, "block_starts", None), getattr(rows, "n_kept", 0)
    if starts is None or len(starts) <= n_kept + 1:
        return torch.randperm(n, generator=generator, dtype=dtype)
    blocks = torch.randperm(len(starts) - 1, generator=generator).tolist()
    order, done = torch.empty(n, dtype=dtype), 0
    for first in range(0, len(blocks), n_kept):
        together = torch.cat([torch.arange(starts[b], starts[b + 1]) for b in blocks[first : first + n_kept]])
        order[done : done + len(together)] = together[torch.randperm(len(together), generator=generator)]
        done += len(together)
    return order


def in_order(rows: Rows, scale: float, compute: Compute) -> Iterator[Tensor]:
    """Yield all rows in order, as scaled float32 tensors on the device, chunk by chunk."""
    for chunk in rows.chunks(CHUNK):
        yield torch.from_numpy(chunk).to(compute.device).mul_(scale)


def own_in_order(rows: Rows, scale: float, compute: Compute) -> Iterator[Tensor]:
    """Yield this worker's share of the rows in order, as `in_order` yields all."""
    if workers.size() == 1:
        yield from in_order(rows, scale, compute)
        return
    own = workers.span(len(rows))
    for start in range(own.start, own.stop, CHUNK):
        yield to_device(rows, torch.arange(start, min(start + CHUNK, own.stop)), scale, compute)


class Encode:
    """Maps rows to their embedding, float32, by the encoder as it is now.

    The hidden layers of a stack have the precision of `compute`, their weights cast once for all rows to come; the
    last product is float32, so that the embedding has all its digits where clusters are tight and far from the
    origin. An encoder of any other class computes in float32.
    """

    _hidden: nn.Module
    _last: nn.Module | None

    def __init__(self, encoder: nn.Module, compute: Compute) -> None:
        self._dtype = torch.float32
        self._hidden, self._last = encoder, None
        if isinstance(encoder, Stack):
            self._dtype = compute.dtype
            self._hidden, self._last = deepcopy(encoder[:-1]).to(self._dtype), encoder[-1]

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the embedding of rows, without a gradient."""
        with torch.no_grad():
            values: Tensor = self._hidden(rows.to(self._dtype)).float()
            return values if self._last is None else self._last(values)


@torch.inference_mode()
def embed(encoder: nn.Module, rows: Rows, scale: float, compute: Compute) -> Tensor:
    """Return the embedding of all rows, (n, z) float32, on the device."""
    encode = Encode(encoder, compute)
    return joined((encode(chunk) for chunk in in_order(rows, scale, compute)), len(rows))


class Streamed:
    """A code that is computed when it is asked for; looks as a tensor does to those who read it in parts."""

    def __init__(self, encoder: nn.Module, rows: Rows, scale: float, compute: Compute) -> None:
        self._encoder, self._rows, self._scale, self._compute = encoder, rows, scale, compute

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Tensor) -> Tensor:
        """Return the embedding of the rows at `index`."""
        part = PartOfRows(self._rows, index.numpy())
        return workers.same(embed(self._encoder, part, self._scale, self._compute))

    def split(self, size: int) -> Iterator[Tensor]:  # noqa: ARG002
        """Yield the embedding of this worker's share of the rows, in order."""
        encode = Encode(self._encoder, self._compute)
        for chunk in own_in_order(self._rows, self._scale, self._compute):
            with torch.inference_mode():
                code = encode(chunk)
            yield code


def code_of(encoder: nn.Module, rows: Rows, scale: float, compute: Compute) -> Tensor | Streamed:
    """Return the embedding of all rows: up to `MOST_KEPT` values a tensor; else, or with workers, a stream."""
    if workers.size() == 1 and len(rows) * embedding_dim(encoder, rows.shape[1]) <= MOST_KEPT:
        return embed(encoder, rows, scale, compute)
    return Streamed(encoder, rows, scale, compute)
