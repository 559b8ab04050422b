"""torchdec beside k-means, UMAP + HDBSCAN, BERTopic, EVoC, ClustPy, k-prototypes and scanpy's Leiden.

    python bench/experiments/comparison.py [METHOD ...]    comparison.json beside it: what is missing; then the
                                                           tables of docs/comparison.md
    python bench/experiments/comparison.py --table         the tables alone, from the file

Needs the extra `peers` of the kit, and for Leiden `pip install igraph`, which is GPL and so in no extra. Each fit
has a process of its own and one thread, one after another, after a small fit that compiles what is compiled. Every
method has the settings that its documentation gives, and k where it takes one. Labels serve for the scores alone.
"""

import json
import os
import resource
import subprocess
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np

from torchdec_bench.pages import renewed

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "benchmarks"))  # peers.py
RESULTS = HERE / "comparison.json"
DOCS = HERE.parents[1] / "docs" / "comparison.md"
BEGIN, END = "<!-- comparison: begin -->", "<!-- comparison: end -->"
SEEDS = range(3)
N_FIRST = 500  # rows of the fit that compiles


@dataclass(frozen=True)
class Data:
    """Rows as the methods take them: x for all, and for some what it was made of."""

    title: str
    k: int
    y: Any
    x: Any
    table: Any = None  # mixed_tables_data.Prepared
    texts: Any = None

    def some(self, places: Any) -> "Data":
        """Return some of the rows."""
        table = self.table and replace(
            self.table, frame=self.table.frame.iloc[places], matrix=self.table.matrix[places]
        )
        texts = self.texts and [self.texts[place] for place in places]
        return replace(self, y=self.y[places], x=self.x[places], table=table, texts=texts)


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--one"]:
        data, method, seed = arguments[1:]
        print(json.dumps(one(data, method, int(seed))))
        return
    if arguments != ["--table"]:
        for data, method, seed in missing(arguments or METHODS):
            command = [sys.executable, __file__, "--one", data, method, str(seed)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=ONE_THREAD)
            record = json.loads(done.stdout.splitlines()[-1])
            print(record, flush=True)
            keep([*records(), record])
    DOCS.write_text(with_tables(DOCS.read_text()))


def missing(methods: Any) -> Iterator[tuple[str, str, int]]:
    """Yield what the file lacks; a seed of all before the next."""
    done = {(record["data"], record["method"], record["seed"]) for record in records()}
    for seed in SEEDS:
        for data in DATA:
            for method in methods:
                if data in METHODS[method][1] and (data, method, seed) not in done:
                    yield data, method, seed


ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def one(name: str, method: str, seed: int) -> dict[str, Any]:
    from torchdec.metrics import ari, clustering_accuracy, nmi

    warnings.simplefilter("ignore")
    data, (fit, _) = DATA[name](), METHODS[method]
    if method != "ClustPy DEC":  # which compiles nothing, and takes minutes
        fit(data.some(np.random.default_rng(0).permutation(len(data.y))[:N_FIRST]), seed)
    began, used = perf_counter(), process_time()
    labels = np.asarray(fit(data, seed))
    seconds, cpu_seconds = perf_counter() - began, process_time() - used
    placed, has_one = with_noise_placed(data.x, labels), labels >= 0
    return {
        "data": name,
        "title": data.title,
        "k": data.k,
        "method": method,
        "seed": seed,
        "found": len(np.unique(labels[has_one])),
        "noise": round(1 - float(has_one.mean()), 4),
        "acc": round(float(clustering_accuracy(data.y, placed)), 4),
        "nmi": round(float(nmi(data.y, placed)), 4),
        "ari": round(float(ari(data.y, placed)), 4),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu_seconds, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "load": round(os.getloadavg()[0], 1),
        "versions": versions(),
    }


def with_noise_placed(x: Any, labels: Any) -> Any:
    """Give each row that is noise the cluster of the nearest row that isn't."""
    from sklearn.neighbors import KNeighborsClassifier

    noise = labels < 0
    if not 0 < noise.sum() < len(labels):
        return labels
    placed = labels.copy()
    placed[noise] = KNeighborsClassifier(1).fit(x[~noise], labels[~noise]).predict(x[noise])
    return placed


def versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for module, name in PACKAGES.items() if module in sys.modules}


PACKAGES = {"sklearn": "scikit-learn", "umap": "umap-learn"}
PACKAGES |= {
    name: name
    for name in ("torchdec", "torch", "hdbscan", "bertopic", "evoc", "clustpy", "kmodes", "scanpy", "igraph")
}


# Data


def pictures() -> Data:
    from torchdec_bench.datasets import load

    usps = load("usps")
    return Data("pictures: USPS, 9,298 x 256", 10, usps.y, usps.x.astype(np.float32))


def sentences() -> Data:
    folder = Path(os.environ["TORCHDEC_DATA"])
    with np.load(folder / "agnews_minilm.npz") as held, np.load(folder / "agnews8000.npz") as file:
        x, y, text = held["x"].astype(np.float32), held["y"], file["text"].tobytes()
        texts = [text[start:stop].decode() for start, stop in pairwise(file["offsets"])]
    return Data("sentences: AG news by MiniLM, 8,000 x 384", 4, y, x, texts=texts)


def cells() -> Data:
    from torchdec_bench.datasets import load

    pbmc = load("pbmc")
    return Data("cells: 10x PBMC, 4,271 x 2,000", 8, pbmc.y, pbmc.x.astype(np.float32))


def customers() -> Data:
    from mixed_tables_data import MADE, made

    return mixed("table, made: 2,000 x 12, half of it categories", *made(*MADE["made, unequal"], 1))


def patients() -> Data:
    import pandas as pd

    path = Path(os.environ["TORCHDEC_DATA"]) / "mixed" / "heart_c.csv"
    classes = pd.read_csv(path.with_suffix(".labels.csv"))["class"]
    return mixed("table: UCI heart (Cleveland), 303 x 13", pd.read_csv(path), pd.factorize(classes)[0])


def mixed(title: str, frame: Any, y: Any) -> Data:
    from mixed_tables_data import prepared

    table = prepared(frame)
    return Data(title, len(np.unique(y)), y, table.one_hot, table=table)


def moons() -> Data:
    from sklearn.datasets import make_moons

    x, y = make_moons(2000, noise=0.05, random_state=0)
    return Data("shapes: two half-moons, 2,000 x 2", 2, y, x.astype(np.float32))


def blobs() -> Data:
    from sklearn.datasets import make_blobs

    x, y = make_blobs(2000, cluster_std=[1.0, 2.5, 0.5], random_state=170)
    return Data("shapes: three round groups of unequal width, 2,000 x 2", 3, y, x.astype(np.float32))


# Methods


def torchdec(data: Data, seed: int) -> Any:
    from torchdec import DEC

    return DEC(data.k, random_state=seed).fit(data.table.frame if data.table else data.x).labels_


def kmeans(data: Data, seed: int) -> Any:
    from sklearn.cluster import KMeans

    # Of a table, levels weighted so that a category counts as much as a number.
    return KMeans(data.k, random_state=seed).fit(data.table.matrix if data.table else data.x).labels_


def umap_hdbscan(data: Data, seed: int) -> Any:
    """Follow "Using UMAP for Clustering" in UMAP's documentation."""
    from umap import UMAP

    flat = UMAP(n_neighbors=30, min_dist=0.0, n_components=2, random_state=seed).fit_transform(dense(data.x))
    return dense_groups(flat, data.k)


def hdbscan(data: Data, seed: int) -> Any:  # noqa: ARG001
    return dense_groups(data.x, data.k)


def dense_groups(x: Any, k: int) -> Any:
    """Find groups of at least a fourteenth of n / k: UMAP's documentation has 500 for MNIST's 7,000 a digit."""
    from hdbscan import HDBSCAN

    return HDBSCAN(min_samples=10, min_cluster_size=max(5, len(x) // (14 * k))).fit(x).labels_


def dense(x: Any) -> Any:
    # UMAP 0.5.12 fails on sparse rows of this size.
    return x.toarray() if hasattr(x, "toarray") else x


def bertopic(data: Data, seed: int) -> Any:
    return topics(data, seed, None)


def bertopic_reduced(data: Data, seed: int) -> Any:
    return topics(data, seed, data.k)


def topics(data: Data, seed: int, n_topics: int | None) -> Any:
    from peers import let_torchvision_import

    let_torchvision_import()
    from bertopic import BERTopic
    from bertopic.backend import BaseEmbedder
    from umap import UMAP

    # BERTopic's own, with a seed.
    flatten = UMAP(n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=seed)
    model = BERTopic(embedding_model=BaseEmbedder(), umap_model=flatten, nr_topics=n_topics)
    return model.fit_transform(data.texts, data.x)[0]


def evoc(data: Data, seed: int) -> Any:
    from evoc import EVoC

    return EVoC(approx_n_clusters=data.k, random_state=seed).fit(data.x).labels_


def clustpy(data: Data, seed: int) -> Any:
    from peers import let_torchvision_import

    let_torchvision_import()
    from clustpy.deep import DEC

    return DEC(data.k, random_state=seed, device="cpu").fit(data.x).labels_


def k_prototypes(data: Data, seed: int) -> Any:
    from kmodes.kprototypes import KPrototypes

    numbers, levels = data.table.numbers, data.table.levels
    values = np.hstack([numbers.astype(object), levels.astype(object)])
    kinds = list(range(numbers.shape[1], values.shape[1]))
    return KPrototypes(data.k, random_state=seed).fit_predict(values, categorical=kinds)


def leiden(data: Data, seed: int) -> Any:
    """Follow scanpy's tutorial after the normalisation, which all methods get."""
    import anndata
    import scanpy

    cells = anndata.AnnData(data.x)
    scanpy.pp.pca(cells, random_state=seed)
    scanpy.pp.neighbors(cells, random_state=seed)
    scanpy.tl.leiden(cells, flavor="igraph", n_iterations=2, directed=False, random_state=seed)
    return cells.obs["leiden"].astype(int).to_numpy()


DATA: dict[str, Callable[[], Data]] = {
    each.__name__: each for each in (pictures, sentences, cells, customers, patients, moons, blobs)
}
METHODS: dict[str, tuple[Callable[[Data, int], Any], tuple[str, ...]]] = {
    "torchdec": (torchdec, tuple(DATA)),
    "k-means": (kmeans, tuple(DATA)),
    "UMAP + HDBSCAN": (umap_hdbscan, ("pictures", "sentences", "cells", "customers", "patients")),
    "HDBSCAN": (hdbscan, ("moons", "blobs")),
    "EVoC": (evoc, ("pictures", "sentences")),
    "BERTopic": (bertopic, ("sentences",)),
    "BERTopic, nr_topics=k": (bertopic_reduced, ("sentences",)),
    "scanpy Leiden": (leiden, ("cells",)),
    "k-prototypes": (k_prototypes, ("customers", "patients")),
    "ClustPy DEC": (clustpy, ("pictures", "moons")),
}


def records() -> list[dict[str, Any]]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def keep(several: list[dict[str, Any]]) -> None:
    lines = ",\n".join(json.dumps(record) for record in several)
    RESULTS.write_text(f"[\n{lines}\n]\n")


def with_tables(text: str) -> str:
    """Return the text with the tables between the two marks made anew from the file of results."""
    of_data = defaultdict(lambda: defaultdict(list))
    for record in records():
        of_data[record["data"]][record["method"]].append(record)
    parts = []
    for data in DATA:
        if not (several := of_data[data]):
            continue
        title = next(iter(several.values()))[0]["title"]
        lines = [
            f"| {title} | clusters | in none | ACC | NMI | ARI | seconds | MB | seeds |",
            "|---" * 9 + "|",
        ]
        for method in METHODS:
            if own := several.get(method):
                # Other programs slow a fit and never speed it up, so the fastest one tells what it takes.
                values = {key: median(record[key] for record in own) for key in SHOWN}
                values["cpu_seconds"] = min(record["cpu_seconds"] for record in own)
                shown = [SHOWN[key].format(value) for key, value in values.items()]
                lines.append(f"| {method} | {' | '.join(shown)} | {len(own)} |")
        parts.append("\n".join(lines) + "\n")
    return renewed(text, BEGIN, END, "\n".join(parts))


SHOWN = {"found": "{:.0f}", "noise": "{:.0%}", **dict.fromkeys(("acc", "nmi", "ari"), "{:.3f}")}
SHOWN |= {"cpu_seconds": "{:,.1f}", "peak_mb": "{:,.0f}"}

if __name__ == "__main__":
    main(sys.argv[1:])
