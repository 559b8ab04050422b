"""A model that is used on: refits that keep their numbers, weeks with a new topic, and answers about rows.

    python bench/experiments/living.py                what is missing in living.json; tables of docs/over-time.md
    python bench/experiments/living.py digits ...     these alone, anew (a data set that answers, weeks, regions)

Labels answer the questions, and score; no fit sees them.
"""

import itertools
import json
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from cobras import Cobras
from novelty import TOPICS, embeddings
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from torchdec_bench.pages import renewed

HERE = Path(__file__).parent
RESULTS = HERE / "living.json"
DOCS = HERE.parents[1] / "docs" / "over-time.md"
# Of AG news, what answers gain depends on the fit.
DATA = {"usps": (0,), "agnews_minilm": (0, 1, 2, 3, 4), "digits": (0,), "pbmc": (0,)}
ANSWERS, PER_ROUND = 50, 10

Array = NDArray[Any]


def main() -> None:
    warnings.simplefilter("ignore")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"answers": []}
    for name in sys.argv[1:]:
        results.pop(name, None)
        results["answers"] = [line for line in results["answers"] if line["data"] != name]
    wanted = sys.argv[1:] or ("weeks", "regions", *DATA)
    for name, measured in (("weeks", weeks), ("regions", regions)):
        if name in wanted and name not in results:
            results[name] = measured()
            write(results)
    known = {(line["data"], line["seed"]) for line in results["answers"]}
    for case in [(name, seed) for name, seeds in DATA.items() for seed in seeds if name in wanted]:
        if case not in known:
            results["answers"] += answers(*case)
            write(results)
    DOCS.write_text(with_tables(DOCS.read_text()))


def write(results: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def with_tables(text: str) -> str:
    """Put the tables of the results into the page."""
    results = json.loads(RESULTS.read_text())
    tables = {
        "living": week_table(results["weeks"]),
        "answers": answer_table(results["answers"]),
        "regions": region_table(results["regions"]),
    }
    for mark, table in tables.items():
        text = renewed(text, f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->", "\n".join(table) + "\n")
    return text


def weeks() -> dict[str, Any]:
    """Refit on rows of which two thirds are those of before; then a week as before, and one with a new topic."""
    from torchdec import DEC, update
    from torchdec.clusters import align, drift

    x, topic = embeddings(10_000, seed=1)
    old = DEC(TOPICS, random_state=0).fit(x[:7500])
    old.cluster_names_ = [f"topic {number}" for number in range(TOPICS)]
    again = align(DEC(TOPICS, random_state=0).fit(x[2500:]), old, x[2500:])
    shared = again.predict(x[2500:7500])
    before = old.labels_[2500:]
    names = np.array(again.cluster_names_)[shared] == np.array(old.cluster_names_)[before]
    result = {"kept": (names & (shared == before)).mean()}
    for name, fraction in (("calm", 0.0), ("new", 0.15)):
        week, topic = embeddings(5000, seed=3, new_topic=fraction)
        updated = update(old, week)
        opened = updated.edits_[-1]["opened"]
        inside = np.isin(updated.labels_, opened)
        result[name] = {
            "drifted": drift(old, week).drifted,
            "opened": len(opened),
            "recall": inside[topic == TOPICS].mean() if fraction else None,
            "changed": (updated.predict(x[:7500]) != old.labels_).mean(),
            "drifted after": drift(updated, week).drifted,
        }
    return json.loads(json.dumps(result, default=float))


def regions() -> list[dict[str, Any]]:
    """Fit two models of 20 topics of which they share 10, and make one of them; new rows have all 30 topics."""
    from torchdec import DEC, update
    from torchdec.clusters import merge_models
    from torchdec.metrics import clustering_accuracy

    x, topic = embeddings(6000, seed=1)
    week, topic_of_week = embeddings(5000, seed=3)
    is_one = np.random.default_rng(0).random(len(x)) < 0.5
    first, second = is_one & np.isin(topic, range(20)), ~is_one & np.isin(topic, range(10, 30))
    one, two = DEC(20, random_state=0).fit(x[first]), DEC(20, random_state=1).fit(x[second])
    both, topics = np.concatenate([x[first], x[second]]), np.concatenate([topic[first], topic[second]])
    known = topic_of_week >= 0  # the others are scatter
    models = {
        "the first": one,
        "`update` of the first by the rows of the second": update(one, x[second]),
        "`merge_models`": merge_models(one, two, both),
    }
    return [
        {
            "model": name,
            "k": len(model.cluster_names_),
            "acc": round(float(clustering_accuracy(topics, model.predict(both))), 4),
            "acc of new rows": round(
                float(clustering_accuracy(topic_of_week[known], model.predict(week[known]))), 4
            ),
        }
        for name, model in models.items()
    ]


def answers(name: str, seed: int) -> list[dict[str, Any]]:
    """Refine by answers to questions that the model asks, and to random ones; of USPS two classes were merged."""
    from torchdec import DEC
    from torchdec.clusters import merge

    x, y = rows_of(name)
    model = DEC(len(np.unique(y)), random_state=seed).fit(x)
    line = {"data": name, "seed": seed}
    lines = [line | {"how": "as fitted", "answers": 0} | scored(model.labels_, y)]
    if name == "usps":
        classes = [np.bincount(y[model.labels_ == cluster]).argmax() for cluster in range(10)]
        model = merge(model, classes.index(3), classes.index(8))
    for how in ("asked", "random"):
        lines += [line | {"how": how} | found for found in refined(model, x, y, how)]
    cobras = Cobras(model.transform(x), lambda a, b: bool(y[a] == y[b]))
    cobras.run(ANSWERS)
    for n in range(0, ANSWERS + 1, PER_ROUND):
        lines.append(line | {"how": "COBRAS", "answers": n} | scored(cobras.after(n), y))
    return lines


def rows_of(name: str) -> tuple[Array, Array]:
    from torchdec_bench.datasets import load

    if name == "digits":
        x, y = load_digits(return_X_y=True)
    elif name == "agnews_minilm":  # titles of news through a sentence encoder
        file = np.load(Path(os.environ["TORCHDEC_DATA"]) / f"{name}.npz")
        x, y = file["x"], file["y"]
    else:
        x, y = load(name).x, load(name).y
    return x.astype(np.float32), y.astype(int)


def refined(model: Any, x: Array, y: Array, how: str) -> Iterator[dict[str, Any]]:
    """Ask round after round, each from what is known by then, and refine the model by all of it.

    Random questions follow from nothing, so they are one round.
    """
    from torchdec.clusters import ask, refine

    yield {"answers": 0} | scored(model.predict(x), y)
    draws = np.random.default_rng(0)
    known: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    per_round = PER_ROUND if how == "asked" else ANSWERS
    for n in range(per_round, ANSWERS + 1, per_round):
        if how == "asked":
            pairs = ask(model, x, per_round, together=known[True], apart=known[False])
        else:
            pairs = [tuple(draws.choice(x.shape[0], 2, replace=False).tolist()) for _ in range(per_round)]
        for a, b in pairs:
            known[bool(y[a] == y[b])].append((a, b))
        found = refine(model, x, together=known[True], apart=known[False])
        yield {"answers": n, "broken": len(found.edits_[-1]["broken"])} | scored(found.labels_, y)


def scored(labels: Array, y: Array) -> dict[str, Any]:
    from torchdec.metrics import clustering_accuracy, nmi

    scores = {"acc": round(float(clustering_accuracy(y, labels)), 4), "nmi": round(float(nmi(y, labels)), 4)}
    line = {"k": len(np.unique(labels)), **scores}
    print(line, flush=True)
    return line


def week_table(found: dict[str, Any]) -> list[str]:
    rows = [
        "| 5,000 rows | drift | clusters opened | new topic in them | rows of the fit that change | drift after |",
        "|---|---|---|---|---|---|",
    ]
    for name, week in (("like those of the fit", found["calm"]), ("15 % of a new topic", found["new"])):
        recall = "" if week["recall"] is None else f"{week['recall']:.1%}"
        drift, after = ("yes" if week[key] else "no" for key in ("drifted", "drifted after"))
        rows.append(f"| {name} | {drift} | {week['opened']} | {recall} | {week['changed']:.2%} | {after} |")
    kept = f"A refit that shares two thirds of the rows: {found['kept']:.1%} of these keep number and name."
    return [*rows, "", kept]


def region_table(found: list[dict[str, Any]]) -> list[str]:
    rows = ["| model | clusters | accuracy, rows of both fits | new rows |", "|---|---|---|---|"]
    return rows + [
        f"| {line['model']} | {line['k']} | {line['acc']:.3f} | {line['acc of new rows']:.3f} |" for line in found
    ]


def answer_table(lines: list[dict[str, Any]]) -> list[str]:
    counts = (0, 20, ANSWERS)  # the file has every round
    titles = ("accuracy after so many answers", *map(str, counts), "gained, each fit", f"{ANSWERS} random")
    rows = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for (data, seeds), how in itertools.product(DATA.items(), ("asked", "COBRAS")):
        own = [[of(lines, data, seed, how, n) for seed in seeds] for n in counts]
        cells = [f"{np.mean(of_fits):.3f}" for of_fits in own]
        if how == "asked":
            random = [of(lines, data, seed, "random", ANSWERS) for seed in seeds]
            gained = [f"{last - first:.3f}" for first, last in zip(own[0], own[-1], strict=True)]
            cells += [", ".join(gained), f"{np.mean(random):.3f}"]
        else:  # starts from one cluster of all rows
            cells += ["", ""]
        of_seeds = f" ({len(seeds)} fits)" if len(seeds) > 1 else ""
        rows.append(f"| {data}{of_seeds}, {how} | {' | '.join(cells)} |")
    return rows


def of(lines: list[dict[str, Any]], data: str, seed: int, how: str, answers: int) -> float:
    """Return the accuracy of one fit after so many answers."""
    wanted = {"data": data, "seed": seed, "how": how, "answers": answers}
    (found,) = (line for line in lines if wanted.items() <= line.items())
    return float(found["acc"])


if __name__ == "__main__":
    main()
