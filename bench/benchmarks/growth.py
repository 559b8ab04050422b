"""Seconds and memory of fit and predict as the rows become more.

    python bench/benchmarks/growth.py     prints and writes results/growth.json

Each fit runs in a process of its own, on generated rows read from a file on disk: stage 1 at its defaults, whose
graph holds 100,000 rows at most, then two updates. The exponent is the slope of log seconds, or log megabytes
beyond the imports, between the last two sizes.
"""

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from memory import Peak, anonymous_memory, write_rows
from timing import write

SIZES = {64: (10_000, 100_000, 1_000_000), 784: (10_000, 100_000)}


def main() -> None:
    results = []
    for width, sizes in SIZES.items():
        measured = []
        for n in sizes:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "x.npy"
                write_rows(path, n, width)
                command = [sys.executable, __file__, str(path)]
                output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
            measured.append({"n": n, "d": width, **json.loads(output)})
            print(measured[-1], flush=True)
        results += measured
        less, more = measured[-2:]
        results.append({"d": width, "between": [less["n"], more["n"]], **exponents(less, more)})
        print(results[-1], flush=True)
    write("growth", results)


def exponents(less: dict[str, Any], more: dict[str, Any]) -> dict[str, float]:
    decades = math.log(more["n"] / less["n"])
    keys = ("fit_s", "predict_s", "fit_mb")
    return {f"{key}_exponent": round(math.log(more[key] / less[key]) / decades, 3) for key in keys}


def fit_and_report(path: str) -> None:
    from torchdec import DEC

    rows = np.load(path, mmap_mode="r")
    model = DEC(10, max_iter=2, tol=0, patience=9, random_state=0)
    imports, peak = anonymous_memory(), Peak()
    began = perf_counter()
    model.fit(rows)
    fitted, memory = perf_counter() - began, peak.stop() - imports
    began = perf_counter()
    model.predict(rows)
    predicted = perf_counter() - began
    print(json.dumps({"fit_s": round(fitted, 1), "predict_s": round(predicted, 2), "fit_mb": round(memory)}))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        fit_and_report(sys.argv[1])
    else:
        main()
