"""Tables of numbers and kinds: torchdec beside what is used for them, five seeds each.

    python bench/experiments/mixed_tables.py [METHOD ...]    mixed_tables.json beside it: what is missing; then the
                                                             table of docs/tables.md
    python bench/experiments/mixed_tables.py --table         the table alone, from the file

Needs the extra `tables` of the kit. torchdec gets the tables as they are; all other methods get the columns that
it makes of them. Labels serve for the scores alone; seconds are those of the processor, with one thread.
"""

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean
from time import process_time
from typing import Any

import numpy as np
from mixed_tables_data import Prepared, Table, made, prepared, tables
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from torchdec_bench.pages import renewed, spread

SEEDS = range(5)
RESULTS = Path(__file__).with_suffix(".json")
DOCS = Path(__file__).parents[2] / "docs" / "tables.md"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
# Neither goes on for ever where it does not settle.
MOST_PASSES = 100


def main(arguments: list[str]) -> None:
    if arguments != ["--table"]:
        # One after the other: what a method imports may leave threads behind, whose time would be the next one's.
        for method in arguments or METHODS:
            for record in measured(method):
                keep([*records(), record])
    DOCS.write_text(with_table(DOCS.read_text()))


def measured(method: str) -> Iterator[dict[str, Any]]:
    """Yield a record of each table and seed that the file lacks; a seed of all tables before the next."""
    done = {(record["table"], record["seed"]) for record in records() if record["method"] == method}
    small = Table("", "", *made(60, (0.5, 0.5), 2, 2, 2, 0))
    one(small, prepared(small.frame), method, 0)  # importing and compiling is no part of the seconds
    for seed in SEEDS:
        for table in tables():
            if (table.name, seed) not in done and (seed == 0 or method not in WITHOUT_SEED):
                yield one(table, prepared(table.frame), method, seed)


def one(table: Table, columns: Prepared, method: str, seed: int) -> dict[str, Any]:
    start = process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        labels = METHODS[method](columns, table.n_clusters, seed)
    record = {
        "table": table.name,
        "group": table.group,
        "n": len(table.classes),
        "numbers": columns.numbers.shape[1],
        "kinds": len(columns.kinds),
        "k": table.n_clusters,
        "method": method,
        "seed": seed,
        "ari": float(adjusted_rand_score(table.classes, labels)),
        "seconds": process_time() - start,
    }
    print(record, flush=True)
    return record


def by_torchdec(columns: Prepared, k: int, seed: int) -> NDArray[Any]:
    from torchdec import DEC

    return DEC(k, random_state=seed).fit(columns.frame).labels_


def by_latent_classes(columns: Prepared, k: int, seed: int) -> NDArray[Any]:
    from torchdec._core.latent_classes import latent_classes
    from torchdec.rows import as_rows

    return latent_classes(as_rows(columns.matrix), columns.kinds, k, random_state=seed)


def by_kmeans(columns: Prepared, k: int, seed: int) -> NDArray[Any]:
    from sklearn.cluster import KMeans

    return KMeans(k, n_init=10, random_state=seed).fit(columns.matrix).labels_


def by_kprototypes(columns: Prepared, k: int, seed: int) -> NDArray[Any]:
    from kmodes.kmodes import KModes
    from kmodes.kprototypes import KPrototypes
    from sklearn.cluster import KMeans

    numbers, levels = columns.numbers, columns.levels
    if not levels.shape[1]:
        return KMeans(k, n_init=10, random_state=seed).fit(numbers).labels_
    if not numbers.shape[1]:
        return KModes(k, random_state=seed).fit_predict(levels)
    values = np.hstack([numbers.astype(object), levels.astype(object)])
    kinds = list(range(numbers.shape[1], values.shape[1]))
    return KPrototypes(k, n_init=3, max_iter=MOST_PASSES, random_state=seed).fit_predict(values, categorical=kinds)


def by_famd(columns: Prepared, k: int, seed: int) -> NDArray[Any]:
    import pandas as pd
    import prince
    from sklearn.cluster import KMeans

    numbers, levels = columns.numbers, columns.levels
    frame = pd.DataFrame({f"number {place}": values for place, values in enumerate(numbers.T)})
    for place, values in enumerate(levels.T):
        frame[f"kind {place}"] = values.astype(str).astype(object)
    n_components = min(10, columns.matrix.shape[1] - len(columns.kinds))
    settings = {"n_components": n_components, "random_state": seed}
    if not levels.shape[1]:
        reduce = prince.PCA(**settings)
    else:
        reduce = prince.FAMD(**settings) if numbers.shape[1] else prince.MCA(**settings)
    components = reduce.fit(frame).transform(frame).to_numpy()
    return KMeans(k, n_init=10, random_state=seed).fit(components).labels_


def by_gower(columns: Prepared, k: int, seed: int) -> NDArray[Any]:  # noqa: ARG001
    import gower
    from sklearn.cluster import AgglomerativeClustering

    numbers, levels = columns.numbers, columns.levels
    values = np.hstack([numbers.astype(object), levels.astype(str).astype(object)])
    is_kind = [False] * numbers.shape[1] + [True] * levels.shape[1]
    if not numbers.shape[1]:  # gower needs a number
        distances = np.mean([column[:, None] != column for column in levels.T], axis=0)
    else:
        distances = gower.gower_matrix(values, cat_features=is_kind)
    return AgglomerativeClustering(k, metric="precomputed", linkage="average").fit_predict(distances)


def by_gaussians(columns: Prepared, k: int, seed: int) -> NDArray[Any]:
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(k, reg_covar=1e-3, n_init=3, max_iter=MOST_PASSES, random_state=seed)
    return model.fit_predict(columns.one_hot)


def by_umap(columns: Prepared, k: int, seed: int) -> NDArray[Any]:  # noqa: ARG001
    import umap
    from sklearn.cluster import HDBSCAN

    embedding = umap.UMAP(n_components=2, min_dist=0.0, random_state=seed, n_jobs=1).fit_transform(columns.one_hot)
    return HDBSCAN(min_cluster_size=max(5, len(embedding) // 50)).fit_predict(embedding)


METHODS: dict[str, Callable[..., NDArray[Any]]] = {
    "torchdec": by_torchdec,
    "its classes alone": by_latent_classes,
    "k-means": by_kmeans,
    "FAMD, k-means": by_famd,
    "Gower, average linkage": by_gower,
    "Gaussians, one-hot": by_gaussians,
    "k-prototypes": by_kprototypes,
    "UMAP, HDBSCAN, one-hot": by_umap,
}
WITHOUT_SEED = {"Gower, average linkage"}


def records() -> list[dict[str, Any]]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def keep(several: list[dict[str, Any]]) -> None:
    lines = ",\n".join(json.dumps(record) for record in several)
    RESULTS.write_text(f"[\n{lines}\n]\n")


def with_table(text: str) -> str:
    """Return the text with the table between the two marks made anew from the file of results."""
    return renewed(text, BEGIN, END, table())


def table() -> str:
    """Return the mean ARI of each method on each group of tables, and the seconds."""
    several = records()
    groups = {
        group: [record for record in several if record["group"] == group]
        for group in dict.fromkeys(record["group"] for record in several)
    }
    lines = [
        f"| method | {' | '.join(map(titled, groups.values()))} | seconds |",
        "|---" * (2 + len(groups)) + "|",
    ]
    for method in METHODS:
        means = " | ".join(mean_of_seeds(own, method) for own in groups.values())
        seconds = mean(record["seconds"] for record in several if record["method"] == method)
        lines.append(f"| {method} | {means} | {seconds:.1f} |")
    return "\n".join(lines) + "\n"


def titled(own: list[dict[str, Any]]) -> str:
    return f"{own[0]['group']}, {len({record['table'] for record in own})} tables"


def mean_of_seeds(own: list[dict[str, Any]], method: str) -> str:
    """Return the mean over tables, and how it differs from seed to seed."""
    by_seed = [
        [record["ari"] for record in own if record["method"] == method and record["seed"] == seed]
        for seed in SEEDS
    ]
    n_tables = len({record["table"] for record in own})
    return spread([mean(values) for values in by_seed if len(values) == n_tables])


if __name__ == "__main__":
    main(sys.argv[1:])
