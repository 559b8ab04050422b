"""Prepared tables of numbers and kinds, whose columns count alike."""

import numpy as np
from numpy.typing import NDArray

from torchdec.rows._arrays import DenseRows

# Four numbers, then five kinds of three levels each; of both the first two tell the classes apart.
N_NUMBERS, N_KINDS, N_LEVELS, N_TELLING = 4, 5, 3, 2
KINDS = tuple((N_NUMBERS + N_LEVELS * kind, N_NUMBERS + N_LEVELS * (kind + 1)) for kind in range(N_KINDS))


def prepared_kind(levels: NDArray[np.integer], n_levels: int) -> NDArray[np.float64]:
    """Return the block of columns of a kind: one a level, centred, with the variance of one number."""
    block = np.eye(n_levels)[levels]
    proportions = block.mean(axis=0)
    return (block - proportions) / np.sqrt(1 - np.square(proportions).sum())


def mixed_table(
    n: int, seed: int = 0, *, sizes: tuple[float, ...] = (1 / 3, 1 / 3, 1 / 3), certain: float = 0.85
) -> tuple[DenseRows, NDArray]:
    """Draw rows of three classes, told apart by two numbers and two kinds; all other columns say nothing."""
    random = np.random.default_rng(seed)
    truth = random.choice(3, size=n, p=sizes)
    numbers = random.normal(size=(n, N_NUMBERS))
    numbers[:, :N_TELLING] += 3.0 * truth[:, None]
    numbers = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    blocks = []
    for kind in range(N_KINDS):
        levels = random.integers(N_LEVELS, size=n)
        if kind < N_TELLING:
            levels = np.where(random.random(n) < certain, truth, levels)
        blocks.append(prepared_kind(levels, N_LEVELS))
    values = np.hstack([numbers, *blocks]).astype(np.float32)
    return DenseRows(values, kinds=KINDS), truth
