"""One `random_state` becomes named, independent seeds; the global generators are never touched."""

import zlib

import numpy as np
import torch
from sklearn.utils import check_random_state

from torchdec._core import workers


def split(random_state: int | np.random.RandomState | None, *names: str) -> dict[str, int]:
    """Draw one seed a name.

    The seed of a name depends on `random_state` and on that name alone, so adding a stage leaves the others'
    random numbers as they were.
    """
    if random_state is None:
        # Fresh from the system: scikit-learn's reading of None would draw from NumPy's global generator.
        entropy = int(np.random.SeedSequence().generate_state(1)[0])
    else:
        entropy = int(check_random_state(random_state).randint(2**31 - 1))
    entropy = int(workers.same(torch.tensor(entropy)))
    return {
        name: int(np.random.SeedSequence([entropy, zlib.crc32(name.encode())]).generate_state(1)[0] >> 1)
        for name in names
    }


def generator(seed: int) -> torch.Generator:
    """Make a generator on the CPU: the order of the rows must not depend on the device."""
    return torch.Generator().manual_seed(seed)
