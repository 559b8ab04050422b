"""The nearest other rows of each row: among all where they are few, among those of near lists where many."""

from collections.abc import Iterable

import faiss
import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor

# Up to here each row is compared with all others.
EXACT_UP_TO = 2**14
# Above, rows lie in so many lists for each root of their number, and are compared with those of so many lists.
_LISTS, _PROBED = 1, 48
# k-means makes the lists from so many rows for each, in so many passes.
_ROWS_A_LIST, _PASSES = 64, 8
# Where copies of a row are changed so little, the nearest to any of them are among so many that are nearest to the
# row itself: a search for each copy finds little more (10,000 of MNIST: ACC .968 and .966).
_CANDIDATES = 100
# Rows that are compared with all others at a time: their products take 64 MB at most.
_PART = 1024


def nearest(points: Tensor | NDArray[np.float32], n_neighbors: int, *, cosine: bool) -> NDArray[np.int64]:
    """Find the `n_neighbors` nearest other rows of each row, nearest first, int64 (n, n_neighbors).

    Exact up to `EXACT_UP_TO` rows. Of more about 98 of 100 are found (bench/benchmarks/search.py): the rows that
    lie in a list of an inverted file are compared with those of the nearest lists, all at once.
    A row of zeros has similarity 0 to all under the cosine, so it is nobody's near neighbour.
    """
    return NearestRows(points, n_neighbors, cosine=cosine).neighbors


def nearest_of_moved(
    points: Tensor, copies: Iterable[Tensor], n_neighbors: int, *, cosine: bool
) -> NDArray[np.int64]:
    """Find the `n_neighbors` nearest of each row's near ones, each as near as it is to the nearest of its copies.

    Copies of all points, in their order, are changed a little. See `nearest` for what is returned.
    """
    near = NearestRows(points, max(_CANDIDATES, n_neighbors), cosine=cosine)
    near.approach(copies)
    return near.neighbors[:, :n_neighbors]


class NearestRows:
    """The nearest other rows of each row, or of the row and changed copies of it, as `nearest` finds them."""

    def __init__(self, points: Tensor | NDArray[np.float32], n_neighbors: int, *, cosine: bool) -> None:
        self._cosine, self._n_found = cosine, n_neighbors + 1
        base = torch.as_tensor(points, dtype=torch.float32)
        self._middle = torch.zeros(base.shape[1], device=base.device) if cosine else base.mean(dim=0)
        self._points = self._comparable(base)
        self._base = _All(self._points) if len(base) <= EXACT_UP_TO else _Lists(self._points)
        self._far, self._found = self._search(self._points)

    def add(self, copy: Tensor | NDArray[np.float32]) -> None:
        """Take in what is near to a copy of each row, in the order of the rows."""
        far, found = self._search(self._comparable(torch.as_tensor(copy, dtype=torch.float32)))
        far, found = np.hstack([self._far, far]), np.hstack([self._found, found])
        order = np.lexsort((far, found))
        far, found = np.take_along_axis(far, order, axis=1), np.take_along_axis(found, order, axis=1)
        far[:, 1:][found[:, 1:] == found[:, :-1]] = np.inf  # a row that is near to several counts once
        order = np.argsort(far, axis=1, kind="stable")[:, : self._n_found]
        self._far, self._found = np.take_along_axis(far, order, axis=1), np.take_along_axis(found, order, axis=1)

    def approach(self, copies: Iterable[Tensor]) -> None:
        """Have the rows that were found be as near as they are to the nearest copy of a row."""
        for copy in map(self._comparable, copies):
            for start in range(0, len(copy), _PART):
                found, far = self._found[start : start + _PART], self._far[start : start + _PART]
                own = copy[start : start + _PART]
                near = self._points[torch.from_numpy(found).to(own.device)]
                nearer = -(near @ own[:, :, None])[:, :, 0]
                if not self._cosine:
                    nearer += (near.square().sum(dim=2) + own.square().sum(dim=1, keepdim=True)) / 2
                nearer[torch.from_numpy(found < 0).to(own.device)] = torch.inf
                np.minimum(far, nearer.cpu().numpy(), out=far)
        order = np.argsort(self._far, axis=1, kind="stable")
        self._far = np.take_along_axis(self._far, order, axis=1)
        self._found = np.take_along_axis(self._found, order, axis=1)

    @property
    def neighbors(self) -> NDArray[np.int64]:
        """Numbers of the nearest other rows, nearest first, (n, n_neighbors)."""
        return without_self(self._found)

    def _comparable(self, points: Tensor) -> Tensor:
        """Have the smallest of half of ||x||^2 - q x tell the nearest; under the cosine, of -q x."""
        points = points - self._middle
        if self._cosine:
            points = points / points.norm(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
        return points

    def _search(self, queries: Tensor) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        far, found = self._base.search(queries, self._n_found, cosine=self._cosine)
        if not self._cosine:
            far = far + queries.square().sum(dim=1, keepdim=True) / 2  # so that of several copies all compare
        return far.cpu().numpy(), found.cpu().numpy()


class _All:
    """Rows that each query is compared with."""

    def __init__(self, base: Tensor) -> None:
        self._base = base

    def search(
        self, queries: Tensor, n_found: int, *, cosine: bool
    ) -> tuple[Float[Tensor, "queries found"], Int64[Tensor, "queries found"]]:
        """Return half the squared distances of the nearest, less what all of a query share, and their numbers."""
        n_found = min(n_found, len(self._base))
        parts = [_smallest(part, self._base, n_found, cosine=cosine) for part in torch.split(queries, _PART)]
        return torch.cat([far for far, _ in parts]), torch.cat([found for _, found in parts])


class _Lists:
    """Rows in lists, each around a centre of k-means; a query is compared with those of the lists near its own."""

    def __init__(self, base: Tensor) -> None:
        n, d = base.shape
        n_lists = _LISTS * int(n**0.5)
        clustering = faiss.Kmeans(d, n_lists, niter=_PASSES, max_points_per_centroid=_ROWS_A_LIST, seed=1)
        clustering.train(base.cpu().numpy())
        self._centers = torch.from_numpy(clustering.centroids).to(base.device)
        self._order, self._starts = _grouped(self._list_of(base), n_lists)
        self._sorted = base[self._order]
        self._near = _smallest(self._centers, self._centers, min(_PROBED, n_lists), cosine=False)[1].tolist()

    def search(
        self, queries: Tensor, n_found: int, *, cosine: bool
    ) -> tuple[Float[Tensor, "queries found"], Int64[Tensor, "queries found"]]:
        """Do as `_All.search`; what lists with too few rows leave open is infinitely far, and has number -1."""
        far = queries.new_full((len(queries), n_found), torch.inf)
        found = self._order.new_full((len(queries), n_found), -1)
        order, starts = _grouped(self._list_of(queries), len(self._centers))
        for one, near in enumerate(self._near):
            own = order[starts[one] : starts[one + 1]]
            if len(own) == 0:
                continue
            rows = torch.cat([torch.arange(self._starts[i], self._starts[i + 1]) for i in near])
            n = min(n_found, len(rows))
            far[own, :n], places = _smallest(queries[own], self._sorted[rows], n, cosine=cosine)
            found[own, :n] = self._order[rows.to(places.device)[places]]
        return far, found

    def _list_of(self, points: Tensor) -> Int64[Tensor, " points"]:
        parts = torch.split(points, _PART)
        return torch.cat([_smallest(part, self._centers, 1, cosine=False)[1] for part in parts])[:, 0]


def _smallest(
    queries: Tensor, base: Tensor, n_found: int, *, cosine: bool
) -> tuple[Float[Tensor, "queries found"], Int64[Tensor, "queries found"]]:
    half = base.new_zeros(1) if cosine else base.square().sum(dim=1) / 2
    far: tuple[Tensor, Tensor] = torch.addmm(half, queries, base.T, alpha=-1).topk(n_found, largest=False)
    return far


def _grouped(lists: Int64[Tensor, " rows"], n_lists: int) -> tuple[Int64[Tensor, " rows"], list[int]]:
    """Return the rows list by list, and where each list begins, and the last one ends."""
    return lists.argsort(stable=True), [0, *lists.bincount(minlength=n_lists).cumsum(0).tolist()]


def without_self(found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take each row's own number out of its list; where duplicates crowd it out, drop the farthest instead.

    A search of lists marks what it did not find as -1; the nearest neighbour stands in.
    """
    own = found == np.arange(len(found))[:, None]
    own[~own.any(axis=1), -1] = True
    others = found[~own].reshape(len(found), -1)
    return np.asarray(np.where(others < 0, others[:, :1], others))
