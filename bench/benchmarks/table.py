"""Write the tables of docs/performance.md, docs/scale.md and docs/other-tools.md from the files of results.

python bench/benchmarks/table.py
"""

import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from timing import NET, RESULTS

from torchdec_bench.pages import renewed, spread
from torchdec_bench.study import read_plan, results

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
# Of a network of 10 Gbit/s.
NET_BYTES_S = 1.25e9


def main() -> None:
    for path in (DOCS / "performance.md", DOCS / "scale.md", DOCS / "other-tools.md"):
        path.write_text(with_tables(path.read_text()))


def with_tables(text: str) -> str:
    """Return the text with each table made anew from its file of results."""
    for name, rows in TABLES.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        if begin in text:
            text = renewed(text, begin, end, rows())
    return text


def results_of(name: str) -> list[dict[str, Any]]:
    """Return the results of a file; none where there is no file."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text())["results"] if path.exists() else []


def machines() -> str:
    lines = []
    for name in ("steps", "peers", "fits", "search", "growth"):
        if not results_of(name):
            continue
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
    ]
    return table(["MNIST", "torchdec", "ClustPy", "times faster"], rows)


def fits() -> str:
    rows = [
        [r["what"], f"{r['seconds']:.0f}", f"{r['noise']:.1%}"]
        + [f"{r[key]:.3f}" for key in ("acc", "acc_noise_placed", "nmi")]
        for r in results_of("fits")
    ]
    titles = ["MNIST, whole fits, one seed", "processor's seconds", "noise", "ACC", "ACC, noise placed", "NMI"]
    return table(titles, rows)


def defaults() -> str:
    rows = [
        [r["what"], f"{r['seconds']:,.0f}", f"{r['acc']:.3f}", f"{r['nmi']:.3f}"] for r in results_of("defaults")
    ]
    return table(["MNIST, one thread, one seed", "processor's seconds", "ACC", "NMI"], rows)


def precision() -> str:
    """Mean and standard deviation over seeds, from the results of experiments/precision.toml."""
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
            r["stage_1"] if full else "autoencoder, cut short",
            f"{r['mb']:,}",
            f"{r['fit_peak_mb']:,}",
            r["predict_peak_mb"],
            *([f"{r['acc']:.3f}", r["threads"], f"{r['fit_s']:,.0f}"] if full else ["", r["threads"], ""]),
            f"{r['self_training_rows_cpu_s']:,}" if full else "",
            f"{r['n'] / r['predict_s']:,.0f}",
        ]
        for r in results_of("scale")
        for full in [r["stage_1"] != "short"]
    ]
    headings = ["rows", "stage 1", "file, MB", "peak of the fit, MB", "peak of predict, MB", "ACC"]
    return table([*headings, "threads", "fit, s", "rows/s of self-training", "rows/s of predict"], rows)


def row_bytes() -> str:
    rows = [
        [r["what"], *(f"{peak:,}" for peak in r["peaks_mb"]), f"{r['bytes_a_row']:.0f}"]
        for r in results_of("row_bytes")
    ]
    sizes = (f"peak with {n:,} rows, MB" for n in results_of("row_bytes")[0]["rows"])
    return table(["what", *sizes, "bytes a row"], rows)


def workers() -> str:
    results = results_of("workers")
    alone = results[0]
    parts = ("steps_s", "self_training_s", "fit_s")
    rows = [
        [
            f"{r['workers']} of {r['threads']}",
            *(f"{r[part]:.1f} ({alone[part] / r[part]:.2f})" for part in parts),
            f"{r['acc']:.4f}",
        ]
        for r in results
    ]
    return table(["workers, of threads", "steps, s (times)", "self-training", "whole fit", "ACC"], rows)


def scoring() -> str:
    rows = [
        [
            f"{r['n']:,} x {r['d']}",
            r["files"],
            r["killed"],
            r["rows_missing"],
            r["rows_twice"],
            f"{r['seconds']:.0f}",
        ]
        for r in results_of("scoring")
    ]
    return table(["rows", "files", "workers killed", "rows missing", "rows twice", "seconds"], rows)


def serving() -> str:
    rows = [
        [
            r["what"],
            r["rate"],
            f"{r['p50_ms']:.1f}",
            f"{r['p99_ms']:.1f}",
            *([r["server_ms"], f"{r['start_mb']} to {r['end_mb']}"] if r["what"] == "serve" else ["", ""]),
        ]
        for r in results_of("serving")
    ]
    titles = ["what", "rows/s", "median, ms", "99 %, ms", "server's processor time a request, ms"]
    return table([*titles, "server's memory, start to end, MB"], rows)


def on_paper() -> str:
    """Times of one core as measured at the largest size; sums over the net by a ring, which moves them twice."""
    measured = max(results_of("scale"), key=lambda r: (r["n"], r["stage_1"] == "neighbors"))
    of_a_row = next(r["bytes_a_row"] for r in results_of("row_bytes") if r["what"] == "fit")
    n_weights = sum(a * b + b for a, b in pairwise(NET))
    exchange = 2 * 4 * n_weights / NET_BYTES_S
    lines = []
    for n in (10**7, 10**8, 10**9):
        update = n / measured["self_training_rows_cpu_s"]
        lines.append(
            [
                f"10^{len(str(n)) - 1}",
                f"{n * measured['d'] / 1e9:,.0f}",
                f"{n * of_a_row / 1e9:.1f}",
                f"{n * measured['predict_s'] / measured['n'] / 3600:.1f}",
                f"{update / 3600:.1f}",
                *(f"{-(-n // batch) * exchange / 3600:.2f}" for batch in (256, 16_384)),
            ]
        )
    titles = [
        "rows of 784 bytes",
        "file, GB",
        "kept of the rows, GB",
        "a pass, core hours",
        "an update, core hours",
    ]
    return table([*titles, "its exchange, h, batches of 256", "of 16,384"], lines)


def table(titles: list[str], rows: list[list[Any]]) -> str:
    if not rows:
        return "Not measured yet.\n"
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
    "row bytes": row_bytes,
    "workers": workers,
    "scoring": scoring,
    "serving": serving,
    "on paper": on_paper,
}

if __name__ == "__main__":
    main()
