"""Write the tables of docs/reproduction.md, and draw its figures, from the results of the paper's plans.

    python bench/experiments/reproduction.py

What a plan has no result for yet is named; `torchdec-bench study PLAN` makes it.
"""

from collections import defaultdict
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
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
    about = f"{len(records)} fits, {sum(record['seconds'] for record in records):,.0f} s in all."
    return "\n".join([*parts, *shown, about, *missing(plan, records)]) + "\n"


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
    return ["", f"Not run yet, {len(plan.cases) - len(done)} of {len(plan.cases)} fits: {named}."]


def accuracy(records: list[Record]) -> str:
    """Make a table of what was run with nothing varied but data, method and seed (tables 2 and 3)."""

    def cell(own: list[Record]) -> str:
        return spread([100 * record["score"]["acc"] for record in own], 2)

    return by_data(records, cell)


def best_of_nine(records: list[Record]) -> str:
    """Make a table of the best and the worst setting of each method, by the labels, as figure 2 has it."""

    def cell(own: list[Record]) -> str:
        scores = [100 * record["score"]["acc"] for record in own]
        return f"{max(scores):.2f}, {min(scores):.2f}"

    return by_data(records, cell)


def by_data(records: list[Record], cell: Callable[[list[Record]], str]) -> str:
    """Make a line of each method and a column of each data set, with the paper's figure in brackets."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    names = {}
    for record in records:
        groups[record["method"], record["case"]["data"]].append(record)
        names[record["case"]["data"]] = record["dataset"]
    lines = []
    for method in filter({method for method, _ in groups}.__contains__, METHODS):
        line = [method]
        for data in names:
            paper = ACCURACY.get(method, {}).get(data)
            line.append(cell(groups[method, data]) + (f" ({paper})" if paper else ""))
        lines.append(line)
    return markdown(["ACC, %", *names.values()], lines)


def imbalance(records: list[Record]) -> str:
    groups: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if record["case"]["r_min"]:
            groups[record["method"]][record["case"]["r_min"]].append(100 * record["score"]["acc"])
    shares = sorted({share for own in groups.values() for share in own})
    lines = []
    for method in filter(groups.__contains__, METHODS):
        paper = dict(zip(PAPER_SHARES, IMBALANCE.get(method, ()), strict=False))
        line = [spread(groups[method][share], 2) + (f" ({paper[share]:.2f})" if paper else "") for share in shares]
        lines.append([method, *line])
    return markdown(["ACC, %", *(f"r_min = {share}" for share in shares)], lines)


def number(records: list[Record]) -> str:
    """Make a table of the scores of rows that are held out, by the number of clusters (figure 6)."""
    lines = []
    for record in sorted(records, key=lambda record: record["case"]["n_clusters"]):
        k, out = record["case"]["n_clusters"], record["held_out"]
        if k in NUMBER:
            nmi, g = (f"{value:.3f}" for value in NUMBER[k])
            lines.append([str(k), f"{out['nmi']:.3f} ({nmi})", f"{out['generalizability']:.3f} ({g})"])
    return markdown(["k", "NMI, held out", "G"], lines)


def faithful(records: list[Record]) -> str:
    """Make a line for each way of training, with the scores of its seeds."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for record in sorted(records, key=itemgetter("seed")):
        case = record["case"]
        recipe = as_code(case["stage_1"]) or "the paper's"
        groups[recipe, *self_training(case["settings"])].append(f"{100 * record['score']['acc']:.2f}")
    lines = [[*way, ", ".join(scores)] for way, scores in groups.items()]
    titles = ["stage 1", "steps an update", "stops by", "ACC of each seed, %"]
    return markdown(titles, sorted(lines, key=lambda line: (line[0] != "the paper's", *line[:3])))


def self_training(settings: dict[str, Any]) -> tuple[str, str]:
    """Name the steps between updates and what ends them."""
    if settings["max_iter"] == 0:
        return "", "k-means alone"
    rule = "the paper's" if "patience" in settings else "the paper's, or no new low of changes"
    return str(settings["update_interval"]), rule


TABLES: dict[str, list[Callable[[list[Record]], str]]] = {
    "paper-accuracy": [accuracy],
    "paper-sensitivity": [best_of_nine],
    "paper-imbalance": [imbalance],
    "paper-number": [number],
    "paper-pictures": [],
    "paper-faithful": [faithful],
}


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
