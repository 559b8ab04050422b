"""Write the tables of accuracy in README.md and docs/accuracy.md from the results of two plans.

torchdec-bench study bench/experiments/accuracy.toml
torchdec-bench study bench/experiments/ablation.toml
python bench/experiments/accuracy.py
"""

from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from torchdec_bench.pages import as_code, renewed, spread
from torchdec_bench.study import read_plan, results

HERE = Path(__file__).parent
PLAN, ABLATION = HERE / "accuracy.toml", HERE / "ablation.toml"
# The data sets, and how many rows are drawn from each (None is all), in order.
ORDER = (
    ("mnist", None),
    ("mnist", 10_000),
    ("usps", None),
    ("fashion-mnist", None),
    ("fashion-mnist", 10_000),
    ("reuters10k", None),
    ("pbmc", None),
    ("20newsgroups", None),
    ("ag-news", None),
    ("mouse-bladder", None),
    ("digits", None),
)
# The methods of a page; None is all.
TABLES = {HERE.parents[1] / "README.md": ("neighbors",), HERE.parents[1] / "docs" / "accuracy.md": None}
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
ABLATION_PAGE = HERE.parents[1] / "docs" / "accuracy.md"
ABLATION_BEGIN, ABLATION_END = "<!-- ablation: begin -->", "<!-- ablation: end -->"


def main() -> None:
    for path, methods in TABLES.items():
        path.write_text(with_table(path.read_text(), methods))
    ABLATION_PAGE.write_text(with_ablation(ABLATION_PAGE.read_text()))


def with_table(text: str, methods: tuple[str, ...] | None) -> str:
    """Return the text with the table between the two marks made anew from the files of results."""
    return renewed(text, BEGIN, END, table([record for record, _ in results(read_plan(PLAN))], methods))


def table(records: list[dict[str, Any]], methods: tuple[str, ...] | None) -> str:
    from torchdec_bench.study._methods import METHODS

    groups: dict[tuple[str, int | None, str], list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        groups[rows_and_method(record)].append(record)
    lines = ["| data | method | ACC | NMI | ARI | seeds | seconds |", "|---|---|---|---|---|---|---|"]
    for data, n_rows in ORDER:
        for method in methods or METHODS:
            own = groups.get((data, n_rows, method), [])
            if own:
                scores = [spread([record["score"][key] for record in own]) for key in ("acc", "nmi", "ari")]
                seconds = f"{median(map(fit_seconds, own)):.0f}"
                cells = [title(own[0]), own[0]["method"], *scores, str(len(own)), seconds]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def with_ablation(text: str) -> str:
    """Return the text with the table of settings made anew, the default of the same method and seeds first."""
    records = [record for record, _ in results(read_plan(ABLATION))]
    seeds: dict[tuple[str, int | None, str], set[int]] = defaultdict(set)
    for record in records:
        seeds[rows_and_method(record)].add(record["seed"])
    default = [
        record
        for record, _ in results(read_plan(PLAN))
        if record["seed"] in seeds.get(rows_and_method(record), ())
    ]
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for record in [*default, *records]:
        settings = as_code({**record["case"]["stage_1"], **record["case"]["settings"]})
        groups[record["method"], title(record), settings or "default"].append(record)
    lines = ["| method | data | setting | ACC | NMI | seeds | seconds |", "|---|---|---|---|---|---|---|"]
    for (*place, settings), own in sorted(groups.items(), key=lambda group: group[0][:2]):
        scores = [spread([record["score"][key] for record in own]) for key in ("acc", "nmi")]
        seconds = f"{median(map(fit_seconds, own)):.0f}"
        lines.append(f"| {' | '.join([*place, settings, *scores, str(len(own)), seconds])} |")
    content = "\n".join(lines) + "\n" if records else "Not run yet.\n"
    return renewed(text, ABLATION_BEGIN, ABLATION_END, content)


def rows_and_method(record: dict[str, Any]) -> tuple[str, int | None, str]:
    case = record["case"]
    return case["data"], case["n_rows"], case["method"]


def title(record: dict[str, Any]) -> str:
    n_rows = record["case"]["n_rows"]
    return record["dataset"] + (f", {n_rows:,} of the rows" if n_rows else "")


def fit_seconds(record: dict[str, Any]) -> float:
    """Return how long a fit took, less what one on a single thread waited for the processor beside other work."""
    return min(record["seconds"], record.get("cpu_seconds", record["seconds"]))


if __name__ == "__main__":
    main()
