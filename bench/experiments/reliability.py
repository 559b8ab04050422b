"""Whether a calibrated confidence keeps its word: rows that stay in their cluster over other refits.

    python bench/experiments/reliability.py     writes reliability.json and the table in docs/clusters.md

What reliability.json holds already is kept.

A model is compared with refits on parts of its rows, which calibrate its confidence, and then with other refits.
Labels are not used.
"""

import json
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from novelty import TOPICS, embeddings
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_wine

from torchdec_bench.pages import renewed

HERE = Path(__file__).parent
RESULTS = HERE / "reliability.json"
DOCS = HERE.parents[1] / "docs" / "clusters.md"
MARKS = ("<!-- reliability: begin -->", "<!-- reliability: end -->")
REFITS = 5
# Bounds of the calibrated confidences that are told of.
BOUNDS = (0.0, 0.6, 0.8, 0.9, 0.95, 1.01)


def main() -> None:
    warnings.simplefilter("ignore")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for name, rows, k in cases():
        if all(result["rows"] != name for result in results):
            results.append(measured(name, rows, k))
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    DOCS.write_text(renewed(DOCS.read_text(), *MARKS, table(results)))


def cases() -> Iterator[tuple[str, NDArray[Any], int]]:
    from torchdec_bench.datasets import load

    yield "wine", load_wine().data.astype(np.float32), 3
    yield "digits", load_digits().data.astype(np.float32), 10
    usps = load("usps").x
    yield "4,000 of USPS", usps[np.random.default_rng(0).permutation(len(usps))[:4000]].astype(np.float32), 10
    yield f"4,000 embeddings of {TOPICS} topics", embeddings(4000, seed=11)[0], TOPICS


def measured(name: str, rows: NDArray[Any], k: int) -> dict[str, Any]:
    from torchdec import DEC
    from torchdec.clusters import stability

    model = DEC(k, random_state=0).fit(rows)
    known, later = (stability(model, rows, REFITS, random_state=seed) for seed in (0, 1))
    calibrated = known.calibrated(later.confidence)
    groups = []
    for low, high in pairwise(BOUNDS):
        inside = (calibrated >= low) & (calibrated < high)
        if inside.any():
            told = {"calibrated": calibrated, "confidence": later.confidence, "stays": later.stays}
            means = {key: round(float(values[inside].mean()), 3) for key, values in told.items()}
            groups.append({"from": low, "rows": int(inside.sum()), **means})
    result = {"rows": name, "stability": later.clusters.round(3).tolist(), "groups": groups}
    print(result, flush=True)
    return result


def table(results: list[dict[str, Any]]) -> str:
    lines = [
        "| rows | in this group | mean confidence | calibrated | stay over other refits |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {result['rows']} | {group['rows']:,} | {group['confidence']:.2f} | {group['calibrated']:.2f} "
        f"| {group['stays']:.2f} |"
        for result in results
        for group in result["groups"]
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
