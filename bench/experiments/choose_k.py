"""How many clusters `choose_k` recommends: on data sets, on blobs of known number, and where there are none.

    python bench/experiments/choose_k.py              what is missing in choose_k.json; table of docs/choosing-k.md
    python bench/experiments/choose_k.py NAME ...     these alone, anew ("usps", "blobs", "nothing", ...)

Five seeds of each data set. Labels are used for the column that says how many classes there are, and for nothing
else.
"""

import json
import os
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from novelty import SEEDS, TOPICS, embeddings
from numpy.typing import NDArray

from torchdec_bench.pages import renewed

HERE = Path(__file__).parent
RESULTS = HERE / "choose_k.json"
DOCS = HERE.parents[1] / "docs" / "choosing-k.md"
BEGIN, END = "<!-- choose k: begin -->", "<!-- choose k: end -->"
SETS = ("usps", "mnist", "fashion-mnist", "pbmc", "20newsgroups", "reuters10k", "digits")
# Numbers of blobs, rows and columns; and rows and columns of what has no clusters.
BLOBS = (
    (2, 500, 16),
    (5, 1000, 16),
    (10, 2000, 32),
    (20, 3000, 32),
    (50, 5000, 32),
    (100, 10_000, 32),
    (200, 20_000, 32),
)
NOTHING = ((200, 4), (1000, 2), (1000, 10), (2000, 50), (5000, 10))
TRIES = 10
RESOLUTIONS = ("coarse", "auto", "fine")
# The page has one of several that agree; the file has all.
LEFT_OUT = ("draw 2", "draw 3", *(f"{k} blobs, {n:,} x {d}" for k, n, d in BLOBS if k < 100))
LEFT_OUT += tuple(f"{n:,} x {d}, {TRIES} times" for n, d in NOTHING[1:])

Array = NDArray[Any]


def main() -> None:
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    special = {"topics": on_topics, "sentences": on_sentences, "tables": on_tables}
    special |= {"blobs": on_blobs, "nothing": on_nothing}
    for name in sys.argv[1:] or (*SETS, *special):
        for title, rows, truth, seed in special[name]() if name in special else on_data(name):
            named = {"data": title, "seed": seed}
            same = [result for result in results if named.items() <= result.items()]
            if same and not sys.argv[1:]:
                continue
            results = [result for result in results if result not in same]
            results.append({**named, "classes": truth, **chosen(rows, seed)})
            print({key: value for key, value in results[-1].items() if key != "strengths"}, flush=True)
            order = [result["data"] for result in results]
            results.sort(key=lambda result: order.index(result["data"]))
            # A line each.
            RESULTS.write_text("[\n" + ",\n".join(map(json.dumps, results)) + "\n]\n")
    DOCS.write_text(with_table(DOCS.read_text()))


def on_data(name: str) -> Iterator[tuple[str, Any, int, int]]:
    from torchdec_bench.datasets import load

    dataset = load(name)
    for seed in SEEDS:
        yield dataset.title, dataset.x, dataset.n_clusters, seed


def on_sentences() -> Iterator[tuple[str, Any, int, int]]:
    """Headlines of AG news, as MiniLM embeds them."""
    file = np.load(Path(os.environ["TORCHDEC_DATA"]) / "agnews_minilm.npz")
    for seed in SEEDS:
        yield "AG news by MiniLM, 8,000 x 384", file["x"], 4, seed


def on_tables() -> Iterator[tuple[str, Any, int, int]]:
    from sklearn.datasets import load_breast_cancer, load_iris, load_wine

    for title, read in (("iris", load_iris), ("wine", load_wine), ("breast cancer", load_breast_cancer)):
        rows, truth = read(return_X_y=True)
        for seed in SEEDS:
            yield f"{title}, {len(rows):,} x {rows.shape[1]}", rows, len(set(truth)), seed


def on_topics() -> Iterator[tuple[str, Any, int, int]]:
    for draw in (1, 2, 3):
        rows, _ = embeddings(10_000, seed=draw)
        yield f"embeddings of {TOPICS} topics, 5 % scatter, draw {draw}", rows, TOPICS, 0


def on_blobs() -> Iterator[tuple[str, Any, int, int]]:
    """Gaussians of unequal sizes and widths."""
    for k, n, d in BLOBS:
        random = np.random.default_rng(k)
        shares = np.maximum(random.dirichlet(np.full(k, 2.0)), 0.25 / k)
        truth = random.choice(k, n, p=shares / shares.sum())
        widths, middles = 0.5 + random.random(k), random.uniform(-10, 10, (k, d))
        rows = middles[truth] + widths[truth, None] * random.normal(size=(n, d))
        yield f"{k} blobs, {n:,} x {d}", rows.astype(np.float32), k, 0


def on_nothing() -> Iterator[tuple[str, Any, int, int]]:
    """Uniform rows and one Gaussian, several times each."""
    for n, d in NOTHING:
        for title in ("uniform", "one Gaussian"):
            for seed in range(TRIES):
                random = np.random.default_rng(seed)
                rows = random.random((n, d)) if title == "uniform" else random.normal(size=(n, d))
                yield f"{title}, {n:,} x {d}, {TRIES} times", rows.astype(np.float32), 1, seed


def chosen(rows: Any, seed: int) -> dict[str, Any]:
    """Return the number at each resolution: they judge the same figures."""
    from torchdec._core.number_of_clusters import strong_from
    from torchdec.clusters import choose_k

    began = process_time()
    choice = choose_k(rows, random_state=seed)
    seconds = round(process_time() - began, 1)
    found: dict[str, Any] = {}
    n_rows = np.count_nonzero(abs(rows).sum(axis=1))  # those that hold nothing are left out
    for resolution in RESOLUTIONS:
        strong = strong_from(resolution, n_rows)
        found[resolution] = max(one.n_clusters for one in choice.candidates if one.strength >= strong)
    best = choice.candidates[choice.n_clusters - 1]
    figures = {"strength": round(best.strength, 4), "stability": round(best.stability or 0.0, 4)}
    strengths = [round(one.strength, 4) for one in choice.candidates]
    return {**found, "runner-up": choice.runner_up, **figures, "seconds": seconds, "strengths": strengths}


def with_table(text: str) -> str:
    """Put the table of the results into a page."""
    return renewed(text, BEGIN, END, table())


def table() -> str:
    titles = ("data", "classes", *RESOLUTIONS, "seconds")
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for data, group in groupby(json.loads(RESULTS.read_text()), key=lambda result: result["data"]):
        if data.endswith(LEFT_OUT):
            continue
        several = list(group)
        spans = []
        for resolution in RESOLUTIONS:
            least, most = (pick(result[resolution] for result in several) for pick in (min, max))
            spans.append(str(least) if least == most else f"{least}-{most}")
        seconds = np.mean([result["seconds"] for result in several])
        cells = (data, str(several[0]["classes"]), *spans, f"{seconds:.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
