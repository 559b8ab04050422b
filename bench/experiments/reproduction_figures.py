"""The figures of docs/reproduction.md, in one style: lines told apart by colour and mark, colours for any eye."""

from collections import defaultdict
from typing import Any

import numpy as np
from paper_numbers import NUMBER, SENSITIVITY

Record = dict[str, Any]
Axes, Figure = Any, Any

# Of Okabe and Ito, which people who see few colours tell apart; a method has the same everywhere.
LOOKS = {
    "DEC, autoencoder": {"color": "#0072B2", "marker": "o"},
    "LDMGI": {"color": "#D55E00", "marker": "s"},
    "SEC": {"color": "#009E73", "marker": "^"},
    "SEC, local models": {"color": "#CC79A7", "marker": "D"},
}
PAPER = {"linestyle": ":", "linewidth": 1.2, "marker": "", "alpha": 0.9}
# Of ten classes; the last two of Okabe and Ito's are too near to others for dots, so Tol's muted set.
CLASSES = (
    "#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE", "#882255", "#44AA99", "#999933", "#AA4499", "#777777",
)  # fmt: skip
STYLE = {
    "svg.hashsalt": "torchdec",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.markersize": 4,
    "lines.linewidth": 1.5,
}


def axes(n_columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.use("Agg")
    mpl.rcParams.update(STYLE)
    figure, grid = plt.subplots(1, n_columns, figsize=(width * n_columns, height), squeeze=False)
    figure.set_layout_engine("constrained")
    return figure, list(grid[0])


def sensitivity(records: list[Record]) -> Figure:
    """Draw accuracy over the settings, in their order, one line a method; the paper's are dotted (figure 2)."""
    groups: dict[tuple[str, str], dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        case, name = record["case"], record["dataset"].split(",")[0]
        title = f"{case['n_rows']:,} rows of {name}" if case["n_rows"] else name
        value = case["settings"].get("update_interval", case["settings"].get("weight"))
        if value is not None:
            groups[title, case["data"]][record["method"]].append((value, 100 * record["score"]["acc"]))
    figure, columns = axes(len(groups), 4.2, 3.3)
    for ax, ((title, data), methods) in zip(columns, groups.items(), strict=True):
        longest = max(len(points) for points in methods.values())
        for method, points in methods.items():
            accuracies = [accuracy for _, accuracy in sorted(points)]
            ax.plot(range(1, len(points) + 1), accuracies, label=method, **LOOKS[method])
            paper = SENSITIVITY.get((method, data))
            if paper and len(paper) == longest:
                color = LOOKS[method]["color"]
                ax.plot(range(1, 10), [100 * value for value in paper], color=color, **PAPER)
        ax.set(title=title, xticks=range(1, longest + 1), ylim=(0, 100))
        ax.set_xlabel("setting, from the smallest to the largest")
        ax.legend(loc="lower left")
    columns[0].set_ylabel("ACC, %")
    return figure


def number(records: list[Record]) -> Figure:
    """Draw NMI and G over the number of clusters, the paper's dotted (figure 6)."""
    figure, columns = axes(2, 4.2, 3.0)
    method = records[0]["method"]
    own = sorted((r["case"]["n_clusters"], r["held_out"]) for r in records if r["method"] == method)
    of_paper = all(record["case"]["data"] == "mnist" for record in records)
    for place, (ax, key, title) in enumerate(
        zip(columns, ("nmi", "generalizability"), ("NMI of held-out rows", "generalizability G"), strict=True)
    ):
        ax.plot([k for k, _ in own], [held_out[key] for _, held_out in own], label="here", **LOOKS[method])
        if of_paper:
            values = [both[place] for both in NUMBER.values()]
            ax.plot(list(NUMBER), values, color="#555555", label="paper", **PAPER)
            ax.legend()
        ax.set(xlabel="number of clusters", ylabel=title)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.margins(y=0.12)
    return figure


def cluster_images(exemplars: Any, shape: tuple[int, int]) -> Figure:
    """Draw a line of rows for each cluster, the nearest to its centre first (figure 3)."""
    k, n, _ = exemplars.shape
    padded = np.pad(exemplars.reshape(k, n, *shape), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    height, width = shape[0] + 2, shape[1] + 2
    figure, (ax,) = axes(1, 4.4, 4.4 * k * height / (n * width))
    ax.imshow(padded.transpose(0, 2, 1, 3).reshape(k * height, -1), cmap="gray_r")
    ax.set_yticks((np.arange(k) + 0.5) * height, [str(cluster) for cluster in range(k)])
    ax.set_ylabel("cluster")
    ax.set_xticks((np.arange(n) + 0.5) * width, [str(place) for place in range(1, n + 1)])
    ax.set_xlabel("by distance to the centre")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return figure


def gradient(arrays: dict[str, Any], shape: tuple[int, int]) -> Figure:
    """Draw |dL/dz| over q of one cluster, with its rows at each tenth of the confidence above (figure 4)."""
    from matplotlib.gridspec import GridSpec

    figure, (whole,) = axes(1, 6.4, 4.0)
    whole.remove()
    grid = GridSpec(2, 1, figure, height_ratios=(1, 5))
    strip, ax = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    images = np.pad(arrays["tenths"].reshape(10, *shape), ((0, 0), (1, 1), (1, 1)))
    strip.imshow(np.concatenate(list(images), axis=1), cmap="gray_r")
    strip.set_title("rows of the cluster, from the least to the most confident", fontsize=8)
    strip.axis("off")
    color = LOOKS["DEC, autoencoder"]["color"]
    ax.scatter(
        arrays["confidence"], arrays["gradient"], s=6, alpha=0.4, linewidths=0, color=color, rasterized=True
    )
    ax.set(xlabel="confidence q of the cluster", ylabel="|dL/dz|", xlim=(0, 1))
    ax.set_ylim(bottom=0)
    return figure


def updates(pictured: list[tuple[Record, dict[str, Any]]]) -> Figure:
    """Draw the embedding by t-SNE at several updates, coloured by class, with the accuracy (figure 5)."""
    from matplotlib.colors import ListedColormap
    from openTSNE import TSNE

    pictured = sorted(pictured, key=lambda pair: pair[0]["case"]["settings"]["max_iter"])
    figure, columns = axes(len(pictured), 2.2, 2.6)
    for ax, (record, arrays) in zip(columns, pictured, strict=True):
        placed = np.asarray(TSNE(random_state=0, n_jobs=1).fit(arrays["code"].astype(np.float64)))
        dots = ax.scatter(
            *placed.T, c=arrays["truth"], s=2, cmap=ListedColormap(CLASSES), vmin=-0.5, vmax=9.5, linewidths=0,
            rasterized=True,
        )  # fmt: skip
        update = record["case"]["settings"]["max_iter"]
        ax.set_title(f"after {update} updates\nACC {100 * record['score']['acc']:.1f} %", fontsize=9)
        ax.set(xticks=[], yticks=[], aspect="equal")
        # The same square around every picture, whatever shape t-SNE gives it.
        middle, half = (placed.max(axis=0) + placed.min(axis=0)) / 2, 0.53 * np.ptp(placed, axis=0).max()
        ax.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
        ax.spines[:].set_visible(False)
    bar = figure.colorbar(dots, ax=columns, ticks=range(10), pad=0.01, aspect=14)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    bar.set_label("class")
    return figure
