"""The nearest other rows of each row, exact or from an index; no torch."""

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

# Up to here an exact search takes less time than building an index; its cost is quadratic.
EXACT_UP_TO = 200_000
_PART = 2**14


def nearest(points: NDArray[np.float32], n_neighbors: int, *, cosine: bool) -> NDArray[np.int64]:
    """Find the `n_neighbors` nearest other rows of each row, nearest first, int64 (n, n_neighbors).

    Exact up to `EXACT_UP_TO` rows; above it from an inverted file of sqrt(n) lists, of which 32 are searched.
    A row of zeros has similarity 0 to all under the cosine, so it is nobody's near neighbour.
    """
    base = np.ascontiguousarray(points, dtype=np.float32)
    n, d = base.shape
    metric = faiss.METRIC_L2
    if cosine:
        # Part by part: the norm of all rows at once would take another copy of them.
        norms = [np.linalg.norm(part, axis=1, keepdims=True) for part in np.array_split(base, -(-n // _PART))]
        base = base / np.maximum(np.concatenate(norms), np.finfo(np.float32).tiny)
        metric = faiss.METRIC_INNER_PRODUCT
    if n <= EXACT_UP_TO:
        _, found = faiss.knn(base, base, n_neighbors + 1, metric=metric)
    else:
        index: Any = faiss.index_factory(d, f"IVF{int(n**0.5)},Flat", metric)
        index.train(base)
        index.add(base)
        index.nprobe = 32
        _, found = index.search(base, n_neighbors + 1)
    return without_self(found)


def without_self(found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take each row's own number out of its list; where duplicates crowd it out, drop the farthest instead.

    An approximate search marks what it did not find as -1; the nearest neighbour stands in.
    """
    own = found == np.arange(len(found))[:, None]
    own[~own.any(axis=1), -1] = True
    others = found[~own].reshape(len(found), -1)
    return np.asarray(np.where(others < 0, others[:, :1], others))
