"""How many clusters `choose_k` recommends: on data sets, on blobs of known number, and where there are none.

    python bench/experiments/choose_k.py [NAME ...]

writes choose_k.json and the table in docs/choosing-k.md; with names ("blobs", "nothing", "usps", ...) the results
of the others are kept. Labels are used for the column that says how many classes there are, and for nothing else.
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from novelty import TOPICS, embeddings
from numpy.typing import NDArray

from torchdec_bench.pages import renewed

HERE = Path(__file__).parent
RESULTS = HERE / "choose_k.json"
DOCS = HERE.parents[1] / "docs" / "choosing-k.md"
BEGIN, END = "<!-- choose k: begin -->", "<!-- choose k: end -->"
SETS = ("usps", "pbmc", "reuters10k", "mnist", "fashion-mnist", "20newsgroups")
# Numbers of blobs, rows and columns; and rows and columns of what has no clusters.
BLOBS = ((2, 500, 16), (5, 1000, 16), (10, 2000, 32), (20, 3000, 32), (50, 5000, 32), (100, 10_000, 32))
NOTHING = ((200, 4), (1000, 2), (1000, 10), (2000, 50), (5000, 10))
TRIES = 10
# The page has one of several that agree; the file has all.
LEFT_OUT = ("draw 2", "draw 3", "5 blobs, 1,000 x 16", "20 blobs, 3,000 x 32", "50 blobs, 5,000 x 32")

Array = NDArray[Any]


def main() -> None:
    results = {result["data"]: result for result in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    special = {
        "blobs": on_blobs,
        "nothing": on_nothing,
        "topics": on_topics,
        "tables": on_tables,
        "sentences": on_sentences,
    }
    for name in sys.argv[1:] or (*special, *SETS):
        for result in special[name]() if name in special else on_data(name):
            print({key: value for key, value in result.items() if key != "choice"}, flush=True)
            results[result["data"]] = result
            RESULTS.write_text(json.dumps(list(results.values()), indent=1) + "\n")
    DOCS.write_text(with_table(DOCS.read_text()))


def on_blobs() -> Iterator[dict[str, Any]]:
    """Gaussians of unequal sizes and widths."""
    for k, n, d in BLOBS:
        random = np.random.default_rng(k)
        shares = np.maximum(random.dirichlet(np.full(k, 2.0)), 0.25 / k)
        truth = random.choice(k, n, p=shares / shares.sum())
        widths, middles = 0.5 + random.random(k), random.uniform(-10, 10, (k, d))
        rows = middles[truth] + widths[truth, None] * random.normal(size=(n, d))
        yield chosen(f"{k} blobs, {n:,} x {d}", rows.astype(np.float32), k)


def on_nothing() -> Iterator[dict[str, Any]]:
    """Uniform rows and one Gaussian, several times each: how often one cluster is recommended."""
    from torchdec.clusters import choose_k

    for n, d in NOTHING:
        for title in ("uniform", "one Gaussian"):
            began, found = process_time(), []
            for seed in range(TRIES):
                random = np.random.default_rng(seed)
                rows = random.random((n, d)) if title == "uniform" else random.normal(size=(n, d))
                found.append(choose_k(rows.astype(np.float32), random_state=seed).n_clusters)
            yield {
                "data": f"{title}, {n:,} x {d}, {TRIES} times",
                "classes": 1,
                "chosen": ", ".join(f"{k} ({found.count(k)})" for k in sorted(set(found))),
                "seconds": round((process_time() - began) / TRIES, 1),
            }


def on_topics() -> Iterator[dict[str, Any]]:
    for seed in (1, 2, 3):
        rows, _ = embeddings(10_000, seed=seed)
        yield chosen(f"embeddings of {TOPICS} topics, 5 % scatter, draw {seed}", rows, TOPICS)


def on_tables() -> Iterator[dict[str, Any]]:
    from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

    for title, read in (
        ("iris", load_iris),
        ("wine", load_wine),
        ("breast cancer", load_breast_cancer),
        ("digits", load_digits),
    ):
        rows, truth = read(return_X_y=True)
        yield chosen(f"{title}, {len(rows):,} x {rows.shape[1]}", rows, len(set(truth)))


def on_sentences() -> Iterator[dict[str, Any]]:
    """Headlines of AG news, as MiniLM embeds them."""
    file = np.load(Path(os.environ["TORCHDEC_DATA"]) / "agnews_minilm.npz")
    yield chosen("AG news by MiniLM, 8,000 x 384", file["x"], 4)


def on_data(name: str) -> Iterator[dict[str, Any]]:
    from torchdec_bench.datasets import load

    dataset = load(name)
    yield chosen(dataset.title, dataset.x, dataset.n_clusters)


def chosen(title: str, rows: Any, truth: int) -> dict[str, Any]:
    from torchdec.clusters import choose_k

    began = process_time()
    choice = choose_k(rows, random_state=0)
    seconds = round(process_time() - began, 1)
    return {
        "data": title,
        "classes": truth,
        "chosen": choice.n_clusters,
        "seconds": seconds,
        "choice": asdict(choice),
    }


def with_table(text: str) -> str:
    """Put the table of the results into a page."""
    return renewed(text, BEGIN, END, table())


def table() -> str:
    titles = ("data", "classes", "recommended", "its strength", "stability", "runner-up", "seconds")
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for result in json.loads(RESULTS.read_text()):
        if result["data"].endswith(LEFT_OUT):
            continue
        figures = ["", "", ""]
        if "choice" in result:
            by_k = {candidate["n_clusters"]: candidate for candidate in result["choice"]["candidates"]}
            best = by_k[result["chosen"]]
            figures = [f"{best['strength']:.2f}", f"{best['stability']:.2f}", str(result["choice"]["runner_up"])]
        cells = (result["data"], result["classes"], result["chosen"], *figures, result["seconds"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
