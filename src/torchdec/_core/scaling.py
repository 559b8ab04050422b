"""The scale of rows, which is part of a model: one factor for all columns, or first a unit for each of them."""

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from torchdec._core.batches import CHUNK
from torchdec._core.compute import Compute
from torchdec.rows._precision import differences
from torchdec.rows._protocol import Rows, kinds_of

# Of the values of rows: the square of their distance then fits into float32, however many columns there are.
_LARGEST = 1e15
# Columns have different units if fewer than so many hold nearly all the variance of at least five times as many,
_FEW, _TIMES = 3.0, 5.0
# or one alone, of however few, holds more than this share of it.
_ALONE = 0.99
# Columns with a smaller square of the mean beside the variance are centred: somebody has prepared them.
_CENTRED = 0.1
# Columns farther from 0 than so many times what columns differ by are brought there: bfloat16 has three digits,
# and the scalar would make all distances small.
_FAR = 10.0
# Those farther than this are brought there in float64: float32 would round what they differ by.
_FAR_FOR_FLOAT32 = 1024.0
# Deviations below so many roundings of the mean are rounding, not variation.
_ROUNDINGS = 4.0


def learn_scale(
    rows: Rows, standardize: bool | Literal["auto"], compute: Compute
) -> tuple[float, Tensor | None, Tensor | None]:
    """Find the scalar that makes the mean of ||x||^2 / d equal 1 over all rows (paper, section 4.1).

    Where columns are standardised first, or with "auto" have different units, their means and deviations come with
    it, (d,), and the scalar is that of the standardised rows. Rows of a prepared table have their units already.
    Else columns that lie far from 0 lose their mean alone: the means of the others are 0, and all deviations 1.
    Means and deviations are float32, or float64 where they have to leave before the rows are float32. Rows that
    are all zero are left as they are.

    Raises
    ------
    ValueError
        If the values are so large or small that their squares leave float32, in which distances are computed.
    """
    means, variances, mean_squares, varies = _moments(rows, compute)
    if standardize == "auto":
        standardize = kinds_of(rows) is None and units_differ(means, variances)
    wanted = standardize and bool(varies.any())
    # What a column has to be seen beside: how much it differs, and columns do on average.
    spread = torch.maximum(variances, variances.mean()).sqrt()
    far = (means.abs() > _FAR * spread) & varies.any()
    left = variances if wanted else torch.where(far, variances, mean_squares)
    size = math.sqrt(left.mean().item())
    if size > 0 and not 1 / _LARGEST < size < _LARGEST:
        raise ValueError(f"X has values of about {size:.0e} (root mean square); divide it by that number first.")
    if wanted:
        # A column that is the same in all rows stays in its unit: new rows may differ, but not by a deviation.
        deviations = torch.where(varies, variances, mean_squares).sqrt()
        deviations[deviations == 0] = 1.0
        dtype = _dtype(means / deviations)
        return varies.double().mean().item() ** -0.5, means.to(dtype), deviations.to(dtype)
    if not far.any():
        return 1 / size if size > 0 else 1.0, None, None
    means = torch.where(far, means, 0.0)
    dtype = _dtype(means / spread)
    return 1 / size, means.to(dtype), torch.ones(len(means), dtype=dtype)


def _dtype(far: Tensor) -> torch.dtype:
    """Return the dtype in which columns lose their means, that lie so many deviations from 0."""
    return torch.float64 if bool((far.abs() > _FAR_FOR_FLOAT32).any()) else torch.float32


def _moments(rows: Rows, compute: Compute) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the mean, variance and mean square of each column, float64, and whether it varies.

    Sums are of what rows differ from the first one, so that a large mean does not cancel them: that row is one of
    n, so the error of a variance is at most some n roundings of it. Mean squares are those of float32 values.
    """
    n, d = rows.shape
    first = rows.take(np.zeros(1, dtype=np.int64))[0].astype(np.float64)
    sums = torch.zeros(d, dtype=torch.float64, device=compute.device)
    squares, raw_squares, rounding = torch.zeros_like(sums), torch.zeros_like(sums), 0.0
    for chunk in rows.chunks(CHUNK):
        if chunk.dtype.kind == "f":
            rounding = max(rounding, float(np.finfo(chunk.dtype).eps))
        apart = torch.from_numpy(differences(chunk, first)).to(compute.device)
        sums += apart.sum(dim=0)
        squares += apart.square().sum(dim=0)
        raw = torch.from_numpy(chunk.astype(np.float32, copy=False)).to(compute.device).double()
        raw_squares += raw.square().sum(dim=0)
    shift, mean_squares = (sums / n).cpu(), (raw_squares / n).cpu()
    means = torch.from_numpy(first) + shift
    variances = (squares / n).cpu() - shift.square()
    varies = variances > (_ROUNDINGS * rounding * means).square()
    return means, torch.where(varies, variances, 0.0), mean_squares, varies


def units_differ(means: Tensor, variances: Tensor) -> bool:
    """Tell whether distances between rows are those of a few columns alone, for no other reason than their units.

    That is so where the variance lies in very few of many columns (by their participation ratio: the square of the
    sum of the variances over the sum of their squares), or all but a hundredth in one of few, and the columns are
    not centred. Centred columns of unequal variance are most likely principal components, whose widths mean
    something.
    """
    total = variances.sum()
    if not total > 0:
        return False
    n_columns = (total.square() / variances.square().sum()).item()
    centred = bool(means.square().sum() < _CENTRED * total)
    few_of_many = n_columns < _FEW and len(variances) >= _TIMES * n_columns
    one_alone = len(variances) > 1 and bool(variances.max() > _ALONE * total)
    return (few_of_many or one_alone) and not centred
