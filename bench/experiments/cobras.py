"""COBRAS: clusters from answers alone, without a fit, beside which `torchdec.clusters.ask` is measured.

Van Craenendonck, Dumancic, Van Wolputte, Blockeel, "COBRAS: Interactive Clustering with Pairwise Queries",
IDA 2018.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

Array = NDArray[Any]


class SpentError(Exception):
    """No question is left."""


class Cobras:
    """Cut the largest super-instance, and join clusters whose nearest super-instances are of one kind.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Rows.
    is_same : callable
        Answers whether two rows are of one kind.
    """

    def __init__(self, x: Array, is_same: Callable[[int, int], bool]) -> None:
        self.x, self.is_same = x, is_same
        self.answers: dict[tuple[int, int], bool] = {}
        # After so many answers: the labels. A round that isn't finished changes nothing.
        self.labels = {0: np.zeros(len(x), dtype=int)}

    def run(self, budget: int) -> None:
        """Go on until so many questions are answered."""
        self.budget = budget
        clusters = [[np.arange(len(self.x))]]
        try:
            while True:
                largest = max(itertools.chain.from_iterable(clusters), key=len)
                rest = [[part for part in cluster if part is not largest] for cluster in clusters]
                parts = self.cut(largest, self.level(largest))
                clusters = self.joined([cluster for cluster in [*rest, *([part] for part in parts)] if cluster])
                labels = np.empty(len(self.x), dtype=int)
                for number, cluster in enumerate(clusters):
                    labels[np.concatenate(cluster)] = number
                self.labels[len(self.answers)] = labels
        except SpentError:
            return

    def after(self, n: int) -> Array:
        """Return the labels after n answers."""
        return self.labels[max(known for known in self.labels if known <= n)]

    def ask(self, one: Array, two: Array) -> bool:
        """Ask about the middles of two super-instances, once."""
        a, b = sorted((self.middle(one), self.middle(two)))
        if (a, b) not in self.answers:
            if len(self.answers) == self.budget:
                raise SpentError
            self.answers[a, b] = self.is_same(a, b)
        return self.answers[a, b]

    def level(self, part: Array) -> int:
        """Return into how many parts to cut: halves are halved until two of them are of one kind."""
        parts = 1
        while len(part) > 1:
            halves = self.cut(part, 2)
            if self.ask(*halves):
                break
            parts, part = 2 * parts, max(halves, key=len)
        return min(max(2, parts), len(part))

    def joined(self, clusters: list[list[Array]]) -> list[list[Array]]:
        """Ask of each two clusters, the nearest first, whether they are one."""
        apart: set[tuple[int, int]] = set()
        while True:
            pairs = [
                (float(np.linalg.norm(self.x[self.middle(p)] - self.x[self.middle(q)])), i, j, p, q)
                for (i, one), (j, two) in itertools.combinations(enumerate(clusters), 2)
                if (id(one), id(two)) not in apart
                for p, q in itertools.product(one, two)
            ]
            if not pairs:
                return clusters
            _, i, j, p, q = min(pairs, key=lambda pair: pair[0])
            if self.ask(p, q):
                clusters[i] += clusters.pop(j)
                apart.clear()  # what is apart is remembered by the answers
            else:
                apart.add((id(clusters[i]), id(clusters[j])))

    def cut(self, part: Array, k: int) -> list[Array]:
        found = KMeans(k, n_init=3, random_state=0).fit_predict(self.x[part])
        return [part[found == number] for number in range(k)]

    def middle(self, part: Array) -> int:
        own = self.x[part]
        return int(part[np.linalg.norm(own - own.mean(axis=0), axis=1).argmin()])
