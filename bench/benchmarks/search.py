"""The parts whose cost grows with the rows: the search for neighbours, and k-means on the code.

    python bench/benchmarks/search.py     prints and writes results/search.json; MNIST from TORCHDEC_DATA

The recall of the approximate search is the share of the exact 15 neighbours of 1,000 rows that it finds. Its rows
are 1,000,000 x 64 in 100 overlapping groups, each of which varies mainly in 10 directions of its own.
"""

from typing import Any

import faiss
import numpy as np
import torch
from timing import seconds_of, write

N_MANY, WIDTH, GROUPS, DIRECTIONS, QUERIES = 1_000_000, 64, 100, 10, 1000


def main() -> None:
    results = [exact(), approximate(), kmeans()]
    for result in results:
        print(result)
    write("search", results)


def exact() -> dict[str, Any]:
    from torchdec._core.compute import resolve
    from torchdec._core.neighbor_graph import nearest_neighbors
    from torchdec_bench.datasets import load

    rows = torch.from_numpy(load("mnist").x).float()
    seconds = seconds_of(lambda: nearest_neighbors(rows, 15, cosine=False, compute=resolve()))
    return {"what": "exact graph of MNIST, 70,000 x 784", "seconds": round(seconds, 1)}


def approximate() -> dict[str, Any]:
    from torchdec._core.compute import resolve
    from torchdec._core.neighbor_graph import nearest_neighbors

    rows, found = many_rows(), []
    seconds = seconds_of(
        lambda: found.append(nearest_neighbors(torch.from_numpy(rows), 15, cosine=False, compute=resolve()))
    )
    queries = np.random.default_rng(1).choice(N_MANY, QUERIES, replace=False)
    _, true = faiss.knn(rows[queries], rows, 16)
    recall = np.mean([len(set(found[0][q]) & set(t[t != q])) / 15 for q, t in zip(queries, true, strict=True)])
    return {"what": "approximate graph, 1,000,000 x 64", "seconds": round(seconds, 1), "recall": round(recall, 3)}


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
    return {"what": "k-means on a code of 1,000,000 x 10, 20 starts", "seconds": round(seconds, 1)}


if __name__ == "__main__":
    main()
