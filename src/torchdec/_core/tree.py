"""A tree of clusters: those that lie near each other are joined, then near groups of them, up to one of all rows.

Distances are those of the middles of clusters in the space of the rows. In the embedding they say little: an
embedding of neighbours keeps apart what is apart, and not by how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64
from numpy.typing import NDArray

# Groups are a level where the distance grows by this factor from the join that made them to the next one.
_PERSISTENT = 1.4


@dataclass(frozen=True, slots=True)
class Level:
    """A number of groups that the clusters of a fit form.

    Attributes
    ----------
    n_clusters : int
        Groups.
    persistence : float or None
        The distance at which the next two are joined, over that at which these were made; None for the clusters
        themselves.
    groups : tuple of int
        The group of each cluster, from 0, numbered by the first cluster of each.
    sizes : tuple of int
        Rows of the fit in each group.
    """

    n_clusters: int
    persistence: float | None
    groups: tuple[int, ...]
    sizes: tuple[int, ...]


class Tree:
    """The clusters of a fit, joined two by two: average linkage of their middles, weighted by their rows.

    Parameters
    ----------
    middles : ndarray of shape (k, p), float32
        Where the clusters lie.
    sizes : ndarray of shape (k,), int64
        Rows of the fit in each.

    Attributes
    ----------
    joins : ndarray of shape (k - 1, 2), int64
        What is joined, the nearest first: 0 to k - 1 are clusters, and k + i is what the i-th join made.
    heights : ndarray of shape (k - 1,), float64
        How far the two were apart; none is less than the one before it.

    Examples
    --------
    >>> import numpy as np
    >>> from torchdec.clusters import Tree
    >>> tree = Tree(np.array([[0], [1], [9]], np.float32), np.array([5, 5, 5]))
    >>> tree.groups(2).tolist(), [level.n_clusters for level in tree.levels]
    ([0, 0, 1], [2, 3])
    """

    def __init__(
        self,
        middles: Float32[NDArray[np.float32], "clusters axes"],
        sizes: Int64[NDArray[np.int64], " clusters"],
    ) -> None:
        self.sizes = sizes
        self.joins, self.heights = _joined(middles.astype(np.float64), sizes)

    def groups(self, n_clusters: int) -> Int32[NDArray[np.int32], " clusters"]:
        """Return the group of each cluster where there are so many, numbered by the first cluster of each.

        Those of fewer are unions of those of more.
        """
        k = len(self.sizes)
        node = np.arange(k)
        for step in range(k - n_clusters):
            node[np.isin(node, self.joins[step])] = k + step
        _, first, group = np.unique(node, return_index=True, return_inverse=True)
        return np.argsort(np.argsort(first)).astype(np.int32)[group]

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The levels that persist, the coarsest first; the last one is that of the clusters themselves."""
        k = len(self.sizes)
        levels = []
        for n in range(2, k):
            made, next_one = self.heights[k - n - 1], self.heights[k - n]
            if next_one >= _PERSISTENT * made:
                levels.append(self._level(n, float(next_one / made) if made > 0 else float("inf")))
        return (*levels, self._level(k, None))

    def _level(self, n_clusters: int, persistence: float | None) -> Level:
        groups = self.groups(n_clusters)
        sizes = np.bincount(groups, weights=self.sizes, minlength=n_clusters).astype(int)
        return Level(n_clusters, persistence, tuple(groups.tolist()), tuple(sizes.tolist()))

    def table(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return a line for each node, clusters first: its number, parent, name, rows, and where it was made."""
        k = len(self.sizes)
        parents = {int(child): k + step for step, pair in enumerate(self.joins) for child in pair}
        rows = [*self.sizes.tolist()]
        for first, second in self.joins:
            rows.append(rows[first] + rows[second])
        heights = [0.0] * k + self.heights.tolist()
        return [
            {
                "node": node,
                "parent": parents.get(node),
                "name": names[node] if node < k else "",
                "rows": rows[node],
                "height": heights[node],
            }
            for node in range(2 * k - 1)
        ]

    def newick(self, names: Sequence[str]) -> str:
        """Return the tree as programs that draw trees read it; a cluster without a name has its number."""
        k = len(self.sizes)
        heights = [0.0] * k + self.heights.tolist()
        parts = ["'" + (name or str(i)).replace("'", "''") + "'" for i, name in enumerate(names)]
        for step, pair in enumerate(self.joins):
            branches = (f"{parts[child]}:{heights[k + step] - heights[child]:.6g}" for child in pair)
            parts.append(f"({','.join(branches)})")
        return parts[-1] + ";"


def _joined(
    middles: Float64[NDArray[np.float64], "clusters axes"], sizes: Int64[NDArray[np.int64], " clusters"]
) -> tuple[Int64[NDArray[np.int64], "joins 2"], Float64[NDArray[np.float64], " joins"]]:
    """Join the nearest two, as often as there are two; the distance to what they make is the mean of theirs."""
    k = len(sizes)
    apart = np.sqrt(np.square(middles[:, None] - middles).sum(axis=2))
    np.fill_diagonal(apart, np.inf)
    rows, node = np.maximum(sizes, 1).astype(np.float64), np.arange(k)
    joins, heights = np.empty((k - 1, 2), dtype=np.int64), np.empty(k - 1)
    for step in range(k - 1):
        first, second = sorted(int(i) for i in np.unravel_index(apart.argmin(), apart.shape))
        joins[step], heights[step] = (node[first], node[second]), apart[first, second]
        mean = np.average(apart[[first, second]], axis=0, weights=rows[[first, second]])
        mean[first] = np.inf
        apart[first], apart[:, first] = mean, mean
        apart[second], apart[:, second] = np.inf, np.inf
        rows[first] += rows[second]
        node[first] = k + step
    return joins, heights
