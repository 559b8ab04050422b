"""MNIST beside other libraries: seconds an epoch, whole fits, and the time to the accuracy of the paper.

    python bench/benchmarks/peers.py             prints and writes results/peers.json and fits.json (extra peers)
    python bench/benchmarks/peers.py --quick     prints the epochs, measured once each
    python bench/benchmarks/peers.py --fits      prints and writes results/fits.json alone. One thread
    python bench/benchmarks/peers.py --defaults  prints and writes results/defaults.json: ClustPy's DEC at its
                                           defaults, and the time to the accuracy of the paper. One thread, hours

Each library trains the net 784-500-500-2000-10 in batches of its own default, on the same rows, in turn. Seconds
an epoch are the difference between a fit of more and one of fewer epochs: nothing else that a fit does is counted.
Labels are read after the fits, for the accuracy. Rows that a method calls noise count as wrong; a
second figure gives them the cluster of the nearest row that has one. Whole fits run on one thread and are measured
by the processor's time, so other programs may run beside them, after a small fit that compiles what is compiled. A
side of the last that has its line in the file is not run again.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable
from functools import cache
from time import process_time
from typing import Any

import faiss
import numpy as np
import torch
from threadpoolctl import threadpool_limits
from timing import RESULTS, in_turn, seconds_of, write

from torchdec_bench.datasets import load

TO_THE_PAPER = "torchdec, no self-training"
N_FEW = 2000


def main(quick: bool) -> None:
    trained()  # not within what is timed
    results = [epochs("autoencoder", autoencoder_epochs, repeats=1 if quick else 3)]
    results.append(epochs("clustering", clustering_epochs, repeats=1 if quick else 3))
    if not quick:
        write("peers", results)
        whole_fits()


def whole_fits() -> None:
    on_one_thread()
    fits: dict[str, Callable[[Any], Any]] = {
        TO_THE_PAPER: to_the_paper,
        "torchdec, defaults": torchdec,
        "EVoC, asked for 10 clusters": evoc,
        "UMAP + fast_hdbscan": umap_fast_hdbscan,
        "UMAP + HDBSCAN": umap_hdbscan,
        "UMAP + k-means": lambda x: kmeans(umap(x)),
        "scikit-learn k-means, 20 starts": kmeans,
    }
    results = []
    for name, fit in fits.items():
        results.append(whole_fit(name, fit))
        write("fits", results)


def on_one_thread() -> None:
    torch.set_num_threads(1)
    threadpool_limits(1)
    os.environ["NUMBA_NUM_THREADS"] = "1"


def defaults() -> None:
    on_one_thread()
    path = RESULTS / "defaults.json"
    results = json.loads(path.read_text())["results"] if path.exists() else []
    sides = {TO_THE_PAPER: to_the_paper, "ClustPy DEC, defaults": lambda x: clustpy(100, 150, x)}
    for name, fit in sides.items():
        if name not in [result["what"] for result in results]:
            results.append(whole_fit(name, fit))
            write("defaults", results)


def epochs(what: str, libraries: dict[str, Callable[[int], Any]], repeats: int) -> dict[str, Any]:
    def slope(fit: Callable[[int], Any]) -> Callable[[], float]:
        return lambda: (seconds_of(lambda: fit(3)) - seconds_of(lambda: fit(1))) / 2

    for fit in libraries.values():
        fit(1)  # what a process does once is no part of an epoch
    seconds = in_turn({name: slope(fit) for name, fit in libraries.items()}, repeats)
    ours, theirs = seconds["torchdec"], seconds["ClustPy"]
    result = {"what": f"{what} epoch", "torchdec": ours, "ClustPy": theirs, "ratio": theirs / ours}
    print(result, flush=True)
    return result


def whole_fit(name: str, fit: Callable[[Any], Any]) -> dict[str, Any]:
    from torchdec.metrics import clustering_accuracy, nmi

    truth = load("mnist").y
    if "ClustPy" not in name:  # which compiles nothing, and takes hours
        fit(rows()[:N_FEW])
    began = process_time()
    labels = np.asarray(fit(rows()))
    seconds = process_time() - began
    sure = labels >= 0
    placed = with_noise_placed(labels)
    result = {
        "what": name,
        "seconds": round(seconds, 1),
        "noise": round(1 - float(sure.mean()), 4),
        "acc": round(clustering_accuracy(truth[sure], labels[sure]) * float(sure.mean()), 4),
        "acc_noise_placed": round(clustering_accuracy(truth, placed), 4),
        "nmi": round(nmi(truth, placed), 4),
    }
    print(result, flush=True)
    return result


def with_noise_placed(labels: np.ndarray) -> np.ndarray:
    """Give each row that is noise the cluster of the nearest row that is not."""
    noise = np.flatnonzero(labels < 0)
    if not 0 < len(noise) < len(labels):
        return labels
    others, placed = np.flatnonzero(labels >= 0), labels.copy()
    _, nearest = faiss.knn(rows()[noise], rows()[others], 1)
    placed[noise] = labels[others[nearest[:, 0]]]
    return placed


@cache
def rows() -> np.ndarray:
    return load("mnist").x.astype(np.float32)


def kmeans(x: Any) -> Any:
    from sklearn.cluster import KMeans

    return KMeans(10, n_init=20, random_state=0).fit(x).labels_


def umap(x: Any) -> Any:
    from umap import UMAP

    return UMAP(random_state=0, n_jobs=1).fit_transform(x)


def autoencoder(n_epochs: int) -> Any:
    from torchdec import Autoencoder

    return Autoencoder(max_epochs=n_epochs, max_steps=10**6, random_state=0).fit(rows())


@cache
def trained() -> Any:
    from sklearn.frozen import FrozenEstimator

    return FrozenEstimator(autoencoder(1))


def torchdec_clustering(n_updates: int) -> Any:
    from torchdec import DEC

    model = DEC(10, representation=trained(), tol=0, patience=99, max_iter=n_updates, random_state=0)
    return model.fit(rows())


def torchdec(x: Any) -> Any:
    from torchdec import DEC

    return DEC(10, random_state=0).fit(x).labels_


def to_the_paper(x: Any) -> Any:
    from torchdec import DEC

    return DEC(10, max_iter=0, random_state=0).fit(x).labels_


def clustpy(pretrain_epochs: int, clustering_epochs: int, x: Any) -> Any:
    let_torchvision_import()
    from clustpy.deep import DEC

    model = DEC(
        10, pretrain_epochs=pretrain_epochs, clustering_epochs=clustering_epochs, random_state=0, device="cpu"
    )
    return model.fit(x / 255).labels_


@cache  # which also keeps the library of operators, gone as soon as nobody holds it
def let_torchvision_import() -> torch.library.Library:
    """ClustPy imports torchvision for image data; its operators are missing beside a torch without CUDA."""
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    return library


def umap_hdbscan(x: Any) -> Any:
    from sklearn.cluster import HDBSCAN

    return HDBSCAN(min_cluster_size=len(x) // 140, copy=True).fit(umap(x)).labels_


def umap_fast_hdbscan(x: Any) -> Any:
    from fast_hdbscan import HDBSCAN

    return HDBSCAN(min_cluster_size=len(x) // 140).fit(umap(x)).labels_


def evoc(x: Any) -> Any:
    from evoc import EVoC

    return EVoC(approx_n_clusters=10, random_state=0).fit(x).labels_


autoencoder_epochs = {"torchdec": autoencoder, "ClustPy": lambda n: clustpy(n, 0, rows())}
clustering_epochs = {"torchdec": torchdec_clustering, "ClustPy": lambda n: clustpy(1, n, rows())}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if "--defaults" in sys.argv[1:]:
        defaults()
    elif "--fits" in sys.argv[1:]:
        whole_fits()
    else:
        main("--quick" in sys.argv[1:])
