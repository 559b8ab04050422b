"""Seconds, peak memory and accuracy of fits of rows that are read from a file larger than they may take in memory.

    python bench/benchmarks/scale.py                    all sizes, both representations; minutes each
    python bench/benchmarks/scale.py 100000 neighbors   one case; results/scale.json keeps the others
    python bench/benchmarks/scale.py 2000000 short      an autoencoder of 200 steps, a short update: memory alone
    python bench/benchmarks/scale.py bytes              what each row adds to the peak; results/row_bytes.json

Rows of 784 values of one byte in a memmap, around 20 known centres of unequal sizes on a bent surface: part of a
row are the squares of a projection, so groups are no balls. Each fit and each prediction runs in a process of its
own; counted is its anonymous memory (RssAnon), not pages of files that the system keeps.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from memory import Peak, anonymous_memory
from timing import write

SIZES = (100_000, 1_000_000, 2_000_000)
WIDTH, N_CLUSTERS, LATENT = 784, 20, 8
MAX_ITER = 1
# With codes of 64 values, z of 1.2 million rows is not kept.
BYTES_SIZES, SMALL_CODE = (1_200_000, 3_600_000), 64
RESULTS = Path(__file__).parent / "results" / "scale.json"


def main(sizes: tuple[int, ...], representations: tuple[str, ...]) -> None:
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.npy"
            write_rows(path, n)
            for representation in representations:
                case = {"n": n, "d": WIDTH, "mb": round(path.stat().st_size / 2**20), "stage_1": representation}
                model = Path(folder) / "model.safetensors"
                fitted = in_own_process("fit", representation, path, model)
                predicted = in_own_process("predict", representation, path, model)
                keep({**case, **fitted, **predicted})


def keep(result: dict[str, Any]) -> None:
    """Put a result into the file in place of an older one of the same case."""
    print(result, flush=True)
    old = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else []
    others = [r for r in old if (r["n"], r["stage_1"]) != (result["n"], result["stage_1"])]
    write("scale", sorted([*others, result], key=lambda r: (r["stage_1"], r["n"])))


def bytes_a_row() -> None:
    """Fit few columns by a small net at two sizes that keep neither P nor z: their peaks differ by the rows."""
    peaks: dict[str, list[float]] = {"fit": [], "predict": []}
    for n in BYTES_SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path, model = Path(folder) / "x.npy", Path(folder) / "model.safetensors"
            write_rows(path, n, 16)
            for what, found in peaks.items():
                result = in_own_process(what, "small", path, model)
                found.append(result[f"{what}_peak_mb"])
                print(n, result, flush=True)
    few, many = BYTES_SIZES
    results = [
        {"what": what, "rows": BYTES_SIZES, "peaks_mb": found}
        | {"bytes_a_row": round((found[1] - found[0]) * 2**20 / (many - few), 1)}
        for what, found in peaks.items()
    ]
    print(results)
    write("row_bytes", results)


def in_own_process(*arguments: Any) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", *map(str, arguments)]
    result: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return result


def truth(n: int) -> np.ndarray:
    """Return the cluster of each row: the largest has five times the rows of the smallest."""
    weights = np.linspace(1, 5, N_CLUSTERS)
    return np.random.default_rng(1).choice(N_CLUSTERS, size=n, p=weights / weights.sum())


def write_rows(path: Path, n: int, width: int = WIDTH) -> None:
    random = np.random.default_rng(0)
    centers = 2.5 * random.normal(size=(N_CLUSTERS, LATENT)).astype(np.float32)
    first, second = (random.normal(size=(LATENT, width)).astype(np.float32) for _ in range(2))
    labels = truth(n)
    rows = np.lib.format.open_memmap(path, "w+", np.uint8, (n, width))
    for start in range(0, n, 20_000):
        own = labels[start : start + 20_000]
        latent = centers[own] + random.normal(size=(len(own), LATENT)).astype(np.float32)
        values = latent @ first + 0.3 * (latent @ second) ** 2 / LATENT**0.5
        values += 4 * random.standard_normal(values.shape, dtype=np.float32)
        rows[start : start + 20_000] = np.clip(100 + 8 * values, 0, 255)


def fit(representation: str, path: str, model_path: str) -> dict[str, Any]:
    import torch

    from torchdec import DEC, Autoencoder, NeighborEncoder, save
    from torchdec.metrics import clustering_accuracy

    rows = np.load(path, mmap_mode="r")
    small = NeighborEncoder((32,), SMALL_CODE, graph_rows=10_000, max_epochs=5)
    stages = {"small": small, "short": Autoencoder(max_steps=200)}
    stage_1 = stages.get(representation, representation)
    interval = 500 if representation in stages else "epoch"
    model = DEC(N_CLUSTERS, representation=stage_1, update_interval=interval, max_iter=MAX_ITER, random_state=0)
    imports, peak, began = anonymous_memory(), Peak(), perf_counter()
    ends = dict.fromkeys(("Epoch", "Centroids", "Update"), (0.0, 0.0))
    for record in model.iter_fit(rows):
        if (kind := type(record).__name__) in ends:
            ends[kind] = record.seconds, process_time()
    seconds, largest = perf_counter() - began, peak.stop()
    save(model, model_path)
    (first, _), (second, cpu_before), (third, cpu_after) = ends.values()
    return {
        "fit_s": round(seconds, 1),
        "stages_s": [round(seconds, 1) for seconds in (first, second - first, third - second)],
        "fit_rows_s": round(len(rows) / seconds),
        "threads": torch.get_num_threads(),
        "updates": model.n_iter_,
        "self_training_rows_s": round(len(rows) * model.n_iter_ / (third - second)),
        "self_training_rows_cpu_s": round(len(rows) * model.n_iter_ / (cpu_after - cpu_before)),
        "fit_peak_mb": round(largest),
        "imports_mb": round(imports),
        "acc": round(float(clustering_accuracy(truth(len(rows)), model.labels_)), 4),
    }


def predict(_: str, path: str, model_path: str) -> dict[str, Any]:
    from torchdec import load

    rows, model = np.load(path, mmap_mode="r"), load(model_path)
    peak, began = Peak(), perf_counter()
    model.predict(rows)
    seconds = perf_counter() - began
    return {"predict_s": round(seconds, 1), "predict_peak_mb": round(peak.stop())}


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--one", what, *arguments]:
            print(json.dumps({"fit": fit, "predict": predict}[what](*arguments)))
        case ["bytes"]:
            bytes_a_row()
        case [size, representation]:
            main((int(size),), (representation,))
        case []:
            main(SIZES, ("neighbors", "autoencoder"))
