"""What it costs to mix only the rows of some blocks, on rows that are sorted by class: the worst case.

    python bench/experiments/block_shuffle.py     writes block_shuffle.json and the table of docs/scale.md

Digits of scikit-learn, sorted by class and cut into 36 blocks of 50 rows, of which 1, 4, 12 or all are mixed at a
time. Five seeds each. Labels sort the rows and score the result.
"""

import json
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from torchdec import DEC, Autoencoder
from torchdec._core.records import Epoch
from torchdec.metrics import clustering_accuracy
from torchdec.rows._blocks import BlockRows
from torchdec_bench.pages import renewed

RESULTS = Path(__file__).with_suffix(".json")
DOCS = Path(__file__).parents[2] / "docs" / "scale.md"
BEGIN, END = "<!-- block shuffle: begin -->", "<!-- block shuffle: end -->"
BLOCK, SEEDS = 50, range(5)


class SortedBlocks(BlockRows):
    def __init__(self, array: Any, n_kept: int) -> None:
        sizes = [len(array[start : start + BLOCK]) for start in range(0, len(array), BLOCK)]
        super().__init__(sizes, array.shape[1], 1)
        self.n_kept, self._array = n_kept, array

    def _read(self, number: int) -> Any:
        return self._array[BLOCK * number : BLOCK * number + BLOCK]


def main() -> None:
    X, y = load_digits(return_X_y=True)
    order = np.argsort(y, kind="stable")
    X, y = X[order].astype(np.float32), y[order]
    results = []
    for n_kept in (1, 4, 12, 36):
        scores, losses = [], []
        for seed in SEEDS:
            stage = Autoencoder(max_steps=1500)
            model = DEC(10, representation=stage, max_iter=20, device="cpu", random_state=seed)
            model.fit(SortedBlocks(X, n_kept))
            scores.append(round(float(clustering_accuracy(y, model.labels_)), 4))
            losses.append([record.loss for record in model.history_ if isinstance(record, Epoch)][-1])
        results.append(
            {
                "blocks_mixed": n_kept,
                "of": 36,
                "acc": scores,
                "acc_mean": round(mean(scores), 4),
                "acc_sd": round(stdev(scores), 4),
                "reconstruction_loss_mean": round(mean(losses), 5),
                "reconstruction_loss_sd": round(stdev(losses), 5),
            }
        )
        print(results[-1], flush=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    DOCS.write_text(with_table(DOCS.read_text()))


def with_table(text: str) -> str:
    """Return the text with the table between the two marks made anew from the file of results."""
    lines = ["| blocks mixed, of 36 | ACC | reconstruction loss |", "|---|---|---|"]
    for r in json.loads(RESULTS.read_text()):
        loss = f"{r['reconstruction_loss_mean']:.4f} ± {r['reconstruction_loss_sd']:.4f}"
        lines.append(f"| {r['blocks_mixed']} | {r['acc_mean']:.3f} ± {r['acc_sd']:.3f} | {loss} |")
    return renewed(text, BEGIN, END, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
