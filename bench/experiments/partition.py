"""Every candidate of the partition and the judge's choice, on datasets of TORCHDEC_DATA and shapes, five seeds.

    python bench/experiments/partition.py [NAME ...]    partition.json beside it: what is missing; then the table
                                                        of docs/accuracy.md
    python bench/experiments/partition.py --table       the table alone, from the file

A record holds what the judge says each candidate is worth, and its ACC, NMI and ARI; labels serve for these alone.
Rows whose label is 0 are noise in tables, and are left out of the scores there.
"""

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from time import perf_counter, process_time
from typing import Any

import numpy as np
from accuracy import ORDER
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from torchdec_bench.pages import renewed

SEEDS = range(5)
RESULTS = Path(__file__).with_suffix(".json")
DOCS = Path(__file__).parents[2] / "docs" / "accuracy.md"
BEGIN, END = "<!-- partitions: begin -->", "<!-- partitions: end -->"
DATA = Path(os.environ.get("TORCHDEC_DATA", "."))
# Tables of the clustering-benchmarks suite, and generated ones, which have one line of means on the page.
SHAPES = (
    "moons",
    "circles",
    "aniso",
    "varied",
    "zigzags",
    "rings",
    "unequal rings",
    "200 + 5 x 4",
    "1000 + 100 + 30",
)
SUITES = {"fcps": "tables of FCPS", "other": "other small tables", "uci": "tables of UCI"}
SUITES |= dict.fromkeys(SHAPES, "generated shapes")
# Vectors of other models.
EMBEDDINGS = ("agnews_minilm", "cifar10_efficientnet")


@dataclass(frozen=True)
class Data:
    """Rows float32 (n, d), their classes, and which of them count."""

    name: str
    x: NDArray[np.float32]
    y: NDArray[np.int64]
    counts: NDArray[np.bool_]
    is_table: bool = False


def main(arguments: list[str]) -> None:
    if arguments != ["--table"]:
        done = {(record["dataset"], record["seed"]) for record in records()}
        for data in datasets(arguments):
            for seed in SEEDS:
                if (data.name, seed) not in done:
                    keep([*records(), measured(data, seed)])
    DOCS.write_text(with_table(DOCS.read_text()))


def with_table(text: str) -> str:
    """Return the text with the table between the two marks made anew from the file of results."""
    return renewed(text, BEGIN, END, table() + "\n")


def datasets(wanted: list[str]) -> Iterator[Data]:
    """Yield the datasets of these names; all, where there are none."""
    from torchdec_bench.datasets import load

    for name, n_rows in ORDER:
        title = name if n_rows is None else f"{name}, {n_rows:,} rows"
        if not wanted or title in wanted:
            dataset = load(name)
            picked = np.random.RandomState(0).permutation(len(dataset.y))[:n_rows]
            x = dataset.x[np.sort(picked)]
            x = x.toarray() if hasattr(x, "toarray") else x.reshape(len(x), -1)
            yield Data(title, np.asarray(x, np.float32), dataset.y[np.sort(picked)], np.ones(len(x), bool))
    files = [*(DATA / f"{name}.npz" for name in EMBEDDINGS), *sorted((DATA / "tables").glob("*.npz"))]
    for path in files:
        if not wanted or path.stem in wanted:
            held, is_table = np.load(path), path.parent.name == "tables"
            counts = held["y"] > 0 if is_table else np.ones(len(held["y"]), bool)
            yield Data(path.stem, held["x"].astype(np.float32), held["y"], counts, is_table)
    for name, x, y in shapes():
        if not wanted or name in wanted:
            yield Data(name, np.asarray(x, np.float32), y, np.ones(len(y), bool), is_table=True)


def shapes() -> Iterator[tuple[str, NDArray[np.floating], NDArray[np.int64]]]:
    """Yield shapes, and groups of unequal sizes."""
    from sklearn.datasets import make_blobs, make_circles, make_moons

    yield "moons", *make_moons(500, noise=0.05, random_state=0)
    yield "circles", *make_circles(500, factor=0.5, noise=0.05, random_state=0)
    x, y = make_blobs(500, random_state=170)
    yield "aniso", x @ [[0.6, -0.6], [-0.4, 0.8]], y
    yield "varied", *make_blobs(500, cluster_std=[1.0, 2.5, 0.5], random_state=170)
    random, rows = np.random.RandomState(0), np.repeat([0, 1, 2], 200)
    along = random.rand(600) * 6
    zigzags = np.stack([along, 1.5 * rows + np.abs(along % 2 - 1)], axis=1)
    yield "zigzags", zigzags + 0.05 * random.randn(600, 2), rows
    for name, sizes in (("rings", [200, 200, 200]), ("unequal rings", [60, 180, 360])):
        ring, angle = np.repeat([0, 1, 2], sizes), random.rand(600) * 2 * np.pi
        points = (ring + 1)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        yield name, points + 0.05 * random.randn(600, 2), ring
    for name, sizes, d in (("200 + 5 x 4", [200, *[4] * 5], 8), ("1000 + 100 + 30", [1000, 100, 30], 10)):
        group, middles = np.repeat(np.arange(len(sizes)), sizes), 8 * random.randn(len(sizes), d)
        yield name, middles[group] + random.randn(len(group), d), group


def measured(data: Data, seed: int) -> dict[str, Any]:
    """Embed the rows, and score each candidate partition of their embeddings."""
    from torchdec._core.partition import judged_candidates
    from torchdec.metrics import clustering_accuracy

    embedded = embedding_of(data.x, seed)
    k, y, counts = len(np.unique(data.y[data.counts])), data.y[data.counts], data.counts
    codes = [code.numpy() for code in embedded.embeddings]
    points = None if embedded.points is None else embedded.points.numpy()
    start = process_time()
    found, worth = judged_candidates(codes, k, graph=embedded.graph.numpy(), points=points, random_state=seed)
    seconds = process_time() - start
    scores = {
        each.name: {
            "worth": worth[each.name],
            "acc": clustering_accuracy(y, each.labels[counts]),
            "nmi": float(normalized_mutual_info_score(y, each.labels[counts])),
            "ari": float(adjusted_rand_score(y, each.labels[counts])),
        }
        for each in found
    }
    chosen = max(worth, key=lambda name: worth[name])
    record = {"dataset": data.name, "seed": seed, "n": len(data.x), "k": k, "is_table": data.is_table}
    print(record, chosen, scores[chosen], f"{seconds:.2f} s", flush=True)
    return {**record, "chosen": chosen, "seconds": seconds, "candidates": scores}


def embedding_of(x: NDArray[np.float32], seed: int) -> Any:
    """Return the embeddings, the graph and the components that a DEC would partition."""
    from torchdec import NeighborEncoder
    from torchdec._core.journal import Journal
    from torchdec._representation import rows_to_fit

    encoder = NeighborEncoder(random_state=seed)
    steps = encoder.embed(rows_to_fit(encoder, x)[1], perf_counter(), Journal())
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def records() -> list[dict[str, Any]]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def keep(several: list[dict[str, Any]]) -> None:
    lines = ",\n".join(json.dumps(record) for record in several)
    RESULTS.write_text(f"[\n{lines}\n]\n")


def table() -> str:
    """Return ACC, or ARI of tables and shapes: of the choice, the best candidate and k-means."""
    by_dataset = defaultdict(list)
    for record in records():
        by_dataset[SUITES.get(record["dataset"].partition("-")[0], record["dataset"])].append(record)
    lines = [
        "| data | chosen | best candidate | k-means on the embedding | seconds |",
        "|---|---|---|---|---|",
    ]
    for name, several in by_dataset.items():
        key = "ari" if several[0]["is_table"] else "acc"
        values = [
            (
                record["candidates"][record["chosen"]][key],
                max(candidate[key] for candidate in record["candidates"].values()),
                record["candidates"]["k-means"][key],
                record["seconds"],
            )
            for record in several
        ]
        chosen, best, by_k_means, seconds = (mean(column) for column in zip(*values, strict=True))
        lines.append(f"| {name} | {chosen:.3f} | {best:.3f} | {by_k_means:.3f} | {seconds:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
