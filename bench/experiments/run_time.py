"""Seconds and peak memory of DEC, LDMGI and SEC on a corpus of REUTERS' size; `reproduction.py` shows them.

    python bench/experiments/run_time.py                 all methods on 685,071 rows
    python bench/experiments/run_time.py 68507 ldmgi     one method, on fewer rows

What `run_time.json` has already is not measured again.

The real corpus is not on every machine, so rows are generated with its density and word frequencies: time and
memory are those of REUTERS, accuracy is not. Each fit has a process of its own; its peak counts the rows too. DEC
trains towards one update of its targets and says what that update took.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from torchdec_bench.datasets import reuters_like

HERE = Path(__file__).parent
RESULTS = HERE / "run_time.json"
N_CLUSTERS = 4
ALL_ROWS = 685_071
METHODS = {"dec": "DEC, autoencoder", "ldmgi": "LDMGI", "sec": "SEC", "seclocal": "SEC, local models"}
BEGIN, END = "<!-- run time: begin -->", "<!-- run time: end -->"


def main(n_rows: int, methods: list[str]) -> None:
    done = {(r["method"], r["n_rows"]) for r in recorded()}
    for method in [method for method in methods if (method, n_rows) not in done]:
        command = [sys.executable, __file__, "--one", method, str(n_rows)]
        result = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        print(result, flush=True)
        ordered = sorted([*recorded(), result], key=lambda r: (r["n_rows"], [*METHODS].index(r["method"])))
        RESULTS.write_text(json.dumps(ordered, indent=1) + "\n")


def recorded() -> list[dict[str, Any]]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def table() -> str:
    lines = [
        f"| {r['n_rows']:,} | {METHODS[r['method']]} | {r['cpu_seconds']:,.0f} | {r['peak_mb']:,} |\n"
        for r in recorded()
        if r["n_rows"] == ALL_ROWS
    ]
    titles = "| rows | method | processor seconds | peak memory, MB |\n"
    return titles + "| --- | --- | --- | --- |\n" + "".join(lines) if lines else "Not run yet.\n"


def one(method: str, n_rows: int) -> dict[str, Any]:
    """Fit in this process; the corpus is made before the clock starts."""
    x = reuters_like(n_rows).x
    began, cpu = perf_counter(), process_time()
    about = dec(x) if method == "dec" else baseline(method, x)
    return {
        "method": method,
        "n_rows": n_rows,
        "seconds": round(perf_counter() - began, 1),
        "cpu_seconds": round(process_time() - cpu, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "about": about,
        "cores": os.cpu_count(),
    }


def dec(x: Any) -> str:
    from torchdec import DEC
    from torchdec._core.records import Centroids, Epoch, Update

    model = DEC(N_CLUSTERS, representation="autoencoder", max_iter=1, random_state=0).fit(x)
    trained = [event for event in model.history_ if isinstance(event, Epoch)][-1]
    (started,) = (event for event in model.history_ if isinstance(event, Centroids))
    first, second = (event for event in model.history_ if isinstance(event, Update))
    parts = (
        f"autoencoder, {trained.step:,} steps: {trained.seconds:,.0f} s",
        f"k-means: {started.seconds - trained.seconds:,.0f} s",
        f"an update, {second.step - first.step:,} steps: {second.seconds - first.seconds:,.0f} s",
    )
    return "; ".join(parts)


def baseline(method: str, x: Any) -> str:
    from torchdec_bench.baselines import LDMGI, SEC, nearest_rows

    began = perf_counter()
    neighbors = nearest_rows(x)
    searched = perf_counter() - began
    model = (
        LDMGI(N_CLUSTERS, random_state=0)
        if method == "ldmgi"
        else SEC(N_CLUSTERS, laplacian="local" if method == "seclocal" else "graph", random_state=0)
    )
    model.fit(x, neighbors=neighbors)
    return f"search for near rows: {searched:,.0f} s"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2], int(sys.argv[3]))))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else ALL_ROWS, sys.argv[2:] or [*METHODS])
