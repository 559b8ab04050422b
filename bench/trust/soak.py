"""A long life in one process: predict over and over, then fit over and over; nothing may grow.

    python bench/trust/soak.py                      30 minutes of predict, 200 fits; writes results/soak.json
    python bench/trust/soak.py --seconds 60 --fits 20

Compared are the process after a quarter of the time and at its end: its memory (RssAnon), open files and threads.
Memory may grow by 16 MB, which allocators need to settle; files and threads not at all.
"""

import argparse
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from torchdec import DEC, Autoencoder, NeighborEncoder, load, save

RESULTS = Path(__file__).parent / "results" / "soak.json"
MAY_GROW = 16.0


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=1800)
    arguments.add_argument("--fits", type=int, default=200)
    chosen = arguments.parse_args()
    random = np.random.default_rng(0)
    rows = (random.normal(size=(600, 32)) + 3 * (np.arange(600) % 4)[:, None]).astype(np.float32)
    path = Path(__file__).with_name("soak.safetensors")
    save(small(0).fit(rows), path)
    try:
        began = perf_counter()
        results = [
            watched(
                "load and predict",
                lambda _: load(path).predict(rows),
                lambda _: (perf_counter() - began) / chosen.seconds,
            ),
            watched("fit", lambda number: small(number).fit(rows), lambda number: number / chosen.fits),
        ]
    finally:
        path.unlink()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"results": results}, indent=1) + "\n")
    return any(
        result["grown_mb"] > MAY_GROW or result["grown_files"] > 0 or result["grown_threads"] > 0
        for result in results
    )


def small(number: int) -> DEC:
    stage_1 = Autoencoder((32,), 4, max_steps=60) if number % 2 else NeighborEncoder((32,), 4, max_epochs=5)
    return DEC(4, representation=stage_1, tol=1.0, random_state=number)


def watched(name: str, call: Callable[[int], Any], progress: Callable[[int], float]) -> dict[str, Any]:
    """Call until progress is 1, and compare the process then with what it was at a quarter."""
    calls, quarter, began = 0, None, perf_counter()
    while progress(calls) < 1:
        call(calls)
        calls += 1
        if quarter is None and progress(calls) >= 0.25:
            quarter = state()
    end = state()
    assert quarter is not None
    grown = {f"grown_{key}": round(end[key] - quarter[key], 1) for key in end}
    seconds = round(perf_counter() - began)
    result = {"what": name, "calls": calls, "seconds": seconds, "at_end_mb": round(end["mb"]), **grown}
    print(result, flush=True)
    return result


def state() -> dict[str, float]:
    status = Path("/proc/self/status").read_text()
    memory = next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("RssAnon"))
    threads = max(threading.active_count(), len(list(Path("/proc/self/task").iterdir())))
    return {"mb": memory, "files": len(list(Path("/proc/self/fd").iterdir())), "threads": threads}


if __name__ == "__main__":
    sys.exit(main())
