"""What it costs to learn the neighbours on a sample of the rows: MNIST, 16,384 and 32,768 of its 70,000.

    python experiments/graph_rows.py 0 1 2    these seeds; experiments/graph_rows.json keeps the others

The whole graph is the method `neighbors` of experiments/accuracy.toml. Labels are read after the fit.
"""

import json
import sys
from pathlib import Path
from statistics import mean, stdev
from time import perf_counter
from typing import Any

from measure import RUNS, labels_of, rows_of

RESULTS = Path(__file__).parent / "graph_rows.json"
SIZES = (2**14, 2**15)


def main(seeds: list[int]) -> None:
    cases: dict[str, dict[str, Any]] = json.loads(RESULTS.read_text())["cases"] if RESULTS.exists() else {}
    for seed in seeds:
        for n in SIZES:
            cases[f"{n}-{seed}"] = {"graph_rows": n, "seed": seed, **measured(n, seed)}
            summary = summarised([*cases.values(), *whole()])
            RESULTS.write_text(json.dumps({"summary": summary, "cases": cases}, indent=1) + "\n")
            print(cases[f"{n}-{seed}"], flush=True)


def measured(graph_rows: int, seed: int) -> dict[str, float]:
    from torchdec import DEC, NeighborEncoder
    from torchdec.metrics import clustering_accuracy

    began = perf_counter()
    model = DEC(10, representation=NeighborEncoder(graph_rows=graph_rows), random_state=seed).fit(rows_of("mnist"))
    seconds = perf_counter() - began
    return {"acc": float(clustering_accuracy(labels_of("mnist"), model.labels_)), "seconds": round(seconds, 1)}


def whole() -> list[dict[str, Any]]:
    files = sorted(RUNS.glob("mnist-neighbors-*.json"))
    return [{"graph_rows": 70_000, "acc": json.loads(file.read_text())["score"]["acc"]} for file in files]


def summarised(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    summary = []
    for n in sorted({case["graph_rows"] for case in cases}):
        values = [case["acc"] for case in cases if case["graph_rows"] == n]
        spread = round(stdev(values), 4) if len(values) > 1 else None
        summary.append({"graph_rows": n, "seeds": len(values), "acc": round(mean(values), 4), "sd": spread})
    return summary


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]])
