"""Write the tables of docs/performance.md and docs/scale.md from benchmarks/results and experiments/runs.

python benchmarks/table.py
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from timing import RESULTS

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"


def main() -> None:
    for path in (DOCS / "performance.md", DOCS / "scale.md"):
        path.write_text(with_tables(path.read_text()))


def with_tables(text: str) -> str:
    """Return the text with each table made anew from its file of results."""
    sys.path.insert(0, str(HERE.parent / "experiments"))
    from pages import renewed

    for name, rows in TABLES.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        if begin in text:
            text = renewed(text, begin, end, rows())
    return text


def results_of(name: str) -> list[dict[str, Any]]:
    return json.loads((RESULTS / f"{name}.json").read_text())["results"]


def machines() -> str:
    lines = []
    for name in ("steps", "peers", "search", "growth"):
        machine = json.loads((RESULTS / f"{name}.json").read_text())["machine"]
        lines.append([name, *machine.values()])
    return table(["file", "cores", "architecture", "instructions", "device", "precision", "torch"], lines)


def steps() -> str:
    rows = [
        [
            r["what"],
            r["batch"],
            r["precision"],
            f"{r['milliseconds']:.1f}",
            f"{r['products_milliseconds']:.1f}",
            f"{r['share']:.0%}",
        ]
        for r in results_of("steps")
    ]
    return table(["what", "rows a batch", "precision", "ms", "ms of bare products", "share"], rows)


def epochs() -> str:
    rows = [
        [r["what"], f"{r['torchdec']:.2f} s", f"{r['ClustPy']:.2f} s", f"{r['ratio']:.1f}"]
        for r in results_of("peers")
        if "ratio" in r
    ]
    return table(["MNIST", "torchdec", "ClustPy", "times faster"], rows)


def fits() -> str:
    rows = [
        [r["what"], f"{r['seconds']:.0f}", f"{r['acc']:.3f}", f"{r['nmi']:.3f}"]
        for r in results_of("peers")
        if "acc" in r
    ]
    return table(["MNIST, whole fits, one seed", "seconds", "ACC", "NMI"], rows)


def defaults() -> str:
    if not (RESULTS / "defaults.json").exists():
        return "Not measured yet.\n"
    rows = [
        [r["what"], f"{r['seconds']:,.0f}", f"{r['acc']:.3f}", f"{r['nmi']:.3f}"] for r in results_of("defaults")
    ]
    return table(["MNIST, one thread, one seed", "processor's seconds", "ACC", "NMI"], rows)


def precision() -> str:
    """Mean and standard deviation over seeds, from the run files of experiments/precision.toml."""
    from accuracy import spread

    from torchdec.study import read_plan, results

    groups: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for record, _ in results(read_plan(HERE.parent / "experiments" / "precision.toml")):
        groups[record["dataset"], record["settings"]["precision"]].append(record["score"])
    if len(groups) < 2:
        return "Not measured yet.\n"
    rows = [
        [*group, *(spread([score[key] for score in scores]) for key in ("acc", "nmi", "ari")), len(scores)]
        for group, scores in groups.items()
    ]
    return table(["data", "precision", "ACC", "NMI", "ARI", "seeds"], rows)


def search() -> str:
    rows = [[r["what"], f"{r['seconds']:.1f}", r.get("recall", "")] for r in results_of("search")]
    return table(["what", "seconds", "recall"], rows)


def growth() -> str:
    rows = [
        [f"{r['n']:,} x {r['d']}", f"{r['fit_s']:.0f}", f"{r['predict_s']:.1f}", r["fit_mb"]]
        for r in results_of("growth")
        if "n" in r
    ]
    return table(["rows", "fit, s", "predict, s", "memory of the fit, MB"], rows)


def exponents() -> str:
    rows = [
        [
            f"{r['between'][0]:,} to {r['between'][1]:,} x {r['d']}",
            *(r[f"{key}_exponent"] for key in ("fit_s", "predict_s", "fit_mb")),
        ]
        for r in results_of("growth")
        if "between" in r
    ]
    return table(["rows", "fit", "predict", "memory"], rows)


def scale() -> str:
    rows = [
        [
            f"{r['n']:,} x {r['d']}",
            r["stage_1"],
            f"{r['mb']:,}",
            f"{r['fit_peak_mb']:,}",
            r["predict_peak_mb"],
            f"{r['acc']:.3f}",
            r["threads"],
            f"{r['fit_s']:,.0f}",
            f"{r['self_training_rows_s']:,}",
            f"{r['n'] / r['predict_s']:,.0f}",
        ]
        for r in results_of("scale")
    ]
    headings = ["rows", "stage 1", "file, MB", "peak of the fit, MB", "peak of predict, MB", "ACC"]
    return table([*headings, "threads", "fit, s", "rows/s of self-training", "rows/s of predict"], rows)


def table(titles: list[str], rows: list[list[Any]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


TABLES = {
    "machines": machines,
    "steps": steps,
    "epochs": epochs,
    "fits": fits,
    "defaults": defaults,
    "precision": precision,
    "search": search,
    "growth": growth,
    "exponents": exponents,
    "scale": scale,
}

if __name__ == "__main__":
    main()
