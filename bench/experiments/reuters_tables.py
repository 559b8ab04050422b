"""Print the tables of torchdec_bench.datasets._generated, measured on reuters_rcv1sub.npz of TORCHDEC_DATA.

python bench/experiments/reuters_tables.py
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array


def main() -> None:
    for name, table in tables(Path(os.environ["TORCHDEC_DATA"])).items():
        print(f"{name} = {table}")


def tables(folder: Path) -> dict[str, Any]:
    with np.load(folder / "reuters_rcv1sub.npz") as file:
        y = file["y"]
        counts = csr_array((file["data"], file["indices"], file["indptr"]), shape=tuple(file["shape"]))
    n_rows, n_words = counts.shape
    lengths = np.diff(counts.indptr)
    levels = [*np.arange(0, 1, 0.1).round(1), 0.95, 0.98, 0.99, 0.995, 1.0]
    share = np.bincount(counts.indices, minlength=n_words) / n_rows
    # The rarest words fall off faster than a power of their rank.
    last = [1600, 1750, 1850, 1920, 1970, 1990, n_words]
    ranks = np.unique([*np.round(np.geomspace(1, 1437, 22)).astype(int), *last])
    times = np.bincount(np.minimum(counts.data, 12), minlength=13)[1:] / counts.nnz
    spreads = []
    for number in np.unique(y):
        members = y == number
        of_class = np.bincount(counts[members].indices, minlength=n_words) / members.sum()
        seen = of_class > 0
        spreads.append(np.log(of_class[seen] / share[seen]).std())
    return {
        "LEVELS": tuple(map(float, levels)),
        "WORDS_IN_ROW": tuple(np.quantile(lengths, levels).astype(int).tolist()),
        "RANKS": tuple(ranks.tolist()),
        "SHARE_OF_ROWS": tuple(np.sort(share)[::-1][ranks - 1].round(5).tolist()),
        "TIMES_IN_ROW": tuple(times.round(4).tolist()),
        "CLASS_SPREAD": round(float(np.mean(spreads)), 2),
        "MEAN_WORDS_IN_ROW": round(float(lengths.mean()), 1),
    }


if __name__ == "__main__":
    main()
