"""Whether a confidence keeps its word: rows that stay in their cluster over refits on parts of the rows.

    python bench/experiments/reliability.py     what is missing in reliability.json; table and picture of the docs

A model is compared with refits that calibrate its confidence, and with others that judge it. Labels are not used.
"""

import json
import os
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
PICTURE = DOCS.parent / "images" / "reliability.svg"
MARKS = ("<!-- reliability: begin -->", "<!-- reliability: end -->")
REFITS = 3
# Bounds of the confidences that are told of.
BOUNDS = (0.0, 0.7, 0.8, 0.9, 0.95, 1.01)


def main() -> None:
    warnings.simplefilter("ignore")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for name, rows, k in cases():
        if all(result["rows"] != name for result in results):
            results.append(measured(name, rows, k))
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    DOCS.write_text(with_table(DOCS.read_text()))
    draw(results)


def cases() -> Iterator[tuple[str, Any, int]]:
    from torchdec_bench.datasets import load

    yield "wine", load_wine().data.astype(np.float32), 3
    yield "digits", load_digits().data.astype(np.float32), 10
    yield f"4,000 embeddings of {TOPICS} topics", embeddings(4000, seed=11)[0], TOPICS
    news = np.load(Path(os.environ["TORCHDEC_DATA"]) / "agnews_minilm.npz")
    yield "AG news by MiniLM", news["x"].astype(np.float32), 4
    yield "4,000 of USPS", some_of(load("usps").x, 4000), 10
    yield "10,000 of MNIST", some_of(load("mnist").x, 10_000), 10
    yield "10x PBMC", load("pbmc").x, 8


def some_of(rows: NDArray[Any], n: int) -> NDArray[np.float32]:
    return rows[np.random.default_rng(0).permutation(len(rows))[:n]].astype(np.float32)


def measured(name: str, rows: Any, k: int) -> dict[str, Any]:
    from torchdec import DEC
    from torchdec.clusters import stability

    model = DEC(k, random_state=0).fit(rows)
    known, later = (stability(model, rows, REFITS, random_state=seed) for seed in (0, 1))
    told = {"confidence": later.confidence, "calibrated": known.calibrated(later.confidence), "stays": later.stays}
    groups = []
    for low, high in pairwise(BOUNDS):
        inside = (later.confidence >= low) & (later.confidence < high)
        if inside.any():
            means = {key: round(float(values[inside].mean()), 3) for key, values in told.items()}
            groups.append({"from": low, "rows": int(inside.sum()), **means})
    result = {"rows": name, "stability": later.clusters.round(3).tolist(), "groups": groups}
    print(result, flush=True)
    return result


def with_table(text: str) -> str:
    """Put the table of the results into a page."""
    return renewed(text, *MARKS, table(json.loads(RESULTS.read_text())))


def table(results: list[dict[str, Any]]) -> str:
    titles = ("rows", "of 0.8 to 0.9 stay", "of 0.9 to 0.95", "confidence off", "calibrated")
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for result in results:
        stay = [f"{group['stays']:.2f}" for group in result["groups"] if group["from"] in (0.8, 0.9)]
        wrong = [f"{off(result['groups'], told):.2f}" for told in ("confidence", "calibrated")]
        lines.append(f"| {result['rows']} | {' | '.join(stay + wrong)} |")
    return "\n".join(lines) + "\n"


def off(groups: list[dict[str, Any]], told: str) -> float:
    """Return how far what is told is from what stays, in the mean over rows (expected calibration error)."""
    rows = [group["rows"] for group in groups]
    return float(np.average([abs(group[told] - group["stays"]) for group in groups], weights=rows))


def draw(results: list[dict[str, Any]]) -> None:
    """Draw what stays by what is told: a confidence that keeps its word lies on the diagonal."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "reliability", "svg.fonttype": "none"})  # the same file each time
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    for ax, told in zip(axes, ("confidence", "calibrated"), strict=True):
        ax.plot((0, 1), (0, 1), color="0.6", linestyle=":")
        for result in results:
            groups = [group for group in result["groups"] if group["rows"] >= 20]  # fewer tell little
            points = [[group[key] for group in groups] for key in (told, "stays")]
            ax.plot(*points, marker="o", label=result["rows"])
        ax.set(
            xlabel="confidence" if told == "confidence" else "calibrated confidence",
            xlim=(0.4, 1),
            ylim=(0.4, 1.02),
        )
    axes[0].set_ylabel("rows that stay in their cluster")
    axes[0].legend(fontsize="small")
    figure.savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
