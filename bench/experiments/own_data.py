"""Data as people have them, through the commands: a folder of 10,000 PNG files, 18,846 raw posts, counted cells.

    python bench/experiments/own_data.py [images|texts|cells]

It writes own_data.json and the table in docs/performance.md. Each is fitted by `torchdec fit` in its own
process, which leaves its page too; then `torchdec predict` assigns 1,000 other files, or a file of 1,000 of the
posts or cells. Labels are read after that, for the score.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from torchdec_bench.pages import renewed

HERE = Path(__file__).parent
RESULTS = HERE / "own_data.json"
DOCS = HERE.parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- own data: begin -->", "<!-- own data: end -->"
N_NEW = 1000


def main() -> None:
    cases = {"images": images, "texts": texts, "cells": cells}
    for name in sys.argv[1:] or cases:
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        with tempfile.TemporaryDirectory() as folder:
            results[name] = cases[name](Path(folder))
        print(results[name], flush=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    DOCS.write_text(with_table(DOCS.read_text()))


def images(folder: Path) -> dict[str, Any]:
    from PIL import Image

    from torchdec_bench.datasets import load

    mnist = load("mnist")
    rows, y = mnist.x.astype(np.float32), mnist.y
    for name, start, stop in (("digits", 0, 10_000), ("more", 60_000, 60_000 + N_NEW)):
        (folder / name).mkdir()
        for number in range(start, stop):
            image = Image.fromarray(rows[number].reshape(28, 28).astype(np.uint8))
            image.save(folder / name / f"{number:05}.png")
    title = "a folder of 10,000 PNG files, 28 x 28"
    return measured(title, folder, "digits", "more", 10, y[:10_000], y[60_000 : 60_000 + N_NEW])


def texts(folder: Path) -> dict[str, Any]:
    import pyarrow as pa
    from pyarrow import parquet

    with np.load(Path(os.environ["TORCHDEC_DATA"]) / "newsgroups20.npz") as file:
        text, offsets, y = file["text"].tobytes(), file["offsets"], file["y"]
    posts = [text[start:stop].decode() for start, stop in pairwise(offsets)]
    new = np.random.default_rng(0).choice(len(posts), N_NEW, replace=False)
    parquet.write_table(pa.table({"post": posts}), folder / "posts.parquet")
    parquet.write_table(pa.table({"post": [posts[i] for i in new]}), folder / "new.parquet")
    title = f"{len(posts):,} posts in a column of a .parquet"
    return measured(title, folder, "posts.parquet", "new.parquet", 20, y, y[new], "--text-column", "post")


def cells(folder: Path) -> dict[str, Any]:
    import pandas as pd
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    with np.load(Path(os.environ["TORCHDEC_DATA"]) / "sc_10x_pbmc_top2000.npz") as file:
        parts = file["data"].astype(np.float32), file["indices"], file["indptr"]
        counts, y = csr_matrix(parts, shape=file["shape"]), file["y"]
    new = np.random.default_rng(0).choice(len(y), N_NEW, replace=False)
    # anndata 0.12 cannot write the strings of pandas 3.
    pd.set_option("future.infer_string", False)
    AnnData(counts).write_h5ad(folder / "cells.h5ad")
    AnnData(counts[new]).write_h5ad(folder / "new.h5ad")
    return measured("10x PBMC, counts in an .h5ad", folder, "cells.h5ad", "new.h5ad", 8, y, y[new])


def measured(
    title: str, folder: Path, data: str, new: str, k: int, y: Any, y_new: Any, *options: str
) -> dict[str, Any]:
    from pyarrow import parquet

    from torchdec.metrics import clustering_accuracy, nmi

    run, predicted = folder / "run", folder / "predicted.parquet"
    fit_seconds = command("fit", folder / data, "-k", k, "-o", run, "--quiet", *options)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    predict_seconds = command("predict", run, folder / new, "-o", predicted, *options)
    labels = parquet.read_table(run / "assignments.parquet")["cluster"].to_numpy()
    of_new = parquet.read_table(predicted)["cluster"].to_numpy()
    record = json.loads((run / "run.json").read_text())
    return {
        "data": title,
        "shape": record["data"]["shape"],
        "clusters": k,
        "fit_seconds": round(fit_seconds, 1),
        "training_seconds": round(record["seconds"]["total"], 1),
        "peak_mb": round(peak),
        "predict_seconds": round(predict_seconds, 1),
        "acc": round(float(clustering_accuracy(y, labels)), 3),
        "nmi": round(float(nmi(y, labels)), 3),
        "acc_new": round(float(clustering_accuracy(y_new, of_new)), 3),
    }


def command(*arguments: object) -> float:
    began = perf_counter()
    subprocess.run([sys.executable, "-m", "torchdec", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - began


def with_table(text: str) -> str:
    """Return the text with the table between the two marks made anew from the file of results."""
    titles = ("data", "rows x features", "k", "fit and page, s", "of it training, s", "peak memory, MB")
    titles += ("predict 1,000, s", "ACC", "NMI")
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for about in json.loads(RESULTS.read_text()).values():
        n, d = about["shape"]
        names = ("fit_seconds", "training_seconds", "peak_mb", "predict_seconds", "acc", "nmi")
        cells = (about["data"], f"{n:,} x {d:,}", about["clusters"], *(about[name] for name in names))
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return renewed(text, BEGIN, END, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
