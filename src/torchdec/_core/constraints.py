"""What people know of some rows: which are of one kind and which are not, with all that follows from it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components
from torch import Tensor

Pairs = Iterable[tuple[int, int]]


class ContradictionError(ValueError):
    """Two things that are said of rows and cannot both be so.

    Parameters
    ----------
    said : sequence of str or int
        A sentence in pieces; the rows in it are numbers.
    """

    def __init__(self, *said: str | int) -> None:
        super().__init__(*said)
        self._said = said

    def __str__(self) -> str:
        return self.told(str)

    def told(self, name: Callable[[int], str]) -> str:
        """Return the sentence with the rows called as `name` calls them."""
        return "".join(name(piece) if isinstance(piece, int) else piece for piece in self._said)


@dataclass(frozen=True, eq=False)
class Facts:
    """Rows of one kind are in one group, and each two groups may be known to be apart."""

    # The rows that something is known of, in order, and the group of each.
    rows: Int64[NDArray[np.int64], " rows"]
    groups: Int64[NDArray[np.int64], " rows"]
    apart: Bool[NDArray[np.bool_], "groups groups"]  # which groups are of different kinds
    names: dict[int, str]  # of the groups that have one


def facts(together: Pairs, apart: Pairs, names: Mapping[int, str]) -> Facts:
    """Draw all conclusions from what is said of rows.

    Raises
    ------
    ContradictionError
        If rows that are apart, or have two names, are together too; it says by which others.
    """
    apart = list(apart)
    # Rows of one name are linked in a chain.
    last: dict[str, int] = {}
    links = list(together)
    for row, name in names.items():
        if name in last:
            links.append((last[name], row))
        last[name] = row
    rows = np.unique(np.array([*(row for pair in (*links, *apart) for row in pair), *names], dtype=np.int64))
    place = {row: i for i, row in enumerate(rows.tolist())}
    ends = np.array([[place[a], place[b]] for a, b in links], dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(rows), len(rows))).tocsr()
    n_groups, groups = connected_components(graph, directed=False)
    named: dict[int, tuple[str, int]] = {}
    for row, name in names.items():
        other, first = named.setdefault(int(groups[place[row]]), (name, row))
        if other != name:
            said = "row ", first, f" is {other!r} and row ", row, f" is {name!r}"
            raise ContradictionError(*said, *_link(place[first], place[row], graph, rows))
    is_apart = np.zeros((n_groups, n_groups), dtype=bool)
    for a, b in apart:
        if groups[place[a]] == groups[place[b]]:
            said = "rows ", a, " and ", b, " are apart"
            raise ContradictionError(*said, *_link(place[a], place[b], graph, rows))
        is_apart[groups[place[a]], groups[place[b]]] = True
    of_name = np.array(sorted(named), dtype=np.int64)
    is_apart[np.ix_(of_name, of_name)] = True
    np.fill_diagonal(is_apart, False)
    return Facts(rows, groups.astype(np.int64), is_apart | is_apart.T, {g: name for g, (name, _) in named.items()})


def _link(a: int, b: int, graph: csr_array, rows: Int64[NDArray[np.int64], " rows"]) -> list[str | int]:
    """Say by which rows two are together that cannot be."""
    _, before = breadth_first_order(graph, b, directed=False)
    said: list[str | int] = [", but they are together by ", int(rows[a])]
    while a != b:
        a = int(before[a])
        said += [" = ", int(rows[a])]
    return [*said, "; take one of these back."]


def constraint_loss(
    q: Float[Tensor, "rows clusters"],
    same: Bool[Tensor, "rows rows"],
    apart: Bool[Tensor, "rows rows"],
) -> Float[Tensor, ""]:
    """Return how much soft assignments contradict what is known: the mean over all pairs.

    Pairs of one kind cost -log of the chance that both are in the same cluster, the others -log of the chance that
    they aren't (Zhang, Basu, Davidson, "A Framework for Deep Constrained Clustering", ECML 2019).
    """
    chance = (q @ q.T).clamp(1e-6, 1 - 1e-6)
    costs = torch.cat([-chance.log()[same], -(1 - chance).log()[apart]])
    return costs.sum() / max(1, len(costs))
