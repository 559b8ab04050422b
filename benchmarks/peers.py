"""MNIST beside other libraries: seconds an epoch, whole fits, and the time to the accuracy of the paper.

    python benchmarks/peers.py             prints and writes benchmarks/results/peers.json (needs .[bench])
    python benchmarks/peers.py --quick     prints the epochs, measured once each
    python benchmarks/peers.py --defaults  ClustPy's DEC at its defaults as well: half an hour on 2 cores

Each library trains the net 784-500-500-2000-10 in batches of its own default, on the same rows, in turn. Seconds
an epoch are the difference between a fit of more and one of fewer epochs: nothing else that a fit does is counted.
Labels are read after the fits, for the accuracy.
"""

import sys
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from timing import in_turn, seconds_of, write

from torchdec.datasets import load

ENOUGH_STEPS = 500


def main(quick: bool, defaults: bool) -> None:
    warnings.simplefilter("ignore")
    results = [epochs("autoencoder", autoencoder_epochs, repeats=1 if quick else 3)]
    results.append(epochs("clustering", clustering_epochs, repeats=1 if quick else 3))
    if not quick:
        fits: dict[str, Callable[[], Any]] = {
            f"torchdec, {ENOUGH_STEPS} steps, no self-training": to_the_paper,
            "torchdec, defaults": torchdec,
            "scikit-learn k-means, 20 starts": kmeans,
            "UMAP + k-means": umap,
            "UMAP + HDBSCAN": umap_hdbscan,
        }
        if defaults:
            fits["ClustPy DEC, defaults"] = lambda: clustpy(100, 150)
        results += [whole_fit(name, fit) for name, fit in fits.items()]
        write("peers", results)


def epochs(what: str, libraries: dict[str, Callable[[int], Any]], repeats: int) -> dict[str, Any]:
    def slope(fit: Callable[[int], Any]) -> Callable[[], float]:
        return lambda: (seconds_of(lambda: fit(3)) - seconds_of(lambda: fit(1))) / 2

    seconds = in_turn({name: slope(fit) for name, fit in libraries.items()}, repeats)
    ours, theirs = seconds["torchdec"], seconds["ClustPy"]
    result = {"what": f"{what} epoch", "torchdec": ours, "ClustPy": theirs, "ratio": theirs / ours}
    print(result, flush=True)
    return result


def whole_fit(name: str, fit: Callable[[], Any]) -> dict[str, Any]:
    from torchdec.metrics import clustering_accuracy, nmi

    labels, truth = [], load("mnist").y
    rows()
    seconds = seconds_of(lambda: labels.append(fit()))
    result = {
        "what": name,
        "seconds": round(seconds, 1),
        "acc": round(clustering_accuracy(truth, labels[0]), 4),
        "nmi": round(nmi(truth, labels[0]), 4),
    }
    print(result, flush=True)
    return result


@cache
def rows() -> np.ndarray:
    return load("mnist").x.astype(np.float32)


def kmeans() -> Any:
    from sklearn.cluster import KMeans

    return KMeans(10, n_init=20, random_state=0).fit(rows()).labels_


def umap() -> Any:
    from sklearn.cluster import KMeans
    from umap import UMAP

    return KMeans(10, n_init=20, random_state=0).fit(UMAP(random_state=0, n_jobs=1).fit_transform(rows())).labels_


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


def torchdec() -> Any:
    from torchdec import DEC

    return DEC(10, random_state=0).fit(rows()).labels_


def to_the_paper() -> Any:
    from torchdec import DEC, NeighborEncoder

    model = DEC(10, representation=NeighborEncoder(max_steps=ENOUGH_STEPS), max_iter=0, random_state=0)
    return model.fit(rows()).labels_


def clustpy(pretrain_epochs: int, clustering_epochs: int) -> Any:
    let_torchvision_import()
    from clustpy.deep import DEC

    model = DEC(
        10, pretrain_epochs=pretrain_epochs, clustering_epochs=clustering_epochs, random_state=0, device="cpu"
    )
    return model.fit(rows() / 255).labels_


@cache  # which also keeps the library of operators, gone as soon as nobody holds it
def let_torchvision_import() -> torch.library.Library:
    """ClustPy imports torchvision for image data; its operators are missing beside a torch without CUDA."""
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    return library


def umap_hdbscan() -> Any:
    from sklearn.cluster import HDBSCAN
    from umap import UMAP

    code = UMAP(random_state=0, n_jobs=1).fit_transform(rows())
    return HDBSCAN(min_cluster_size=500, copy=True).fit(code).labels_


autoencoder_epochs = {"torchdec": autoencoder, "ClustPy": lambda n: clustpy(n, 0)}
clustering_epochs = {"torchdec": torchdec_clustering, "ClustPy": lambda n: clustpy(1, n)}

if __name__ == "__main__":
    main("--quick" in sys.argv[1:], "--defaults" in sys.argv[1:])
