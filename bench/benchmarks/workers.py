"""Seconds and accuracy of the same fit by one worker and by two on one machine, as torchrun starts them.

    python bench/benchmarks/workers.py           minutes; prints and writes results/workers.json

MNIST, all 70,000 rows: eight passes of the encoder over the rows and one update of the targets, in batches of
1,024 rows. Two workers share each batch, so the fit is the same but for rounding; the graph, its embedding and the
partition each worker makes alone. Each case runs in processes of its own.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from timing import write

CASES = [{"workers": 1, "threads": 1}, {"workers": 2, "threads": 1}, {"workers": 1, "threads": 2}]
PASSES, BATCH = 8, 1024


def main() -> None:
    results = []
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(case["workers"])]
            command = [sys.executable, "-m", *torchrun, __file__, "--one", f"{folder}/result.json"]
            environment = {**os.environ, "OMP_NUM_THREADS": str(case["threads"]), "GLOO_SOCKET_IFNAME": "lo"}
            subprocess.run(command, env=environment, check=True)
            results.append({**case, **json.loads(Path(folder, "result.json").read_text())})
        print(results[-1], flush=True)
    write("workers", results)


def one(path: str) -> None:
    from torchdec import DEC, NeighborEncoder
    from torchdec._core import workers
    from torchdec.metrics import clustering_accuracy
    from torchdec_bench.datasets import load

    data = load("mnist")
    rows = data.x.astype(np.float32)
    encoder = NeighborEncoder(max_epochs=PASSES, batch_size=BATCH)
    model = DEC(10, representation=encoder, batch_size=BATCH, max_iter=1, tol=1.0, random_state=0)
    with workers.joined():
        workers.wait_for_all()
        began = perf_counter()
        starts: dict[str, float] = {}
        ends: dict[str, float] = {}
        for record in model.iter_fit(rows):
            starts.setdefault(type(record).__name__, record.seconds)
            ends[type(record).__name__] = record.seconds
        result: dict[str, Any] = {
            "steps_s": round(ends["Epoch"] - starts["Epoch"], 1),
            "centroids_s": round(ends["Centroids"] - ends["Epoch"], 1),
            "self_training_s": round(ends["Update"] - ends["Centroids"], 1),
            "fit_s": round(perf_counter() - began, 1),
            "acc": round(float(clustering_accuracy(data.y, model.labels_)), 4),
        }
        if workers.rank() == 0:
            Path(path).write_text(json.dumps(result))
        workers.wait_for_all()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--one", path]:
            one(path)
        case []:
            main()
