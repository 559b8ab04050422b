"""Draw the tables and figures of docs/reproduction.md from the run files of the plans beside this script.

    python experiments/reproduction.py

What a plan has no file for yet is left out; `torchdec study PLAN` makes it.
"""

import re
from collections import defaultdict
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np

from torchdec.study import read_plan, results

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reproduction.md"
IMAGES = HERE.parent / "docs" / "images"
PLANS = ("paper-quick", "paper-accuracy", "paper-sensitivity", "paper-imbalance", "paper-number", "paper-pictures")

# ACC of table 2 of the paper, %, the best of nine settings; and of table 3, by r_min.
TABLE_2 = {
    "k-means on the rows": {"mnist": 53.49, "stl10": 28.39, "reuters10k": 52.42},
    "LDMGI": {"mnist": 84.09, "stl10": 33.08, "reuters10k": 43.84},
    "SEC": {"mnist": 80.37, "stl10": 30.75, "reuters10k": 60.08},
    "DEC without backprop": {"mnist": 79.82, "stl10": 34.06, "reuters10k": 70.05},
    "DEC, autoencoder": {"mnist": 84.30, "stl10": 35.90, "reuters10k": 72.17},
    "autoencoder + k-means": {"mnist": 81.84, "stl10": 33.92, "reuters10k": 66.59},
    "autoencoder + LDMGI": {"mnist": 83.98, "stl10": 32.04, "reuters10k": 42.92},
    "autoencoder + SEC": {"mnist": 81.56, "stl10": 32.29, "reuters10k": 61.86},
}
TABLE_3 = {
    "k-means on the rows": (47.14, 49.93, 53.65, 54.16, 54.39),
    "autoencoder + k-means": (66.82, 74.91, 77.93, 80.04, 81.31),
    "DEC, autoencoder": (70.10, 80.92, 82.68, 84.69, 85.41),
}

Record = dict[str, Any]


def main() -> None:
    PAGE.write_text(with_tables(PAGE.read_text()))
    IMAGES.mkdir(exist_ok=True)
    for name in PLANS:
        draw(name)


def with_tables(text: str) -> str:
    """Return the page with what stands between its marks made anew from the run files."""
    for name in PLANS:
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        text = pattern.sub(lambda _, marks=(begin, end, name): f"{marks[0]}\n{section(marks[2])}{marks[1]}", text)
    return text


def section(name: str) -> str:
    records = [record for record, _ in results(read_plan(HERE / f"{name}.toml"))]
    if not records:
        return "Not run yet.\n"
    parts = [table(records)]
    if any(record["case"]["r_min"] for record in records):
        parts.append(imbalance(records))
    parts += [f"![{title}](images/{name}-{figure}.png)\n" for figure, title in figures_of(name)]
    seconds = sum(record["seconds"] for record in records)
    versions = {f"torchdec {r['versions']['torchdec']}, torch {r['versions']['torch']}" for r in records}
    sources = {f"{record['dataset']}: {record['source']}" for record in records if "source" in record}
    about = f"{len(records)} fits, {seconds:,.0f} s in all; {'; '.join(sorted(versions))}."
    return "\n".join([*parts, about, "", *(f"- {source}" for source in sorted(sources)), ""])


def plain(record: Record) -> bool:
    """Tell whether a case is one of the accuracy table: nothing varied but data, method and seed."""
    case = record["case"]
    return not (case["settings"] or case["r_min"] or case["hold_out"] or case["n_clusters"])


def named(record: Record) -> str:
    n_rows = record["case"]["n_rows"]
    return f"{n_rows:,} rows of {record['dataset']}" if n_rows else str(record["dataset"])


def table(records: list[Record]) -> str:
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in filter(plain, records):
        groups[named(record), record["method"]].append(record)
    lines = [
        ["data", "method", "ACC, %", "paper", "NMI", "seeds", "seconds"],
        ["---"] * 7,
        *(
            [
                data,
                method,
                spread([100 * r["score"]["acc"] for r in own], 2),
                str(TABLE_2.get(method, {}).get(own[0]["case"]["data"], "")),
                spread([r["score"]["nmi"] for r in own], 3),
                str(len(own)),
                f"{median(r['seconds'] for r in own):.0f}",
            ]
            for (data, method), own in groups.items()
        ),
    ]
    return markdown(lines) if groups else ""


def imbalance(records: list[Record]) -> str:
    groups: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if record["case"]["r_min"]:
            groups[record["method"]][record["case"]["r_min"]].append(100 * record["score"]["acc"])
    shares = sorted({share for own in groups.values() for share in own})
    lines = [["ACC, %", *(f"r_min = {share}" for share in shares)], ["---"] * (1 + len(shares))]
    for method, own in groups.items():
        lines.append([method, *(spread(own[share], 2) for share in shares)])
        if method in TABLE_3 and len(shares) == len(TABLE_3[method]):
            lines.append([f"*{method}, paper*", *(f"{value:.2f}" for value in TABLE_3[method])])
    return markdown(lines)


def spread(values: list[float], digits: int) -> str:
    if not values:
        return ""
    return f"{mean(values):.{digits}f}" + (f" ± {stdev(values):.{digits}f}" if len(values) > 1 else "")


def markdown(lines: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def figures_of(name: str) -> list[tuple[str, str]]:
    return [(figure, title) for figure, title in TITLES.items() if (IMAGES / f"{name}-{figure}.png").exists()]


def draw(name: str) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    found = results(read_plan(HERE / f"{name}.toml"))
    records = [record for record, _ in found]
    pictured = [(record, arrays) for record, arrays in found if arrays]
    swept = [r for r in records if r["case"]["settings"] and not r["case"]["pictures"]]
    held_out = [r for r in records if "generalizability" in r.get("held_out", {})]
    if swept:
        save(sensitivity(swept), name, "sensitivity")
    if held_out:
        save(number(held_out), name, "number")
    if pictured:
        final, arrays = max(pictured, key=lambda pair: pair[0]["case"]["settings"].get("max_iter", 0))
        shape = shape_of(final)
        save(cluster_images(arrays["exemplars"], shape), name, "clusters")
        save(gradient(arrays, shape), name, "gradient")
        save(updates([p for p in pictured if p[0]["method"] == final["method"]]), name, "updates")


TITLES = {
    "sensitivity": "Accuracy over the settings of each method",
    "number": "NMI on held-out rows and generalizability over the number of clusters",
    "clusters": "The ten rows nearest to each centre",
    "gradient": "Length of the gradient against confidence",
    "updates": "The embedding at several updates, by t-SNE",
}


def save(figure: Any, name: str, kind: str) -> None:
    import matplotlib.pyplot as plt

    for suffix in ("png", "svg"):
        metadata = {"Date": None} if suffix == "svg" else {}
        figure.savefig(IMAGES / f"{name}-{kind}.{suffix}", dpi=110, bbox_inches="tight", metadata=metadata)
    plt.close(figure)


def axes(n_columns: int = 1, width: float = 6.0, height: float = 3.4) -> tuple[Any, Any]:
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "torchdec", "axes.spines.top": False, "axes.spines.right": False})
    return plt.subplots(1, n_columns, figsize=(width * n_columns, height), squeeze=False)


def sensitivity(records: list[Record]) -> Any:
    """Draw accuracy over the settings, in their order, one line a data set and method (figure 4)."""
    groups: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for record in records:
        settings = record["case"]["settings"]
        value = settings.get("update_interval", settings.get("weight"))
        if value is not None:
            groups[named(record), record["method"]].append((value, record["score"]["acc"]))
    datasets = list(dict.fromkeys(data for data, _ in groups))
    figure, grid = axes(len(datasets), 4.6)
    for ax, data in zip(grid[0], datasets, strict=True):
        for (own, method), points in groups.items():
            if own == data:
                accuracies = [accuracy for _, accuracy in sorted(points)]
                ax.plot(range(1, len(points) + 1), accuracies, marker="o", ms=4, label=method)
        ax.set(xlabel="setting, from the smallest to the largest", ylabel="ACC", title=data, ylim=(0, 1))
        ax.legend(frameon=False, fontsize=8)
        ax.xaxis.get_major_locator().set_params(integer=True)
    return figure


def number(records: list[Record]) -> Any:
    """Draw NMI and G over k (figure 6)."""
    figure, grid = axes(2, 4.6)
    for method in dict.fromkeys(record["method"] for record in records):
        own = sorted((r["case"]["n_clusters"], r["held_out"]) for r in records if r["method"] == method)
        for ax, key, title in zip(grid[0], ("nmi", "generalizability"), ("NMI, held out", "G"), strict=True):
            ax.plot([k for k, _ in own], [held_out[key] for _, held_out in own], marker="o", ms=4, label=method)
            ax.set(xlabel="number of clusters", ylabel=title)
            ax.xaxis.get_major_locator().set_params(integer=True)
    grid[0][0].legend(frameon=False, fontsize=8)
    return figure


def shape_of(record: Record) -> tuple[int, int]:
    from torchdec.datasets import load

    height, width = load(record["case"]["data"]).image_shape
    return height, width


def cluster_images(exemplars: Any, shape: tuple[int, int]) -> Any:
    """Draw a line of rows for each cluster, the nearest to its centre first (figure 2)."""
    k, n, _ = exemplars.shape
    padded = np.pad(exemplars.reshape(k, n, *shape), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    figure, grid = axes(1, 5, 5)
    grid[0][0].imshow(padded.transpose(0, 2, 1, 3).reshape(k * (shape[0] + 2), -1), cmap="gray_r")
    grid[0][0].axis("off")
    return figure


def gradient(arrays: dict[str, Any], shape: tuple[int, int]) -> Any:
    """Draw |dL/dz| over q of one cluster, with its rows at each tenth of the confidence above (figure 3)."""
    figure, grid = axes(1, 7)
    ax = grid[0][0]
    ax.scatter(
        arrays["confidence"], arrays["gradient"], s=5, alpha=0.4, linewidths=0, color="#1f5fa8", rasterized=True
    )
    ax.set(xlabel="confidence q of the cluster", ylabel="|dL/dz|")
    strip = ax.inset_axes((0, 1.04, 1, 0.2))
    images = np.pad(arrays["tenths"].reshape(10, *shape), ((0, 0), (1, 1), (1, 1)))
    strip.imshow(np.concatenate(list(images), axis=1), cmap="gray_r", aspect="equal")
    strip.axis("off")
    return figure


def updates(pictured: list[tuple[Record, dict[str, Any]]]) -> Any:
    """Draw the code by t-SNE at several updates, coloured by class, with the accuracy (figure 5)."""
    from openTSNE import TSNE

    pictured = sorted(pictured, key=lambda pair: pair[0]["case"]["settings"]["max_iter"])
    figure, grid = axes(len(pictured), 3, 3)
    for ax, (record, arrays) in zip(grid[0], pictured, strict=True):
        placed = TSNE(random_state=0, n_jobs=1).fit(arrays["code"].astype(np.float64))
        ax.scatter(*np.asarray(placed).T, c=arrays["truth"], s=3, cmap="tab10", linewidths=0, rasterized=True)
        ax.set(title=f"update {record['case']['settings']['max_iter']}: ACC {record['score']['acc']:.3f}")
        ax.set(xticks=[], yticks=[], aspect="equal")
    return figure


if __name__ == "__main__":
    main()
