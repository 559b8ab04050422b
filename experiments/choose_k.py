"""How many clusters `choose_k` recommends on the data sets of TORCHDEC_DATA, and on blobs of known number.

    python experiments/choose_k.py     writes experiments/choose_k.json and the table in docs/choosing-k.md

Labels are used for the column that says how many classes there are, and for nothing else.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any

from pages import renewed

HERE = Path(__file__).parent
RESULTS = HERE / "choose_k.json"
DOCS = HERE.parent / "docs" / "choosing-k.md"
BEGIN, END = "<!-- choose k: begin -->", "<!-- choose k: end -->"
SETS = ("usps", "pbmc", "reuters10k", "mnist", "fashion-mnist", "20newsgroups")
BLOBS = (2, 5, 10, 20, 50)


def main() -> None:
    results = []
    for result in chain(on_blobs(), on_data()):
        print({key: value for key, value in result.items() if key != "choice"}, flush=True)
        results.append(result)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    DOCS.write_text(with_table(DOCS.read_text()))


def on_blobs() -> Iterator[dict[str, Any]]:
    from sklearn.datasets import make_blobs

    for k in BLOBS:
        rows, _ = make_blobs(100 * k, 64, centers=k, cluster_std=4.0, random_state=k)
        yield chosen(f"blobs, {100 * k:,} x 64", rows.astype("float32"), k, range(2, k + 11))


def on_data() -> Iterator[dict[str, Any]]:
    from torchdec.datasets import load

    for name in SETS:
        dataset = load(name)
        yield chosen(dataset.title, dataset.x, dataset.n_clusters, range(2, 31))


def chosen(title: str, rows: Any, truth: int, ks: range) -> dict[str, Any]:
    from torchdec.clusters import choose_k

    began = perf_counter()
    choice = choose_k(rows, ks, random_state=0)
    return {
        "data": title,
        "classes": truth,
        "chosen": choice.n_clusters,
        "runner_up": choice.runner_up,
        "tried": [ks.start, ks.stop - 1],
        "seconds": round(perf_counter() - began, 1),
        "choice": asdict(choice),
    }


def with_table(text: str) -> str:
    """Return the text with the table between the two marks made anew from the file of results."""
    return renewed(text, BEGIN, END, table())


def table() -> str:
    titles = "| data | classes | recommended | its strength | runner-up | tried | seconds |"
    lines = [titles, "|---|---|---|---|---|---|---|"]
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
            f"{first} to {last}",
            round(result["seconds"]),
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
