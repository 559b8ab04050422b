"""Write the tables of docs/reproduction.md, and draw its figures, from the results of the paper's plans.

    python bench/experiments/reproduction.py

What a plan has no result for yet is named; `torchdec-bench study PLAN` makes it.
"""

from collections import defaultdict
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import Any

import reproduction_figures as figures
import run_time
from paper_numbers import ACCURACY, IMBALANCE, NUMBER

from torchdec_bench.pages import as_code, renewed, spread
from torchdec_bench.study import Plan, read_plan, results

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reproduction.md"
IMAGES = HERE.parents[1] / "docs" / "images"
# The paper's order, with the second form of SEC after the first, and what the paper has not at the end.
METHODS = [*[*ACCURACY][:3], "SEC, local models", *[*ACCURACY][3:], "DEC, neighbors (default)"]
PAPER_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)

Record = dict[str, Any]


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    PAGE.write_text(with_tables(PAGE.read_text()))
    for name in TABLES:
        for kind, figure in figures_of(name, results(read_plan(HERE / f"{name}.toml"))).items():
            save(figure(), name, kind)


def with_tables(text: str) -> str:
    """Return the page with what stands between its marks made anew from the results."""
    for name in TABLES:
        text = renewed(text, f"<!-- {name}: begin -->", f"<!-- {name}: end -->", section(name))
    return renewed(text, run_time.BEGIN, run_time.END, run_time.table())


def section(name: str) -> str:
    plan = read_plan(HERE / f"{name}.toml")
    found = results(plan)
    records = [record for record, _ in found]
    if not records:
        return "Not run yet.\n"
    shown = [f"![{TITLES[kind]}](images/{name}-{kind}.png)\n" for kind in figures_of(name, found)]
    parts = [table for make in TABLES[name] if (table := make(records))]
    seconds = sum(record["seconds"] for record in records)
    versions = sorted({f"torchdec {r['versions']['torchdec']}, torch {r['versions']['torch']}" for r in records})
    machines = sorted({f"{r['machine']['architecture']} ({r['machine']['simd']})" for r in records})
    sources = sorted({f"{record['dataset']}: {record['source']}" for record in records})
    about = f"{len(records)} fits, {seconds:,.0f} s in all; {'; '.join(versions)}; {'; '.join(machines)}."
    return (
        "\n".join([*parts, *shown, about, "", *(f"- {source}" for source in sources), *missing(plan, records)])
        + "\n"
    )


def missing(plan: Plan, records: list[Record]) -> list[str]:
    """Say which cases of a plan have no result yet."""
    done = [record["case"] for record in records]
    left: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for case in plan.cases:
        if case.plain() not in done:
            left[case.data][case.method] += 1
    if not left:
        return []
    named = "; ".join(
        f"{data}: {', '.join(f'{count} of `{method}`' for method, count in own.items())}"
        for data, own in left.items()
    )
    return [f"- Not run yet, {len(plan.cases) - len(done)} of {len(plan.cases)} fits: {named}."]


def named(record: Record) -> str:
    n_rows = record["case"]["n_rows"]
    return f"{n_rows:,} rows of {record['dataset']}" if n_rows else str(record["dataset"])


def accuracy(records: list[Record]) -> str:
    """Make a table of what was run with nothing varied but data, method and seed (tables 2 and 3)."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        case = record["case"]
        if not (case["settings"] or case["r_min"] or case["hold_out"] or case["n_clusters"]):
            groups[named(record), record["method"]].append(record)
    datasets = list(dict.fromkeys(data for data, _ in groups))
    lines = [
        [
            data,
            method,
            spread([100 * r["score"]["acc"] for r in own], 2),
            str(ACCURACY.get(method, {}).get(own[0]["case"]["data"], "")),
            spread([r["score"]["nmi"] for r in own], 3),
            str(len(own)),
            seconds(own),
        ]
        for data in datasets
        for method in METHODS
        if (own := groups.get((data, method)))
    ]
    return markdown(["data", "method", "ACC, %", "paper, best of nine", "NMI", "seeds", "seconds"], lines)


def best_of_nine(records: list[Record]) -> str:
    """Make a table of the best setting of each method, by the labels, as table 2 of the paper has it."""
    groups: dict[tuple[str, str], list[tuple[float, float, Record]]] = defaultdict(list)
    for record in records:
        settings = record["case"]["settings"]
        value = settings.get("update_interval", settings.get("weight"))
        if value is not None:
            groups[named(record), record["method"]].append((100 * record["score"]["acc"], -value, record))
    lines = []
    for (data, method), own in sorted(groups.items(), key=lambda item: METHODS.index(item[0][1])):
        (best, value, record), (worst, _, _) = max(own, key=itemgetter(0, 1)), min(own, key=itemgetter(0, 1))
        paper = str(ACCURACY.get(method, {}).get(record["case"]["data"], ""))
        lines.append([data, method, str(len(own)), f"{best:.2f}", f"{-value:g}", f"{worst:.2f}", paper])
    lines.sort(key=itemgetter(0))
    titles = ["data", "method", "settings", "best ACC, %", "with", "worst ACC, %", "paper, best of nine"]
    return markdown(titles, lines)


def imbalance(records: list[Record]) -> str:
    groups: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if record["case"]["r_min"]:
            groups[record["method"]][record["case"]["r_min"]].append(100 * record["score"]["acc"])
    shares = sorted({share for own in groups.values() for share in own})
    of_paper = all(record["case"]["data"] == "mnist" for record in records)
    lines = []
    for method in filter(groups.__contains__, METHODS):
        lines.append([method, *(counted(groups[method][share]) for share in shares)])
        if of_paper and method in IMBALANCE:
            paper = dict(zip(PAPER_SHARES, IMBALANCE[method], strict=True))
            lines.append([f"*{method}, paper*", *(f"{paper[share]:.2f}" for share in shares)])
    return markdown(["ACC, %", *(f"r_min = {share}" for share in shares)], lines)


def counted(values: list[float]) -> str:
    return f"{spread(values, 2)} ({len(values)})" if len(values) > 1 else spread(values, 2)


def number(records: list[Record]) -> str:
    """Make a table of the scores of rows that are held out, by the number of clusters (figure 6)."""
    lines = []
    for record in sorted(records, key=lambda record: record["case"]["n_clusters"]):
        k, out = record["case"]["n_clusters"], record["held_out"]
        paper = [f"{value:.3f}" for value in NUMBER.get(k, ())] or ["", ""]
        own = [f"{value:.3f}" for value in (record["score"]["nmi"], out["nmi"], out["generalizability"])]
        lines.append([str(k), own[0], own[1], paper[0], own[2], paper[1]])
    return markdown(["k", "NMI of fitted rows", "NMI, held out", "NMI, paper", "G", "G, paper"], lines)


def faithful(records: list[Record]) -> str:
    lines = []
    for record in records:
        case = record["case"]
        recipe = as_code(case["stage_1"]) or "the paper's"
        scores = [f"{100 * record['score']['acc']:.2f}", f"{record['score']['nmi']:.3f}"]
        stage_3 = [*self_training(case["settings"]), str(record["updates"])]
        lines.append([recipe, str(record["seed"]), *stage_3, *scores, seconds([record])])
    titles = ["stage 1", "seed", "steps an update", "stops by", "updates", "ACC, %", "NMI", "seconds"]
    return markdown(titles, sorted(lines, key=lambda line: (line[0] != "the paper's", *line[:2])))


def self_training(settings: dict[str, Any]) -> list[str]:
    """Name the steps between updates and what ends them."""
    if settings["max_iter"] == 0:
        return ["", "k-means alone"]
    rule = "the paper's" if "patience" in settings else "the paper's, or no new low of changes"
    return [str(settings["update_interval"]), rule]


TABLES: dict[str, list[Callable[[list[Record]], str]]] = {
    "paper-quick": [accuracy, imbalance],
    "paper-accuracy": [accuracy],
    "paper-sensitivity": [best_of_nine],
    "paper-imbalance": [imbalance],
    "paper-number": [number],
    "paper-pictures": [],
    "paper-faithful": [faithful],
}


def seconds(records: list[Record]) -> str:
    """Return the median of the seconds of processor time, or of the clock's in files that have no other."""
    return f"{median(r.get('cpu_seconds', r['seconds']) for r in records):.0f}"


def markdown(titles: list[str], lines: list[list[str]]) -> str:
    if not lines:
        return ""
    return "".join(f"| {' | '.join(line)} |\n" for line in (titles, ["---"] * len(titles), *lines))


def figures_of(name: str, found: list[tuple[Record, dict[str, Any]]]) -> dict[str, Callable[[], Any]]:
    """Return what draws each figure that there are records for."""
    records = [record for record, _ in found]
    swept = [r for r in records if {"update_interval", "weight"} & r["case"]["settings"].keys()]
    held_out = [r for r in records if "generalizability" in r.get("held_out", {})]
    pictured = [(record, arrays) for record, arrays in found if arrays]
    pictured.sort(key=lambda pair: pair[0]["case"]["settings"]["max_iter"])
    wanted: dict[str, Callable[[], Any]] = {}
    if swept and name != "paper-faithful":
        wanted["sensitivity"] = lambda: figures.sensitivity(swept)
    if held_out:
        wanted["number"] = lambda: figures.number(held_out)
    if pictured:
        (first, at_start), (_, at_end) = pictured[0], pictured[-1]
        wanted["clusters"] = lambda: figures.cluster_images(at_end["exemplars"], shape_of(first))
        wanted["gradient"] = lambda: figures.gradient(at_start, shape_of(first))
        wanted["updates"] = lambda: figures.updates(pictured)
    return wanted


TITLES = {
    "sensitivity": "Accuracy over the settings of each method; the paper's dotted",
    "number": "NMI of held-out rows and generalizability over the number of clusters",
    "clusters": "The ten rows nearest to each centre, after the last update",
    "gradient": "Length of the gradient against confidence, at the first update",
    "updates": "The embedding after several updates, by t-SNE",
}


def shape_of(record: Record) -> tuple[int, int]:
    from torchdec_bench.datasets import load

    height, width = load(record["case"]["data"]).image_shape
    return height, width


def save(figure: Any, name: str, kind: str) -> None:
    import matplotlib.pyplot as plt

    for suffix in ("png", "svg"):
        metadata = {"Date": None} if suffix == "svg" else {}
        figure.savefig(IMAGES / f"{name}-{kind}.{suffix}", dpi=110, metadata=metadata)
    plt.close(figure)


if __name__ == "__main__":
    main()
