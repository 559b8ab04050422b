"""Write the tables of docs/performance.md, docs/scale.md and docs/deploy.md from the files of results.

python bench/benchmarks/table.py
"""

import json
from pathlib import Path
from typing import Any

from timing import RESULTS

from torchdec_bench.pages import renewed

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"


def main() -> None:
    for path in (DOCS / "performance.md", DOCS / "scale.md", DOCS / "deploy.md"):
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


def scale() -> str:
    rows = [
        [
            f"{r['n']:,} x {r['d']}",
            r["stage_1"] if full else "autoencoder, cut short",
            f"{r['fit_peak_mb']:,}",
            r["predict_peak_mb"],
            *([f"{r['acc']:.3f}", f"{r['fit_s']:,.0f}"] if full else ["", ""]),
            f"{r['self_training_rows_cpu_s']:,}" if full else "",
            f"{r['n'] / r['predict_s']:,.0f}",
        ]
        for r in results_of("scale")
        for full in [r["stage_1"] != "short"]
    ]
    headings = ["rows", "stage 1", "peak of the fit, MB", "peak of predict, MB", "ACC"]
    return table([*headings, "fit, s", "rows/s of self-training", "rows/s of predict"], rows)


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


def page() -> str:
    rows = [
        [r["rows"], f"{r['n']:,}", f"{r['processor_s']:.1f}", f"{r['seconds']:.1f}", f"{r['mb']:.1f}"]
        for r in results_of("report")
    ]
    return table(["rows", "n", "processor, s", "clock, s", "page, MB"], rows)


def table(titles: list[str], rows: list[list[Any]]) -> str:
    if not rows:
        return "Not measured yet.\n"
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


TABLES = {
    "epochs": epochs,
    "fits": fits,
    "page": page,
    "scale": scale,
    "serving": serving,
}

if __name__ == "__main__":
    main()
