"""What a merge and a split do to the clusters of MNIST: those of 4 and 9 made one, and cut again.

    python bench/experiments/edits.py [RUN]     writes edits.json and the table in docs/clusters.md

RUN is a run directory of all of MNIST with k = 10; without it one is fitted. Labels tell which two clusters are
those of 4 and 9, and score; nothing else knows them.
"""

import json
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from torchdec_bench.pages import renewed

HERE = Path(__file__).parent
RESULTS = HERE / "edits.json"
DOCS = HERE.parents[1] / "docs" / "clusters.md"
BEGIN, END = "<!-- edits: begin -->", "<!-- edits: end -->"


def main() -> None:
    import torchdec
    from torchdec.clusters import merge, split
    from torchdec_bench.datasets import load

    mnist = load("mnist")
    rows, y = mnist.x.astype(np.float32), mnist.y
    if sys.argv[1:]:
        model = torchdec.load(Path(sys.argv[1]) / "model.safetensors")
    else:
        model = torchdec.DEC(10, random_state=0).fit(rows)
    labels = model.predict(rows)
    four, nine = (int(np.bincount(labels[y == digit]).argmax()) for digit in (4, 9))
    results = [about("as fitted", model, labels, y, 0.0)]
    began = perf_counter()
    merged = merge(model, four, nine)
    results.append(about("4 and 9 merged", merged, predicted(merged, rows), y, perf_counter() - began))
    for updates in (3, 0):
        began = perf_counter()
        parts = split(merged, min(four, nine), rows, updates=updates)
        title = "split again" if updates else "split again, without self-training (`updates=0`)"
        results.append(about(title, parts, predicted(parts, rows), y, perf_counter() - began))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    DOCS.write_text(with_table(DOCS.read_text()))


def predicted(model: Any, rows: Any) -> Any:
    """Predict by the model as it comes back from its file."""
    import torchdec

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        torchdec.save(model, file)
        return torchdec.load(file).predict(rows)


def about(title: str, model: Any, labels: Any, y: Any, seconds: float) -> dict[str, Any]:
    from torchdec.metrics import clustering_accuracy, nmi

    result = {
        "what": title,
        "clusters": len(model.cluster_names_),
        "acc": round(float(clustering_accuracy(y, labels)), 4),
        "nmi": round(float(nmi(y, labels)), 4),
        "seconds": round(seconds, 1),
        "edits": model.edits_,
    }
    print(result, flush=True)
    return result


def with_table(text: str) -> str:
    """Return the text with the table between the two marks made anew from the file of results."""
    lines = ["| MNIST, one seed | clusters | ACC | NMI |", "|---|---|---|---|"]
    lines += [
        f"| {result['what']} | {result['clusters']} | {result['acc']:.3f} | {result['nmi']:.3f} |"
        for result in json.loads(RESULTS.read_text())
    ]
    return renewed(text, BEGIN, END, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
