"""Which rows are seen to belong nowhere: those of classes that the fit never saw, and scatter among its rows.

    python bench/experiments/novelty.py     novelty.json: what is missing; then the table of docs/clusters.md

Five seeds of the fit. Labels tell which rows are of the new class, and score; nothing else knows them.
"""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from torchdec_bench.pages import renewed

HERE = Path(__file__).parent
RESULTS = HERE / "novelty.json"
DOCS = HERE.parents[1] / "docs" / "clusters.md"
BEGIN, END = "<!-- novelty: begin -->", "<!-- novelty: end -->"
TOPICS, WIDTH = 30, 384
SEEDS = range(5)

Array = NDArray[Any]


def main() -> None:
    warnings.simplefilter("ignore")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"new classes": [], "noise": []}
    for kind, measured, several in (
        ("new classes", recognised, cases),
        ("noise", left_out, contaminated),
    ):
        for case in several():
            for seed in SEEDS:
                named = {"rows": case[0], "seed": seed} | ({"new": case[1]} if kind == "new classes" else {})
                if not any(named.items() <= result.items() for result in results[kind]):
                    results[kind].append(named | rounded(measured(*case, seed)))
                    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    DOCS.write_text(with_table(DOCS.read_text()))


def cases() -> Iterator[tuple[str, str, Array, Array, Array, int]]:
    """Yield a name, what is new, rows of the fit, others of their classes, rows that are new, and k."""
    from torchdec_bench.datasets import load

    digits, y = load_digits(return_X_y=True)
    for out in ((8, 9), (0, 1)):
        known = digits[~np.isin(y, out)]
        yield f"digits without {out[0]}, {out[1]}", "these", known[:1100], known[1100:], digits[np.isin(y, out)], 8
    topics, of = embeddings(4000, seed=11)
    later, new = embeddings(1500, seed=12, new_topic=0.15)
    random = np.random.default_rng(0).normal(size=(300, WIDTH)).astype(np.float32)
    name = f"embeddings of {TOPICS} topics"
    yield name, "a new topic", topics[of >= 0], later[(new >= 0) & (new < TOPICS)], later[new == TOPICS], TOPICS
    yield name, "random vectors", topics[of >= 0], later[(new >= 0) & (new < TOPICS)], unit(random), TOPICS
    usps = load("usps")
    some = np.random.default_rng(0).permutation(len(usps.x))[:4000]
    x, y = usps.x[some].astype(np.float32), usps.y[some]
    known = x[~np.isin(y, (4, 7))]
    yield "USPS without 4, 7", "these", known[:2500], known[2500:], x[np.isin(y, (4, 7))], 8


def recognised(name: str, what: str, fit: Array, known: Array, new: Array, k: int, seed: int) -> dict[str, float]:
    from torchdec import DEC

    print(name, what, seed, flush=True)
    model = DEC(k, random_state=seed).fit(fit)
    rows = np.vstack([known, new])
    is_new = np.repeat([False, True], [len(known), len(new)])
    rejected = model.predict(rows, reject=0.05) < 0
    far = NearestNeighbors(n_neighbors=5).fit(fit).kneighbors(rows)[0].mean(axis=1)
    return {
        "auc": roc_auc_score(is_new, model.outlier_scores(rows)),
        "of 5-NN": roc_auc_score(is_new, far),
        "of 1 - confidence": roc_auc_score(is_new, 1 - model.predict_proba(rows).max(axis=1)),
        "known rejected": rejected[~is_new].mean(),
        "new rejected": rejected[is_new].mean(),
    }


def contaminated() -> Iterator[tuple[str, Array, Array, int]]:
    """Yield a name, rows, which of them are scatter, and k."""
    from torchdec_bench.datasets import load

    rows, topics = embeddings(10_000, seed=1)
    yield f"embeddings of {TOPICS} topics, 5 % scatter", rows, topics < 0, TOPICS
    yield f"embeddings of {TOPICS} topics", rows[topics >= 0], np.zeros((topics >= 0).sum(), dtype=bool), TOPICS
    usps = load("usps").x.astype(np.float32)
    yield "USPS", usps, np.zeros(len(usps), dtype=bool), 10
    for read, title, k in (
        (load_digits, "digits", 10),
        (load_iris, "iris", 3),
        (load_wine, "wine", 3),
        (load_breast_cancer, "breast cancer", 2),
    ):
        rows = read().data
        yield title, rows, np.zeros(len(rows), dtype=bool), k


def left_out(name: str, rows: Array, is_scatter: Array, k: int, seed: int) -> dict[str, float]:
    from torchdec import DEC

    print(name, seed, flush=True)
    model = DEC(k, noise="auto", random_state=seed).fit(rows)
    out = model.labels_ < 0
    result = {"of the others": out[~is_scatter].mean()}
    if is_scatter.any():
        without = DEC(k, random_state=seed).fit_predict(rows)
        result["of the scatter"] = out[is_scatter].mean()
        result["auc"] = roc_auc_score(is_scatter, model.outlier_scores(rows))
        result["worst cluster"] = share_of_scatter(model.labels_, is_scatter)
        result["worst cluster without noise"] = share_of_scatter(without, is_scatter)
    return result


def share_of_scatter(labels: Array, is_scatter: Array) -> float:
    """Return the largest share of scatter in any cluster."""
    return float(max(is_scatter[labels == label].mean() for label in np.unique(labels[labels >= 0])))


def embeddings(n: int, seed: int, new_topic: float = 0.0) -> tuple[Array, Array]:
    """Make unit vectors of topics of unequal sizes under six others; 5 % are scatter (-1), some of a new topic."""
    fixed = np.random.default_rng(7)
    above = fixed.normal(size=(6, WIDTH))
    middles = 0.8 * above[np.arange(TOPICS) % 6] + 0.8 * fixed.normal(size=(TOPICS, WIDTH))
    shares = 1 / np.arange(1, TOPICS + 1) ** 0.8
    random = np.random.default_rng(seed)
    topics = random.choice(TOPICS, size=n, p=shares / shares.sum())
    bases = fixed.normal(size=(TOPICS, 12, WIDTH))
    rows = middles[topics] + 0.22 * np.einsum("nk,nkd->nd", random.normal(size=(n, 12)), bases[topics])
    rows += 0.55 * random.normal(size=(n, WIDTH))
    scatter = random.random(n) < 0.05
    rows[scatter] = 1.2 * random.normal(size=(scatter.sum(), WIDTH))
    topics[scatter] = -1
    if new_topic:
        new = random.random(n) < new_topic
        middle = 1.1 * np.random.default_rng(99).normal(size=WIDTH)
        rows[new], topics[new] = middle + 0.6 * random.normal(size=(new.sum(), WIDTH)), TOPICS
    return unit(rows).astype(np.float32), topics


def unit(rows: Array) -> Array:
    made: Array = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return made


def rounded(result: dict[str, float]) -> dict[str, float]:
    plain = {key: round(float(value), 4) for key, value in result.items()}
    print(plain, flush=True)
    return plain


def with_table(text: str) -> str:
    """Return the text with the table between its marks made anew from the file of results."""
    results = json.loads(RESULTS.read_text())
    lines = [
        "| fit on | new rows | AUC of the score | of 5-NN | of 1 - confidence | `reject=0.05`: known | new |",
        "|---|---|---|---|---|---|---|",
    ]
    keys = ("auc", "of 5-NN", "of 1 - confidence", "known rejected", "new rejected")
    for (rows, new), several in grouped(results["new classes"], "rows", "new"):
        told = [spread([r[key] for r in several], "%" if "rejected" in key else "") for key in keys]
        lines.append(f"| {rows} | {new} | {' | '.join(told)} |")
    return renewed(text, BEGIN, END, "\n".join(lines) + "\n")


def grouped(results: list[dict[str, Any]], *keys: str) -> Iterator[tuple[tuple[str, ...], list[dict[str, Any]]]]:
    for names in dict.fromkeys(tuple(result[key] for key in keys) for result in results):
        yield names, [result for result in results if tuple(result[key] for key in keys) == names]


def spread(values: list[float], unit: str) -> str:
    """Return the mean over seeds and, where it isn't 0, the standard deviation."""
    scale, digits = (100, 1) if unit else (1, 3)
    middle, deviation = (f"{scale * value:.{digits}f}" for value in (np.mean(values), np.std(values, ddof=1)))
    return f"{middle}{unit}" if not float(deviation) else f"{middle}{unit} ± {deviation}"


if __name__ == "__main__":
    main()
