"""The scale of rows, which is part of a model: one factor for all columns, or first a unit for each of them."""

import math
from typing import Literal

import torch
from torch import Tensor

from torchdec._core.batches import in_order
from torchdec._core.compute import Compute
from torchdec.rows._protocol import Rows

# Of the values of rows: the square of their distance then fits into float32, however many columns there are.
_LARGEST = 1e15
# Columns have different units if fewer than so many hold nearly all the variance of at least five times as many,
_FEW, _TIMES = 3.0, 5.0
# or one alone, of however few, holds more than this share of it.
_ALONE = 0.99
# Columns with a smaller square of the mean beside the variance are centred: somebody has prepared them.
_CENTRED = 0.1
# Rows farther from 0 than so many times what they differ by are brought there: bfloat16 has three digits.
_FAR = 10.0
# Variances below this share of the mean square are rounding, not variation.
_ROUNDING = 1e-12


def learn_scale(
    rows: Rows, standardize: bool | Literal["auto"], compute: Compute
) -> tuple[float, Tensor | None, Tensor | None]:
    """Find the scalar that makes the mean of ||x||^2 / d equal 1 over all rows (paper, section 4.1).

    Where columns are standardised first, or with "auto" have different units, their means and deviations come with
    it, float32 (d,), and the scalar is that of the standardised rows. With "auto", rows of one unit that lie far
    from 0 lose their means alone: the deviations are 1. Rows that are all zero are left as they are.

    Raises
    ------
    ValueError
        If the values are so large or small that their squares leave float32, in which distances are computed.
    """
    n, d = rows.shape
    sums = torch.zeros(d, dtype=torch.float64, device=compute.device)
    squares = torch.zeros_like(sums)
    for chunk in in_order(rows, 1.0, compute):
        values = chunk.double()
        sums += values.sum(dim=0)
        squares += values.square().sum(dim=0)
    means, mean_squares = (sums / n).cpu(), (squares / n).cpu()
    size = math.sqrt(mean_squares.mean().item())
    if size > 0 and not 1 / _LARGEST < size < _LARGEST:
        raise ValueError(f"X has values of about {size:.0e} (root mean square); divide it by that number first.")
    variances = mean_squares - means.square()
    varies = variances > _ROUNDING * mean_squares
    variances = torch.where(varies, variances, 0.0)
    wanted = units_differ(means, variances) if standardize == "auto" else standardize
    if standardize == "auto" and not wanted and means.square().sum() > _FAR**2 * variances.sum() > 0:
        return variances.mean().item() ** -0.5, means.float(), torch.ones(d)
    if not wanted or not varies.any():
        return 1 / size if size > 0 else 1.0, None, None
    # A column that is the same in all rows stays in its unit: new rows may differ there, but not by a deviation.
    deviations = torch.where(varies, variances, mean_squares).sqrt()
    deviations[deviations == 0] = 1.0
    return varies.double().mean().item() ** -0.5, means.float(), deviations.float()


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
