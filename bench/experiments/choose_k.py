"""How many clusters `choose_k` recommends on the data sets of TORCHDEC_DATA, and on blobs of known number.

    python bench/experiments/choose_k.py [NAME ...]

writes choose_k.json and the table in docs/choosing-k.md; with names ("blobs", "usps", ...) the results
of the others are kept. Labels are used for the column that says how many classes there are, and for nothing else.
G trains a DEC for every k, so it is taken on up to 20,000 rows; paper-number.toml takes it on MNIST.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from torchdec_bench.pages import renewed

HERE = Path(__file__).parent
RESULTS = HERE / "choose_k.json"
DOCS = HERE.parents[1] / "docs" / "choosing-k.md"
BEGIN, END = "<!-- choose k: begin -->", "<!-- choose k: end -->"
SETS = ("usps", "pbmc", "reuters10k", "mnist", "fashion-mnist", "20newsgroups")
BLOBS = (2, 5, 10, 20, 50)
MOST_ROWS_FOR_G = 20_000


def main() -> None:
    results = {result["data"]: result for result in json.loads(RESULTS.read_text())}
    for name in sys.argv[1:] or ("blobs", *SETS):
        for result in on_blobs() if name == "blobs" else on_data(name):
            print({key: value for key, value in result.items() if key != "choice"}, flush=True)
            results[result["data"]] = result
            RESULTS.write_text(json.dumps(list(results.values()), indent=1) + "\n")
    DOCS.write_text(with_table(DOCS.read_text()))


def on_blobs() -> Iterator[dict[str, Any]]:
    from sklearn.datasets import make_blobs

    for k in BLOBS:
        rows, _ = make_blobs(100 * k, 64, centers=k, cluster_std=4.0, random_state=k)
        yield chosen(f"blobs, {100 * k:,} x 64", rows.astype("float32"), k, range(2, k + 11))


def on_data(name: str) -> Iterator[dict[str, Any]]:
    from torchdec_bench.datasets import load

    dataset = load(name)
    yield chosen(dataset.title, dataset.x, dataset.n_clusters, range(2, 31))


def chosen(title: str, rows: Any, truth: int, ks: range) -> dict[str, Any]:
    from torchdec.clusters import choose_k

    began = perf_counter()
    hold_out = 0.2 if rows.shape[0] <= MOST_ROWS_FOR_G else 0.0
    choice = choose_k(rows, ks, hold_out=hold_out, random_state=0)
    return {
        "data": title,
        "classes": truth,
        "chosen": choice.n_clusters,
        "runner_up": choice.runner_up,
        "tried": [ks.start, ks.stop - 1],
        "seconds": round(perf_counter() - began, 1),
        "choice": asdict(choice),
    }


def best(candidates: dict[int, dict[str, Any]], figure: str, of: Callable[..., int]) -> int | str:
    """Return the k that a figure would choose; nothing where it was not taken."""
    values = {k: candidate.get(figure) for k, candidate in candidates.items()}
    return "" if None in values.values() else of(values, key=values.__getitem__)


def before_the_fall(candidates: dict[int, dict[str, Any]]) -> int | str:
    """Return the k after which G falls most, as the paper reads its figure; nothing where G was not taken."""
    g = {k: candidate.get("generalizability") for k, candidate in candidates.items()}
    if None in g.values():
        return ""
    return max((k for k in g if k + 1 in g), key=lambda k: g[k] - g[k + 1])


def with_table(text: str) -> str:
    """Return the text with the table between the two marks made anew from the file of results."""
    return renewed(text, BEGIN, END, table())


def table() -> str:
    titles = ("data", "classes", "recommended", "its strength", "runner-up", "by silhouette", "by BIC", "by G")
    titles += ("tried", "seconds")
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for result in json.loads(RESULTS.read_text()):
        candidates = {candidate["n_clusters"]: candidate for candidate in result["choice"]["candidates"]}
        strength = candidates[result["chosen"]]["strength"]
        first, last = result["tried"]
        cells = (
            result["data"],
            result["classes"],
            result["chosen"],
            f"{strength:.2f}",
            result["runner_up"],
            best(candidates, "silhouette", max),
            best(candidates, "bic", min),
            before_the_fall(candidates),
            f"{first} to {last}",
            round(result["seconds"]),
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
