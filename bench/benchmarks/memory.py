"""Peak memory of a fit, on an array and on a memmap, as n grows.

    python bench/benchmarks/memory.py            prints and writes results/memory.json

Each fit runs in a process of its own on generated rows of 784 features; training is short, since its length
changes time and not memory. Counted is the memory of the process itself (RssAnon), not pages of files that the
system keeps. `imports_mb` is there before there are rows; `fit_mb` is the peak less imports and, for an array,
rows.
"""

import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results" / "memory.json"
WIDTH = 784
CASES = [("array", 70_000), ("memmap", 70_000), ("memmap", 140_000)]


def main() -> None:
    results = []
    for representation in ("neighbors", "autoencoder"):
        for kind, n in CASES:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "x.npy"
                write_rows(path, n)
                command = [sys.executable, __file__, representation, kind, str(path)]
                output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
            imports, peak = map(float, output.split())
            rows_mb = n * WIDTH * 4 / 2**20
            own = peak - imports - (rows_mb if kind == "array" else 0)
            results.append(
                {
                    "representation": representation,
                    "rows": kind,
                    "n": n,
                    "peak_mb": round(peak),
                    "rows_mb": round(rows_mb),
                    "imports_mb": round(imports),
                    "fit_mb": round(own),
                }
            )
            print(results[-1], flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def write_rows(path: Path, n: int, width: int = WIDTH) -> None:
    random = np.random.default_rng(0)
    centers = random.normal(size=(10, width)).astype(np.float32)
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (n, width))
    for start in range(0, n, 10_000):
        part = rows[start : start + 10_000]
        part[:] = centers[np.arange(len(part)) % 10] + random.normal(size=part.shape).astype(np.float32)


def fit_and_report(representation: str, kind: str, path: str) -> None:
    from torchdec import DEC, Autoencoder, NeighborEncoder

    stage = NeighborEncoder(max_epochs=1) if representation == "neighbors" else Autoencoder(max_steps=20)
    model = DEC(10, representation=stage, max_iter=1, tol=1.0, random_state=0)
    rows = np.load(path, mmap_mode="r")
    imports = anonymous_memory()
    peak = Peak()
    model.fit(np.array(rows) if kind == "array" else rows)
    print(imports, peak.stop())


def anonymous_memory() -> float:
    """Return RssAnon of this process, in MB."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


class Peak:
    """The largest RssAnon of this process, looked at every 20 ms."""

    def __init__(self) -> None:
        self._largest = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stopped.wait(0.02):
            self._largest = max(self._largest, anonymous_memory())

    def stop(self) -> float:
        self._stopped.set()
        self._thread.join()
        return self._largest


if __name__ == "__main__":
    if len(sys.argv) == 4:
        fit_and_report(*sys.argv[1:])
    else:
        main()
