"""Draw the README's picture from the demo's run directory: what `make demo` found in the digits.

python bench/experiments/picture.py demo-run docs/images/digits.png
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow.parquet as pq
from sklearn.manifold import TSNE

EXEMPLARS = 10


def main(run: Path, picture: Path) -> None:
    plt.switch_backend("Agg")
    rows, embedding = np.load(run / "rows.npy"), np.load(run / "embedding.npy")
    assignments = pq.read_table(run / "assignments.parquet")
    clusters = assignments["cluster"].to_numpy()
    map_2d = TSNE(random_state=0).fit_transform(embedding)

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    colors = plt.get_cmap("tab10").colors
    for cluster in np.unique(clusters):
        x, y = map_2d[clusters == cluster].T
        left.scatter(x, y, s=5, color=colors[cluster % 10])
        left.annotate(str(cluster), (np.median(x), np.median(y)), fontsize=13, weight="bold", ha="center")
    left.set_title(f"t-SNE of the embedding of {len(rows):,} digits", fontsize=10)
    left.set_axis_off()

    right.imshow(exemplars(rows, embedding, clusters), cmap="gray_r")
    right.set_yticks(10 * np.unique(clusters) + 5, [str(cluster) for cluster in np.unique(clusters)])
    right.set_xticks([])
    right.tick_params(length=0)
    right.set_frame_on(False)
    right.set_title("The ten digits nearest to the centre of each cluster", fontsize=10)
    figure.savefig(picture, dpi=110)


def exemplars(rows: np.ndarray, embedding: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    lines = []
    for cluster in np.unique(clusters):
        members = np.flatnonzero(clusters == cluster)
        distance = np.linalg.norm(embedding[members] - embedding[members].mean(axis=0), axis=1)
        nearest = members[distance.argsort()[:EXEMPLARS]]
        lines.append(np.hstack([np.pad(rows[i].reshape(8, 8), 1) for i in nearest]))
    return np.vstack(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
