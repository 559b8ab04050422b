"""Measure accuracy and time on the data sets of TORCHDEC_DATA: one file of results a case.

    python experiments/measure.py                   all cases that have no file in experiments/runs yet
    python experiments/measure.py mnist-neighbors-0 these cases
    python experiments/measure.py 'usps-*'          all cases of this form, missing or not
    python experiments/measure.py --table           the tables in README.md and docs/accuracy.md, from the files

A case is DATASET-METHOD-SEED. Every method has one setting for all data sets; it gets the rows, k and a seed.
Labels are read after the fit, for the score.
"""

import json
import os
import platform
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache, partial
from pathlib import Path
from statistics import mean, median, stdev
from time import perf_counter
from typing import Any

import numpy as np

HERE = Path(__file__).parent
RUNS = HERE / "runs"
TABLES = {HERE.parent / "README.md": ("neighbors",), HERE.parent / "docs" / "accuracy.md": None}
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
SEEDS = range(5)


@dataclass(frozen=True)
class Dataset:
    title: str
    file: str
    n_clusters: int
    image_shape: tuple[int, int] | None = None


DATASETS = {
    "mnist": Dataset("MNIST, 70,000 x 784", "mnist.npz", 10, (28, 28)),
    "usps": Dataset("USPS, 9,298 x 256", "usps.npz", 10, (16, 16)),
    "fashion": Dataset("Fashion-MNIST, 70,000 x 784", "fashion_mnist.npz", 10),
    "reuters10k": Dataset("REUTERS-10k rebuilt, 10,000 x 2,000", "reuters_rcv1sub.npz", 4),
    "pbmc": Dataset("10x PBMC, 4,271 x 2,000", "sc_10x_pbmc_top2000.npz", 8),
    "newsgroups": Dataset("20 newsgroups, 18,846 x 2,000", "newsgroups20.npz", 20),
    "agnews": Dataset("AG news titles, 8,000 x 2,000", "agnews8000.npz", 4),
    "bladder": Dataset("Mouse bladder, 2,746 x 2,003", "sc_mouse_bladder_top2000.npz", 16),
}
COUNTS = {"reuters10k": "text", "pbmc": "cells", "bladder": "cells"}


def kmeans(dataset: str, seed: int) -> Any:
    from sklearn.cluster import KMeans

    rows, k = rows_of(dataset), DATASETS[dataset].n_clusters
    return KMeans(k, n_init=20, random_state=seed).fit(rows).labels_


def umap(dataset: str, seed: int, metric: str = "euclidean") -> Any:
    from sklearn.cluster import KMeans
    from umap import UMAP

    rows, k = rows_of(dataset), DATASETS[dataset].n_clusters
    code = UMAP(metric=metric, random_state=seed, n_jobs=1).fit_transform(rows)
    return KMeans(k, n_init=20, random_state=seed).fit(code).labels_


def ldmgi(dataset: str, seed: int) -> Any:
    from torchdec.baselines import LDMGI

    return LDMGI(DATASETS[dataset].n_clusters, random_state=seed).fit(rows_of(dataset))


def sec(dataset: str, seed: int, laplacian: str = "graph") -> Any:
    from torchdec.baselines import SEC

    return SEC(DATASETS[dataset].n_clusters, laplacian=laplacian, random_state=seed).fit(rows_of(dataset))


@cache
def stage_1(representation: str, dataset: str, seed: int) -> tuple[Any, float]:
    """Train the representation that several methods share; return it frozen, and the seconds that it took."""
    from sklearn.frozen import FrozenEstimator

    from torchdec import Autoencoder, NeighborEncoder

    estimator = {"autoencoder": Autoencoder, "neighbors": NeighborEncoder}[representation]
    began = perf_counter()
    trained = estimator(random_state=seed).fit(rows_of(dataset))
    return FrozenEstimator(trained), perf_counter() - began


def dec(representation: str, *, shift_rotate: bool = False, **parameters: Any) -> Callable[[str, int], Any]:
    def fit(dataset: str, seed: int) -> Any:
        from torchdec import DEC
        from torchdec.augment import ShiftRotate

        augment = ShiftRotate(DATASETS[dataset].image_shape) if shift_rotate else None
        frozen, _ = stage_1(representation, dataset, seed)
        model = DEC(
            DATASETS[dataset].n_clusters, representation=frozen, augment=augment, random_state=seed, **parameters
        )
        return model.fit(rows_of(dataset))

    fit.representation = representation
    fit.settings = {"representation": representation, "shift_rotate": shift_rotate, **parameters}
    return fit


# name: (title, how)
METHODS: dict[str, tuple[str, Callable[[str, int], Any]]] = {
    "kmeans": ("k-means on the rows", kmeans),
    "umap": ("UMAP + k-means", umap),
    "umapcosine": ("UMAP (cosine) + k-means", partial(umap, metric="cosine")),
    "ldmgi": ("LDMGI", ldmgi),
    "sec": ("SEC", sec),
    "seclocal": ("SEC, local models", partial(sec, laplacian="local")),
    "ae": ("autoencoder + k-means", dec("autoencoder", max_iter=0)),
    "dec": ("DEC, autoencoder", dec("autoencoder")),
    "idec": ("IDEC, autoencoder", dec("autoencoder", reconstruction_weight=10)),
    "code": ("neighbors + k-means", dec("neighbors", max_iter=0)),
    "neighbors": ("DEC, neighbors (default)", dec("neighbors")),
    "augmented": ("DEC, neighbors, shift-rotate", dec("neighbors", shift_rotate=True)),
}
CASES = [
    f"{dataset}-{method}-{seed}"
    for methods in (
        ("neighbors", "code", "augmented"),
        ("kmeans",),
        ("umap",),
        ("umapcosine",),
        ("ae", "dec", "idec"),
    )
    for dataset in ("usps", "pbmc", "reuters10k", "bladder", "agnews", "newsgroups", "mnist", "fashion")
    for seed in SEEDS
    for method in methods
    if method != "augmented" or DATASETS[dataset].image_shape
]


def main(arguments: list[str]) -> None:
    if arguments == ["--table"]:
        for path, methods in TABLES.items():
            path.write_text(with_table(path.read_text(), RUNS.glob("*.json"), methods))
        return
    wanted = [case for case in CASES if any(fnmatch(case, pattern) for pattern in arguments)]
    for case in wanted if arguments else [case for case in CASES if not path_of(case).exists()]:
        print(case, flush=True)
        result = measure(case)
        path_of(case).write_text(json.dumps(result, indent=1) + "\n")
        print(f"  {result['score']} in {result['seconds']:.0f} s", flush=True)


def path_of(case: str) -> Path:
    return RUNS / f"{case}.json"


def measure(case: str) -> dict[str, Any]:
    import warnings

    from torchdec.metrics import ari, clustering_accuracy, nmi
    from torchdec.runs import _record

    dataset, method, seed = case.split("-")
    title, how = METHODS[method]
    rows_of(dataset)  # reading the file is not what is measured
    shared = getattr(how, "representation", None)
    extra = stage_1(shared, dataset, int(seed))[1] if shared else 0.0
    began = perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = how(dataset, int(seed))
    seconds = perf_counter() - began + extra
    labels = getattr(fitted, "labels_", fitted)
    truth = labels_of(dataset)
    result = {
        "dataset": DATASETS[dataset].title,
        "method": title,
        "settings": getattr(how, "settings", {}),
        "seed": int(seed),
        "score": {
            "acc": clustering_accuracy(truth, labels),
            "nmi": nmi(truth, labels),
            "ari": ari(truth, labels),
        },
        "seconds": round(seconds, 2),
        "sizes": sorted(np.bincount(labels).tolist(), reverse=True),
        "warnings": sorted({str(warning.message) for warning in caught}),
        "versions": _record.installed_versions(),
        "machine": {"cores": os.cpu_count(), "architecture": platform.machine(), "simd": simd()},
    }
    if hasattr(fitted, "history_"):
        result["history"] = _record.plain_history(fitted.history_)
    return result


def simd() -> str:
    import torch

    from torchdec._core.compute import resolve

    return f"{torch.backends.cpu.get_cpu_capability()}, {resolve('cpu').precision}"


@cache
def parts(dataset: str) -> dict[str, Any]:
    with np.load(Path(os.environ["TORCHDEC_DATA"]) / DATASETS[dataset].file) as file:
        return {name: file[name] for name in file.files if name not in ("text", "vocab")}


def labels_of(dataset: str) -> Any:
    y = parts(dataset)["y"]
    return y[:10_000] if dataset == "reuters10k" else y


@cache
def rows_of(dataset: str) -> Any:
    """Return the rows with the usual preparation of counts, made from the rows alone; float32, dense or CSR."""
    import scipy.sparse as sp
    from sklearn.feature_extraction.text import TfidfTransformer

    file = parts(dataset)
    if "x" in file:
        return file["x"].astype(np.float32)
    rows = sp.csr_matrix((file["data"].astype(np.float32), file["indices"], file["indptr"]), shape=file["shape"])
    if COUNTS.get(dataset) == "text":
        return TfidfTransformer(norm="l2", sublinear_tf=True).fit_transform(rows)[:10_000]
    if COUNTS.get(dataset) == "cells":
        total = np.asarray(rows.sum(axis=1)).ravel()
        return sp.csr_matrix(sp.diags(np.median(total) / total) @ rows).log1p().astype(np.float32)
    return rows


def with_table(text: str, files: Iterable[Path], methods: tuple[str, ...] | None) -> str:
    """Return the text with the table between the two marks made anew from files of results."""
    return renewed(text, BEGIN, END, table(files, methods or tuple(METHODS)))


def renewed(text: str, begin: str, end: str, content: str) -> str:
    """Return the text with other content between the two marks."""
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{content}{end}{after}"


def table(files: Iterable[Path], methods: tuple[str, ...]) -> str:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for file in sorted(files):
        dataset, method, _ = file.stem.split("-")
        groups[dataset, method].append(json.loads(file.read_text()))
    lines = ["| data | method | ACC | NMI | ARI | seeds | seconds |", "|---|---|---|---|---|---|---|"]
    for dataset, about in DATASETS.items():
        for method in methods:
            results = groups.get((dataset, method), [])
            if results:
                cells = " | ".join(spread([r["score"][key] for r in results]) for key in ("acc", "nmi", "ari"))
                seconds = median(result["seconds"] for result in results)
                title = METHODS[method][0]
                lines.append(f"| {about.title} | {title} | {cells} | {len(results)} | {seconds:.0f} |")
    return "\n".join(lines) + "\n"


def spread(values: list[float]) -> str:
    return f"{mean(values):.3f} ± {stdev(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


if __name__ == "__main__":
    main(sys.argv[1:])
