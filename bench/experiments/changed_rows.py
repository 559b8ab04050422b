"""What an augmentation is worth: USPS, fitted with and without, predicted as it is and shifted and rotated.

    python bench/experiments/changed_rows.py [SEED ...]     seeds 0 to 4 by default

`changed_rows.json` keeps what was measured; the table is in docs/accuracy.md. Labels are read after the fit.
"""

import json
import sys
import warnings
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from torchdec_bench.pages import renewed, spread

HERE = Path(__file__).parent
RESULTS = HERE / "changed_rows.json"
DOCS = HERE.parents[1] / "docs" / "accuracy.md"
BEGIN, END = "<!-- changed rows: begin -->", "<!-- changed rows: end -->"
TITLES = {
    "none": "none",
    "neighbors": "in stage 1",
    "updates": "in both, and targets stay for one pass",
    "both": "in both, and targets stay for ten (the default with `augment`)",
}


def main(seeds: list[int]) -> None:
    cases = recorded()
    for seed in seeds:
        for case in measured(seed):
            cases[f"{case['augmented']}-{seed}"] = case
            print(case, flush=True)
        RESULTS.write_text(json.dumps(cases, indent=1) + "\n")
    DOCS.write_text(with_table(DOCS.read_text()))


def recorded() -> dict[str, dict[str, Any]]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def measured(seed: int) -> list[dict[str, Any]]:
    from torchdec import DEC, NeighborEncoder
    from torchdec.augment import ShiftRotate
    from torchdec.metrics import clustering_accuracy
    from torchdec_bench.datasets import load

    usps = load("usps")
    rows = usps.x.astype(np.float32)
    change = ShiftRotate(usps.image_shape)
    changed = change(torch.from_numpy(rows), torch.Generator().manual_seed(seed)).numpy()
    cases = []
    fits: dict[str, dict[str, Any]] = {
        "none": {},
        "neighbors": {"representation": NeighborEncoder(augment=change)},
        "updates": {"augment": change, "update_interval": "epoch"},
        "both": {"augment": change},
    }
    for name, settings in fits.items():
        began = perf_counter()
        model = DEC(10, random_state=seed, **settings).fit(rows)
        seconds = perf_counter() - began
        found = model.predict(changed)
        cases.append(
            {
                "augmented": name,
                "seed": seed,
                "acc": float(clustering_accuracy(usps.y, model.labels_)),
                "acc_changed": float(clustering_accuracy(usps.y, found)),
                "agree": float((found == model.labels_).mean()),
                "seconds": round(seconds, 1),
            }
        )
    return cases


def with_table(text: str) -> str:
    """Return the text with the table between the two marks made anew from the file of results."""
    titles = "| rows changed | ACC | ACC of changed rows | same cluster when changed | seeds |\n"
    lines = [titles, "| --- | --- | --- | --- | --- |\n"]
    for name, title in TITLES.items():
        own = [case for case in recorded().values() if case["augmented"] == name]
        cells = [spread([case[key] for case in own]) for key in ("acc", "acc_changed", "agree")]
        lines.append(f"| {title} | {' | '.join(cells)} | {len(own)} |\n")
    return renewed(text, BEGIN, END, "".join(lines))


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)
    main([int(seed) for seed in sys.argv[1:]] or [*range(5)])
