"""Seconds and size of the page of a fit.

    python bench/benchmarks/report.py     prints and writes results/report.json

Each fit runs in a process of its own, on generated rows, and is short: its length changes little on the page. Then
`DEC.report` is timed, by the clock, and by the processor, which other work on the machine delays less. It imports
what the page needs, and embeds all rows once more, which `torchdec fit` does anyway.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from timing import write

SIZES = (10_000, 100_000)
GROUPS = 12
# As the command line sets it, where it is not set.
ENVIRONMENT = {"GOMP_SPINCOUNT": "20000", **os.environ}


def vectors(n: int, random: np.random.Generator) -> Any:
    centers = random.normal(size=(GROUPS, 384))
    return (centers[np.arange(n) % GROUPS] + random.normal(size=(n, 384))).astype(np.float32)


def pictures(n: int, random: np.random.Generator) -> Any:
    shapes = random.integers(0, 200, (GROUPS, 28, 28))
    return np.clip(shapes[np.arange(n) % GROUPS] + random.normal(0, 30, (n, 28, 28)), 0, 255).astype(np.uint8)


def texts(n: int, random: np.random.Generator) -> Any:
    """Make texts of 60 words: most of them frequent in all, every fifth one of the group."""
    common = random.zipf(1.3, (n, 60)) % 20_000
    own = random.integers(0, 40, (n, 60)) + 20_000 + 40 * (np.arange(n) % GROUPS)[:, None]
    words = np.where(random.random((n, 60)) < 0.2, own, common)
    return [" ".join(f"w{word:05d}" for word in text) for text in words.tolist()]


def table(n: int, random: np.random.Generator) -> Any:
    import pandas as pd

    group = np.arange(n) % GROUPS
    frame = {f"number_{i}": random.normal(random.normal(0, 3, GROUPS)[group], 1) for i in range(6)}
    frame |= {f"amount_{i}": np.exp(random.normal(random.normal(3, 1, GROUPS)[group], 1)) for i in range(3)}
    for i in range(4):
        levels = np.array([f"level {j}" for j in range(6)])
        frame[f"kind_{i}"] = levels[(random.integers(0, 6, GROUPS)[group] + random.integers(0, 2, n)) % 6]
    frame["day"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 700, n), unit="D")
    return pd.DataFrame(frame)


KINDS = {function.__name__: function for function in (vectors, pictures, texts, table)}


def main() -> None:
    results = []
    for n in SIZES:
        for kind in KINDS:
            command = [sys.executable, __file__, kind, str(n)]
            output = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=ENVIRONMENT).stdout
            results.append({"rows": kind, "n": n, **json.loads(output)})
            print(results[-1], flush=True)
    write("report", results)


def fit_and_report(kind: str, n: int) -> None:
    from torchdec import DEC, NeighborEncoder

    rows = KINDS[kind](n, np.random.default_rng(0))
    model = DEC(GROUPS, representation=NeighborEncoder(max_epochs=1), max_iter=1, tol=0.9, random_state=0)
    model.fit(rows)
    with tempfile.TemporaryDirectory() as folder:
        began, worked = perf_counter(), process_time()
        page = model.report(Path(folder) / "page.html")
        seconds, worked = perf_counter() - began, process_time() - worked
        size = page.stat().st_size / 1e6
    print(json.dumps({"seconds": round(seconds, 2), "processor_s": round(worked, 2), "mb": round(size, 2)}))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        fit_and_report(sys.argv[1], int(sys.argv[2]))
    else:
        main()
