"""Write the tables of accuracy in README.md and docs/accuracy.md from the results of a plan.

torchdec-bench study bench/experiments/accuracy.toml
python bench/experiments/accuracy.py
"""

from collections import defaultdict
from pathlib import Path
from statistics import mean, median
from typing import Any

from torchdec_bench.pages import renewed, spread
from torchdec_bench.study import read_plan, results

HERE = Path(__file__).parent
PLAN = HERE / "accuracy.toml"
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
README, PAGE = HERE.parents[1] / "README.md", HERE.parents[1] / "docs" / "accuracy.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"

# Records by data set, number of rows and method.
Groups = dict[tuple[str, int | None, str], list[dict[str, Any]]]


def main() -> None:
    for path in (README, PAGE):
        path.write_text(with_table(path))


def with_table(path: Path) -> str:
    """Return a page with what stands between its marks made anew: of the default alone, or beside all methods."""
    groups: Groups = defaultdict(list)
    for record, _ in results(read_plan(PLAN)):
        groups[rows_and_method(record)].append(record)
    made = of_the_default(groups) if path == README else of_all(groups)
    return renewed(path.read_text(), BEGIN, END, made)


def of_the_default(groups: Groups) -> str:
    lines = ["| data | ACC | NMI | ARI | ACC, as pictures | seeds | seconds |", "|---|---|---|---|---|---|---|"]
    for data, n_rows in ORDER:
        own = groups[data, n_rows, "neighbors"]
        scores = [spread([record["score"][key] for record in own]) for key in ("acc", "nmi", "ari")]
        seconds = f"{median(map(fit_seconds, own)):.0f}"
        pictures = [record["score"]["acc"] for record in groups.get((data, n_rows, "pictures"), ())]
        scores.append(spread(pictures))
        lines.append(f"| {title(own[0])} | {' | '.join(scores)} | {len(own)} | {seconds} |")
    return "\n".join(lines) + "\n"


def of_all(groups: Groups) -> str:
    """Return the mean accuracies over seeds, a column for each method."""
    from torchdec_bench.study._methods import METHODS

    methods = [method for method in METHODS if any(key[2] == method for key in groups)]
    lines = [f"| ACC | {' | '.join(METHODS[method].title for method in methods)} |"]
    lines.append("|---" * (1 + len(methods)) + "|")
    for data, n_rows in ORDER:
        scores = [[r["score"]["acc"] for r in groups.get((data, n_rows, method), ())] for method in methods]
        cells = [f"{mean(values):.3f}" if values else "" for values in scores]
        lines.append(f"| {title(groups[data, n_rows, 'neighbors'][0])} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


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
