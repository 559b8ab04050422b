"""Stage 2: one partition of the rows, the best of several candidates by a judge that sees no labels.

No way of finding clusters is best everywhere: on images the spanning tree of the code finds the classes, on texts
k-means, on cells communities of the graph. Each candidate is refined, and all are judged on the graph of the rows.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, Int64
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from torchdec._core.candidates import candidates
from torchdec._core.judge import gaussian_evidence, graph_score, leading_components
from torchdec._core.refinement import between, refined, weighted
from torchdec._nearest import nearest

# Neighbours of each row where no graph is given.
_NEIGHBORS = 15
# Up to so many rows the points count beside their graph, which shows less of few rows.
_FEW_ROWS = 500


@dataclass(frozen=True)
class Partition:
    """The chosen partition of n rows, and what it was chosen from.

    Attributes
    ----------
    labels : int32 (n,)
        The cluster of each row, from 0 to k - 1; each has a row.
    name : str
        How it was found.
    runner_up : str or None
        How the next best one was found that differs from it.
    scores : dict
        What each candidate is worth to the judge.
    """

    labels: Int32[NDArray[np.int32], " rows"]
    name: str
    runner_up: str | None
    scores: dict[str, float]


def partition(
    code: Float32[NDArray[np.float32], "rows code"],
    n_clusters: int,
    *,
    graph: Int64[NDArray[np.int64], "rows neighbors"] | None,
    points: Float32[NDArray[np.float32], "rows columns"] | None = None,
    random_state: int,
) -> Partition:
    """Partition rows into `n_clusters` by their code and the graph of their nearest neighbours.

    Parameters
    ----------
    code : float32 (n, z)
        What the rows are embedded as.
    n_clusters : int
        k, from 1 to n.
    graph : int64 (n, w), or None
        Nearest other rows of each row, nearest first, found in the space of the rows; None finds them in the code.
    points : float32 (n, p), optional
        The rows themselves, of small tables: candidates are found in them too, and far neighbours are left out.
    random_state : int
        For k-means and mixtures. The same gives the same labels, whatever the number of threads.

    Returns
    -------
    Partition
        The labels, how they were found, and what all candidates are worth.

    Raises
    ------
    ValueError
        If there are fewer distinct rows than clusters.
    """
    n = len(code)
    if n_clusters == 1 or n_clusters == n:
        return Partition(np.arange(n, dtype=np.int32) % n_clusters, "only one", None, {})
    found, scores = judged_candidates(code, n_clusters, graph=graph, points=points, random_state=random_state)
    best, *others = sorted(scores, key=lambda name: -scores[name])
    runner_up = next((name for name in others if scores[name] < scores[best]), None)
    return Partition(found[best].astype(np.int32), best, runner_up, scores)


def judged_candidates(
    code: NDArray[np.float32],
    k: int,
    *,
    graph: NDArray[np.int64] | None,
    points: NDArray[np.float32] | None,
    random_state: int,
) -> tuple[dict[str, NDArray[np.integer]], dict[str, float]]:
    """Return the labels of each candidate, refined, by its name, and what the judge says it is worth."""
    code = np.ascontiguousarray(code, dtype=np.float32)
    with threadpool_limits(1, user_api="blas"):  # threads add up products in an order of their own
        if graph is None:
            graph = nearest(code, min(_NEIGHBORS, len(code) - 1), cosine=False)
        edges = weighted(graph, points)
        few = leading_components(points) if points is not None and len(code) <= _FEW_ROWS else None
        found, raw = dict[str, NDArray[np.integer]](), list[NDArray[np.integer]]()
        random = np.random.RandomState(random_state)
        for name, labels in candidates(code, k, graph, edges, points, random):
            known = any(np.array_equal(labels, other) for other in raw)
            if known or np.bincount(labels, minlength=k).min() == 0:
                continue
            raw.append(labels)
            found[name] = refined(edges, labels, k)
            if few is not None:  # the graph of few rows joins what is far apart, and may refine for the worse
                found[f"{name}, as found"] = labels
        scores = {name: graph_score(between(edges, labels, k)) for name, labels in found.items()}
        if few is not None:
            scores = {name: score + gaussian_evidence(few, found[name], k) for name, score in scores.items()}
    return found, scores
