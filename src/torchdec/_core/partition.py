"""Stage 2: one partition of the rows, the best of several candidates by a judge that sees no labels.

No way of finding clusters is best everywhere: on images the spanning tree of the embedding finds the classes,
on texts
k-means, on cells communities of the graph. Each candidate is refined, and all are judged on the graph of the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, Int64
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from torchdec._core.candidates import candidates
from torchdec._core.communities import between, refined, weighted
from torchdec._core.judge import gaussian_evidence, graph_score, leading_components, with_clear_evidence
from torchdec._core.nearest import nearest

# Neighbours of each row where no graph is given.
_NEIGHBORS = 15
# Up to so many rows the points count beside their graph, which shows less of few rows. Of few columns, all of
# which Gaussians see, they count up to more rows where they say so clearly that no shape of another kind does: the
# graph cuts a thin strip where it happens to be sparse.
_FEW_ROWS, _FEW_COLUMNS, _MORE_ROWS = 500, 10, 5000


@dataclass(frozen=True)
class Partition:
    """The chosen partition of n rows, and what it was chosen from."""

    # The cluster of each row, from 0 to k - 1, numbered by their first rows; each has a row.
    labels: Int32[NDArray[np.int32], " rows"]
    name: str  # how it was found
    code: int  # the number of the code that it was found in, from 0; 0 too where it was found in the points
    runner_up: str | None  # how the next best one was found that differs from it
    scores: dict[str, float]  # what each candidate is worth to the judge


@dataclass(frozen=True)
class Found:
    """A candidate: how it was found, in which code, and the cluster of each row."""

    name: str
    code: int
    labels: NDArray[np.integer]


def partition(
    codes: Sequence[Float32[NDArray[np.float32], "rows code"]],
    n_clusters: int,
    *,
    graph: Int64[NDArray[np.int64], "rows neighbors"] | None,
    points: Float32[NDArray[np.float32], "rows columns"] | None = None,
    random_state: int,
) -> Partition:
    """Partition rows into `n_clusters` by their embedding and the graph of their nearest neighbours.

    Candidates are found in each of `codes`, and in `points`, the rows themselves of small tables, which leave far
    neighbours out of the graph too. Without a graph (nearest other rows, nearest first) that of the first code is
    taken. `random_state` is that of k-means and mixtures; the same gives the same labels, whatever the number of
    threads.

    Raises
    ------
    ValueError
        If there are fewer distinct rows than clusters.
    """
    n = len(codes[0])
    if n_clusters == 1 or n_clusters == n:
        return Partition(np.arange(n, dtype=np.int32) % n_clusters, "only one", 0, None, {})
    found, scores = judged_candidates(codes, n_clusters, graph=graph, points=points, random_state=random_state)
    best = max(found, key=lambda each: scores[each.name])
    others = {name: score for name, score in scores.items() if score < scores[best.name]}
    runner_up = max(others, key=lambda name: others[name], default=None)
    return Partition(_in_order(best.labels), best.name, best.code, runner_up, scores)


def _in_order(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """Renumber the clusters by their first rows, however they were found."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first)).astype(np.int32)[inverse]


def judged_candidates(
    codes: Sequence[NDArray[np.float32]],
    k: int,
    *,
    graph: NDArray[np.int64] | None,
    points: NDArray[np.float32] | None,
    random_state: int,
) -> tuple[list[Found], dict[str, float]]:
    """Return each candidate, refined, and what the judge says it is worth, by its name."""
    codes = [np.ascontiguousarray(code, dtype=np.float32) for code in codes]
    n, random = len(codes[0]), np.random.RandomState(random_state)
    with threadpool_limits(1, user_api="blas"):  # threads add up products in an order of their own
        if graph is None:
            graph = nearest(codes[0], min(_NEIGHBORS, n - 1), cosine=False)
        edges = weighted(graph, points)
        # Where a row has as many neighbours as a cluster has rows, the graph cannot but join clusters.
        parts = n > k * graph.shape[1]
        few, rows = n <= _FEW_ROWS, None
        if points is not None and (few or (n <= _MORE_ROWS and points.shape[1] <= _FEW_COLUMNS)):
            rows = leading_components(points)
        found, raw = list[Found](), list[NDArray[np.integer]]()
        for number, code in enumerate(codes):
            of = f", embedding {number + 1}" if number else ""
            for name, labels in candidates(code, k, graph, edges, points, random, first=number == 0):
                known = any(np.array_equal(labels, other) for other in raw)
                if known or np.bincount(labels, minlength=k).min() == 0:
                    continue
                raw.append(labels)
                if parts:
                    found.append(Found(name + of, number, refined(edges, labels, k)))
                # The graph joins what is far apart, and may refine rows at the rim for the worse.
                if rows is not None or not parts:
                    found.append(Found(f"{name}{of}, as found", number, labels))
        scores = {each.name: graph_score(between(edges, each.labels, k)) for each in found}
        if rows is not None:
            evidence = {each.name: gaussian_evidence(rows, each.labels, k) for each in found}
            if few:
                scores = {name: score + evidence[name] for name, score in scores.items()}
            else:
                scores = with_clear_evidence(scores, evidence, {each.name: each.labels for each in found})
    return found, scores
