"""The nearest other rows of each row, exact or from an index; no torch."""

from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

# Up to here an exact search takes less time than building an index; its cost is quadratic.
EXACT_UP_TO = 200_000
_PART = 2**14
# Distances and numbers of the nearest rows, each (n, n_found).
_Found = tuple[NDArray[np.float32], NDArray[np.int64]]


def nearest(points: NDArray[np.float32], n_neighbors: int, *, cosine: bool) -> NDArray[np.int64]:
    """Find the `n_neighbors` nearest other rows of each row, nearest first, int64 (n, n_neighbors).

    Exact up to `EXACT_UP_TO` rows; above it from an inverted file of sqrt(n) lists, of which 32 are searched.
    A row of zeros has similarity 0 to all under the cosine, so it is nobody's near neighbour.
    """
    return NearestRows(points, n_neighbors, cosine=cosine).neighbors


class NearestRows:
    """The nearest other rows of each row, or of the row and changed copies of it, as `nearest` finds them."""

    def __init__(self, points: NDArray[np.float32], n_neighbors: int, *, cosine: bool) -> None:
        self._cosine = cosine
        base = self._normalized(points)
        self._search = _search(base, n_neighbors + 1, faiss.METRIC_INNER_PRODUCT if cosine else faiss.METRIC_L2)
        self._far, self._found = self._search(base)

    def add(self, copy: NDArray[np.float32]) -> None:
        """Take in what is near to a copy of each row, in the order of the rows."""
        far, found = self._search(self._normalized(copy))
        far, found = np.hstack([self._far, far]), np.hstack([self._found, found])
        order = np.lexsort((far, found))
        far, found = np.take_along_axis(far, order, axis=1), np.take_along_axis(found, order, axis=1)
        far[:, 1:][found[:, 1:] == found[:, :-1]] = np.inf  # a row that is near to several counts once
        order = np.argsort(far, axis=1, kind="stable")[:, : self._far.shape[1]]
        self._far, self._found = np.take_along_axis(far, order, axis=1), np.take_along_axis(found, order, axis=1)

    @property
    def neighbors(self) -> NDArray[np.int64]:
        """Numbers of the nearest other rows, nearest first, (n, n_neighbors)."""
        return without_self(self._found)

    def _normalized(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        points = np.ascontiguousarray(points, dtype=np.float32)
        return _of_length_one(points) if self._cosine else points


def _of_length_one(points: NDArray[np.float32]) -> NDArray[np.float32]:
    # Part by part: the norm of all rows at once would take another copy of them.
    parts = np.array_split(points, -(-len(points) // _PART))
    norms = np.concatenate([np.linalg.norm(part, axis=1, keepdims=True) for part in parts])
    return np.asarray(points / np.maximum(norms, np.finfo(np.float32).tiny))


def _search(base: NDArray[np.float32], n_found: int, metric: int) -> Callable[[NDArray[np.float32]], _Found]:
    """Return what finds the nearest of `base`: how far they are from each row it gets, and their numbers."""
    n, d = base.shape
    sign = np.float32(-1 if metric == faiss.METRIC_INNER_PRODUCT else 1)
    if n > EXACT_UP_TO:
        index: Any = faiss.index_factory(d, f"IVF{int(n**0.5)},Flat", metric)
        index.train(base)
        index.add(base)
        index.nprobe = 32

    def search(rows: NDArray[np.float32]) -> _Found:
        if n <= EXACT_UP_TO:
            far, found = faiss.knn(rows, base, n_found, metric=metric)
        else:
            far, found = index.search(rows, n_found)
        return sign * far, found

    return search


def without_self(found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take each row's own number out of its list; where duplicates crowd it out, drop the farthest instead.

    An approximate search marks what it did not find as -1; the nearest neighbour stands in.
    """
    own = found == np.arange(len(found))[:, None]
    own[~own.any(axis=1), -1] = True
    others = found[~own].reshape(len(found), -1)
    return np.asarray(np.where(others < 0, others[:, :1], others))
