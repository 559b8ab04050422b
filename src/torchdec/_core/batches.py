"""The only ways in which rows reach a network: shuffled for training, in order for everything else."""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor, nn

from torchdec._core.compute import Compute
from torchdec.rows._protocol import Rows

# Large enough for full speed, small enough that a chunk's activations stay in the processor's cache.
CHUNK = 1024


def to_device(rows: Rows, index: Tensor, scale: float, compute: Compute) -> Tensor:
    """Fetch the rows at `index` as a scaled float32 tensor on the device."""
    return torch.from_numpy(rows.take(index.numpy())).to(compute.device) * scale


def resident(rows: Rows, scale: float, compute: Compute) -> Tensor | None:
    """Copy all rows, scaled, to a device that has room for them; None where batches are fetched one by one."""
    n, d = rows.shape
    if not compute.has_room(4 * n * d):
        return None
    whole = torch.empty(n, d, device=compute.device)
    start = 0
    for chunk in in_order(rows, scale, compute):
        whole[start : start + len(chunk)] = chunk
        start += len(chunk)
    return whole


def shuffled(rows: Rows, batch_size: int, generator: Generator) -> Iterator[Tensor]:
    """Yield indexes of batches for ever; each pass visits every row once, in a new order.

    The rows are dealt out evenly, so no batch is empty or tiny, whatever n modulo batch_size is. Rows that lie in
    blocks on a disk (`torchdec.rows._blocks.BlockRows`) are mixed only with those of the blocks that are in memory
    together, drawn anew in each pass: so a pass reads each block once.
    """
    n_batches = -(-len(rows) // batch_size)
    while True:
        yield from _order(rows, generator).tensor_split(n_batches)


def _order(rows: Rows, generator: Generator) -> Tensor:
    starts, n_kept = getattr(rows, "block_starts", None), getattr(rows, "n_kept", 0)
    if starts is None or len(starts) <= n_kept + 1:
        return torch.randperm(len(rows), generator=generator)
    blocks = torch.randperm(len(starts) - 1, generator=generator).tolist()
    parts = []
    for first in range(0, len(blocks), n_kept):
        together = torch.cat([torch.arange(starts[b], starts[b + 1]) for b in blocks[first : first + n_kept]])
        parts.append(together[torch.randperm(len(together), generator=generator)])
    return torch.cat(parts)


def in_order(rows: Rows, scale: float, compute: Compute) -> Iterator[Tensor]:
    """Yield all rows in order, as scaled float32 tensors on the device, chunk by chunk."""
    for chunk in rows.chunks(CHUNK):
        yield torch.from_numpy(chunk).to(compute.device) * scale


@torch.inference_mode()
def embed(encoder: nn.Module, rows: Rows, scale: float, compute: Compute) -> Tensor:
    """Return the code of all rows, (n, z) float32, on the device.

    The hidden layers have the precision of `compute`; the last product is float32, so that the code has all its
    digits where clusters are tight and far from the origin.
    """
    hidden, last = encoder[:-1], encoder[-1]  # type: ignore[index]
    code = torch.empty(len(rows), last.out_features, device=compute.device)
    start = 0
    for chunk in in_order(rows, scale, compute):
        with compute.arithmetic():
            features = hidden(chunk)
        code[start : start + len(chunk)] = last(features.float())
        start += len(chunk)
    return code
