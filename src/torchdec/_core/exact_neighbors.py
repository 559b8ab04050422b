"""The nearest rows of every row: products of bfloat16 propose them, products of float32 decide."""

import torch
from jaxtyping import BFloat16, Float32, Int64
from torch import Tensor

# Rows that are proposed beyond those that are asked for: nearly all rows of MNIST are certain then.
_MORE = 16
# Distances of so many rows to so many are held at a time (64 MB), and looked through in groups of so many.
_ROWS, _COLUMNS, _GROUP = 2**12, 2**13, 16
# Proposed rows are fetched for so many rows at a time.
_FETCHED = 2**8
# A float32 is the sum of three bfloat16; products are faster where the width is a multiple of 32.
_PARTS, _GRAIN = 3, 32
_ONES, _OFFSET = slice(-2 * _PARTS, -_PARTS), slice(-_PARTS, None)
_FAR = torch.finfo(torch.bfloat16).max
# What rounding to bfloat16 and sums of float32 are off at most, as a share.
_ROUNDING, _SUMS = 2**-8, 1e-5


def exact_neighbors(
    points: Float32[Tensor, "rows features"], n_neighbors: int, *, cosine: bool
) -> Int64[Tensor, "rows neighbors"]:
    """Find the `n_neighbors` nearest rows of each row, itself among them, nearest first.

    With centred rows x, d_ij = o_i + o_j - x_i x_j is half the squared distance where o = ||x||^2 / 2, and one
    minus the cosine where rows have length one, mean m and o = (1 - m m) / 2 - m x. Distances of rows that are
    rounded to bfloat16 propose more rows than are asked for, of which the distances in float32 are taken. Rounding
    x to r moves d_ij by at most ||x_i - r_i|| ||x_j|| + ||r_i|| ||x_j - r_j|| (Cauchy and Schwarz). Where a row
    that was not proposed could therefore be nearer, the distances of all rows are taken in float32.
    """
    if cosine:
        points = torch.nn.functional.normalize(points, eps=torch.finfo(points.dtype).tiny)
    mean = points.mean(dim=0)
    x = points - mean
    offset = (1 - mean.square().sum()) / 2 - x @ mean if cosine else x.square().sum(dim=1) / 2
    rounded, moved = _rounded(x, offset)
    n = len(x)
    found = torch.empty(n, n_neighbors, dtype=torch.int64, device=x.device)
    certain = torch.empty(n, dtype=torch.bool, device=x.device)
    for start in range(0, n, _ROWS):
        tile = torch.arange(start, min(start + _ROWS, n), device=x.device)
        parts = (tile, *_proposed(rounded, tile, min(n, n_neighbors + _MORE)))
        for rows, candidates, beyond in zip(*(torch.split(part, _FETCHED) for part in parts), strict=True):
            products = torch.bmm(x[candidates], x[rows, :, None]).squeeze(2)
            nearest = (offset[rows, None] + offset[candidates] - products).topk(n_neighbors, largest=False)
            found[rows] = candidates.gather(1, nearest.indices)
            certain[rows] = nearest.values[:, -1] <= beyond - moved[rows]
    for rows in torch.split((~certain).nonzero().squeeze(1), _FETCHED):
        distances = torch.addmm(offset, x[rows], x.T, alpha=-1)
        found[rows] = distances.topk(n_neighbors, largest=False).indices
    return found


def _rounded(
    x: Float32[Tensor, "rows features"], offset: Float32[Tensor, " rows"]
) -> tuple[BFloat16[Tensor, "more width"], Float32[Tensor, " rows"]]:
    """Round rows, and tell how far that may move the distances of each.

    Ones and the offsets are columns at the end. Rows that are near to none are added to make whole groups.
    """
    n, d = x.shape
    width = -(-(d + 2 * _PARTS) // _GRAIN) * _GRAIN
    rounded = torch.zeros(-(-n // _GROUP) * _GROUP, width, dtype=torch.bfloat16, device=x.device)
    rounded[:n, :d] = x
    rounded[:, _ONES] = 1
    left = torch.full((len(rounded),), _FAR, device=x.device)
    left[:n] = offset
    for column in range(-_PARTS, 0):
        rounded[:, column] = left
        left = left - rounded[:, column]
    off, length = (x - rounded[:n, :d]).norm(dim=1), x.norm(dim=1)
    products = off * length.max() + (length + off) * off.max()
    return rounded, products + _SUMS * (length * length.max() + offset.abs() + offset.abs().max())


def _proposed(
    rounded: BFloat16[Tensor, "more width"], rows: Int64[Tensor, " some"], n_proposed: int
) -> tuple[Int64[Tensor, "some proposed"], Float32[Tensor, " some"]]:
    """Return which rows are nearest to some of them by rounded distances, and the least distance of all others."""
    query = rounded[rows].neg()
    query[:, _ONES], query[:, _OFFSET] = rounded[rows, _OFFSET], 1
    distances, columns = [], []
    for start in range(0, len(rounded), _COLUMNS):
        # Bits of bfloat16, as whole numbers, have the order of the distances, and are compared faster.
        block = (query @ rounded[start : start + _COLUMNS].T).view(torch.int16)
        n_groups = block.shape[1] // _GROUP
        # The nearest n are in the n groups with the smallest minima.
        groups = block.view(len(rows), _GROUP, n_groups).amin(dim=1).topk(min(n_proposed, n_groups), largest=False)
        members = groups.indices[:, None] + n_groups * torch.arange(_GROUP, device=rows.device)[:, None]
        members = members.flatten(1)
        nearest = block.gather(1, members).topk(min(n_proposed, members.shape[1]), largest=False)
        distances.append(nearest.values)
        columns.append(start + members.gather(1, nearest.indices))
    nearest = torch.cat(distances, dim=1).topk(n_proposed, largest=False)
    beyond = nearest.values[:, -1].view(torch.bfloat16).float() * (1 - _ROUNDING)
    return torch.cat(columns, dim=1).gather(1, nearest.indices), beyond
