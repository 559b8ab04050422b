"""The parts whose cost grows with the rows: the search for neighbours, and k-means on the embedding.

    python bench/benchmarks/search.py     prints and writes results/search.json; MNIST from TORCHDEC_DATA

The recall of a search is the fraction of the exact 15 neighbours of 1,000 rows that it finds. The rows of 64
columns lie in 100 overlapping groups, each of which varies mainly in 10 directions of its own.
"""

from typing import Any

import faiss
import numpy as np
import torch
from timing import seconds_of, write

N_MANY, WIDTH, GROUPS, DIRECTIONS, QUERIES = 1_000_000, 64, 100, 10, 1000


def main() -> None:
    from torchdec._core.nearest import EXACT_UP_TO
    from torchdec_bench.datasets import load

    mnist = load("mnist").x
    few = np.random.default_rng(0).permutation(len(mnist))[:EXACT_UP_TO]
    results = [
        graph(mnist[few].astype(np.float32), f"exact graph of {EXACT_UP_TO:,} x 784 of MNIST"),
        graph(mnist.astype(np.float32), "approximate graph of MNIST, 70,000 x 784"),
        graph(many_rows(), f"approximate graph, {N_MANY:,} x {WIDTH}"),
        kmeans(),
    ]
    for result in results:
        print(result)
    write("search", results)


def graph(rows: Any, what: str) -> dict[str, Any]:
    from torchdec._core.nearest import nearest

    found: list[Any] = []
    seconds = seconds_of(lambda: found.append(nearest(rows, 15, cosine=False)))
    queries = np.random.default_rng(1).choice(len(rows), QUERIES, replace=False)
    _, true = faiss.knn(rows[queries], rows, 16)
    recall = np.mean([len(set(found[0][q]) & set(t[t != q])) / 15 for q, t in zip(queries, true, strict=True)])
    return {"what": what, "seconds": round(seconds, 1), "recall": round(recall, 3)}


def many_rows() -> Any:
    random = np.random.default_rng(0)
    centers = 2 * random.normal(size=(GROUPS, WIDTH)).astype(np.float32)
    frames = random.normal(size=(GROUPS, DIRECTIONS, WIDTH)).astype(np.float32)
    group = random.integers(0, GROUPS, N_MANY)
    rows = centers[group] + 0.3 * random.normal(size=(N_MANY, WIDTH)).astype(np.float32)
    for number in range(GROUPS):
        own = np.flatnonzero(group == number)
        rows[own] += random.normal(size=(len(own), DIRECTIONS)).astype(np.float32) @ frames[number]
    return rows


def kmeans() -> dict[str, Any]:
    from torchdec._core.centroids import kmeans_centroids

    code = torch.from_numpy(many_rows()[:, :10].copy())
    seconds = seconds_of(lambda: kmeans_centroids(code, 10, n_init=20, seed=0, started=0.0))
    return {"what": "k-means on an embedding of 1,000,000 x 10, 20 starts", "seconds": round(seconds, 1)}


if __name__ == "__main__":
    main()
