"""Two workers of Dask score a million rows of Parquet; one of them is killed midway, and each row is there once.

    python bench/benchmarks/scoring.py           prints and writes results/scoring.json

20 files of 50,000 rows of 32 values. `torchdec predict --workers 2` runs twice, and in the second run a worker
gets SIGKILL once a third of the files are written. Both folders are compared with what the model predicts.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from timing import write

N_FILES, ROWS, WIDTH, N_CLUSTERS = 20, 50_000, 32, 10
LIMIT_S = 600


def main() -> None:
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_parts(folder / "parts")
        expected = fit_and_predict(folder / "parts", folder / "model.safetensors")
        for kill in (False, True):
            out = folder / f"clusters-{kill}"
            seconds, spawned = score(folder, out, kill=kill)
            check(out, expected)
            results.append(
                {"n": N_FILES * ROWS, "d": WIDTH, "files": N_FILES, "workers": 2, "killed": int(kill)}
                | {"processes": spawned, "rows_missing": 0, "rows_twice": 0, "seconds": round(seconds, 1)}
            )
            print(results[-1], flush=True)
    write("scoring", results)


def write_parts(folder: Path) -> None:
    random = np.random.default_rng(0)
    centers = 3 * random.normal(size=(N_CLUSTERS, WIDTH))
    folder.mkdir()
    for number in range(N_FILES):
        rows = centers[random.integers(N_CLUSTERS, size=ROWS)] + random.normal(size=(ROWS, WIDTH))
        columns = {f"x{column}": rows[:, column].astype(np.float32) for column in range(WIDTH)}
        pq.write_table(pa.table(columns), folder / f"part-{number:02}.parquet", row_group_size=16_384)


def fit_and_predict(parts: Path, model_path: Path) -> np.ndarray:
    from torchdec import DEC, Autoencoder, save
    from torchdec.rows import read_rows

    first = read_rows(parts / "part-00.parquet")
    model = DEC(N_CLUSTERS, representation=Autoencoder(max_steps=300), max_iter=1, tol=1.0, random_state=0)
    save(model.fit(first), model_path)
    return model.predict(read_rows(parts))


def score(folder: Path, out: Path, *, kill: bool) -> tuple[float, int]:
    """Return the seconds, and how many processes held a worker: three where one was killed and replaced."""
    options = ["predict", folder / "model.safetensors", folder / "parts", "-o", out, "--workers", "2"]
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "torchdec", *map(str, options)], stdout=subprocess.PIPE)
    watcher = Watcher(process.pid, folder, f".{out.name}.*.partial/*.parquet", kill=kill)
    try:
        process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        watcher.stop()
    assert process.returncode == 0, process.returncode
    assert len(watcher.killed) == kill, "no worker was killed"
    return time.perf_counter() - began, len(watcher.seen)


class Watcher:
    """Counts the workers of a process, and kills one of them when a third of the files are there."""

    def __init__(self, parent: int, folder: Path, written: str, *, kill: bool) -> None:
        self.seen: set[int] = set()
        self.killed: list[int] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(parent, folder, written, kill))
        self._thread.start()

    def _watch(self, parent: int, folder: Path, written: str, kill: bool) -> None:
        while not self._stopped.wait(0.01):
            workers = [pid for pid in descendants(parent) if b"resource_tracker" not in command_line(pid)]
            self.seen.update(workers)
            if kill and not self.killed and workers and len(list(folder.glob(written))) >= N_FILES // 3:
                os.kill(workers[-1], signal.SIGKILL)
                self.killed.append(workers[-1])

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


def descendants(pid: int) -> list[int]:
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in thread.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def check(out: Path, expected: np.ndarray) -> None:
    """Each file has the row numbers 0, 1, ... once, and the clusters that the model gives the rows."""
    paths = sorted(path for path in out.rglob("*") if path.is_file())
    assert [path.name for path in paths] == [f"part-{number:02}.parquet" for number in range(N_FILES)]
    for number, path in enumerate(paths):
        table = pq.ParquetFile(path).read()
        np.testing.assert_array_equal(table["row"], np.arange(ROWS))
        np.testing.assert_array_equal(table["cluster"], expected[number * ROWS : (number + 1) * ROWS])


if __name__ == "__main__":
    main()
