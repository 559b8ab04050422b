"""Measure the accuracy of `torchdec fit` on the data sets of TORCHDEC_DATA: one file of results a case.

    python experiments/measure.py                     all cases that have no file in experiments/runs yet
    python experiments/measure.py mnist-neighbors-0   these cases
    python experiments/measure.py --table             the table in README.md, from the files alone

A case is DATASET-REPRESENTATION-SEED. Labels are used by `torchdec score`, after the fit.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np

HERE = Path(__file__).parent
RUNS = HERE / "runs"
README = HERE.parent / "README.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"

# name: (file of TORCHDEC_DATA, number of clusters, what the table calls it)
DATASETS = {
    "mnist": ("mnist.npz", 10, "MNIST, 70,000 x 784"),
    "usps": ("usps.npz", 10, "USPS, 9,298 x 256"),
    "reuters10k": ("reuters_rcv1sub.npz", 4, "REUTERS-10k rebuilt, 10,000 x 2,000"),
    "fashion": ("fashion_mnist.npz", 10, "Fashion-MNIST, 70,000 x 784"),
    "pbmc": ("sc_10x_pbmc_top2000.npz", 8, "10x PBMC, 4,271 x 2,000"),
    "newsgroups": ("newsgroups20.npz", 20, "20 newsgroups, 18,846 x 2,000"),
}
CASES = [
    *(f"{name}-neighbors-{seed}" for name in ("usps", "reuters10k", "mnist") for seed in range(5)),
    *(f"{name}-neighbors-{seed}" for name in ("pbmc", "newsgroups", "fashion") for seed in range(5)),
    *(f"{name}-autoencoder-{seed}" for name in ("usps", "reuters10k", "mnist") for seed in range(5)),
]


def main(arguments: list[str]) -> None:
    if arguments == ["--table"]:
        README.write_text(with_table(README.read_text(), RUNS.glob("*.json")))
        return
    for case in arguments or [case for case in CASES if not path_of(case).exists()]:
        print(case, flush=True)
        result = measure(case)
        path_of(case).write_text(json.dumps(result, indent=1) + "\n")
        print(f"  {result['score']} in {result['run']['seconds']['total']:.0f} s", flush=True)


def path_of(case: str) -> Path:
    return RUNS / f"{case}.json"


def measure(case: str) -> dict[str, Any]:
    name, representation, seed = case.rsplit("-", 2)
    file, n_clusters, _ = DATASETS[name]
    with tempfile.TemporaryDirectory() as folder:
        data = prepared(name, Path(os.environ["TORCHDEC_DATA"]) / file, Path(folder))
        out = Path(folder) / "run"
        options = ["-k", str(n_clusters), "--seed", seed, "--representation", representation]
        run = torchdec("fit", data, *options, "-o", out, "--quiet", "--json")
        score = torchdec("score", out, data, "--json")
    del run["directory"]
    return {
        "command": f"torchdec fit {data.name} {' '.join(options)} -o run && torchdec score run {data.name}",
        "score": {name: score[name] for name in ("acc", "nmi", "ari")},
        "run": run,
        "machine": {"cores": os.cpu_count(), "architecture": platform.machine(), "simd": simd()},
    }


def torchdec(*arguments: Any) -> dict[str, Any]:
    command = [sys.executable, "-m", "torchdec", *map(str, arguments)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def simd() -> str:
    import torch

    return torch.backends.cpu.get_cpu_capability()


def prepared(name: str, source: Path, folder: Path) -> Path:
    """Apply the usual preparation of counts, from the rows alone; return the file to cluster."""
    if name not in ("reuters10k", "pbmc"):
        return source
    import scipy.sparse as sp
    from sklearn.feature_extraction.text import TfidfTransformer

    with np.load(source) as parts:
        y = parts["y"]
        counts = sp.csr_matrix((parts["data"], parts["indices"], parts["indptr"]), shape=parts["shape"])
    if name == "reuters10k":
        x = TfidfTransformer(norm="l2", sublinear_tf=True).fit_transform(counts)[:10_000]
        y = y[:10_000]
    else:
        total = np.asarray(counts.sum(axis=1)).ravel()
        x = sp.csr_matrix(sp.diags(np.median(total) / total) @ counts).log1p()
    path = folder / f"{name}.npz"
    np.savez(path, data=x.data.astype(np.float32), indices=x.indices, indptr=x.indptr, shape=x.shape, y=y)
    return path


def with_table(text: str, files: Iterable[Path]) -> str:
    """Return the text with the table between the two marks made anew from files of results."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table(files)}{END}{after}"


def table(files: Iterable[Path]) -> str:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for file in sorted(files):
        name, representation, _ = file.stem.rsplit("-", 2)
        groups[name, representation].append(json.loads(file.read_text()))
    lines = [
        "| data | representation | ACC | NMI | ARI | seeds | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (_, _, title) in DATASETS.items():
        for representation in ("neighbors", "autoencoder", "sdae"):
            results = groups.get((name, representation), [])
            if results:
                cells = " | ".join(spread([r["score"][key] for r in results]) for key in ("acc", "nmi", "ari"))
                seconds = median(result["run"]["seconds"]["total"] for result in results)
                lines.append(f"| {title} | {representation} | {cells} | {len(results)} | {seconds:.0f} |")
    return "\n".join(lines) + "\n"


def spread(values: list[float]) -> str:
    return f"{mean(values):.3f} ± {stdev(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


if __name__ == "__main__":
    main(sys.argv[1:])
