"""The map of a run: codes of many dimensions laid out in two."""

import numpy as np
from numpy.typing import NDArray

# Rows on the map: enough to see every cluster, few enough for seconds and for a small page.
MOST_POINTS = 5000
# Below this many, t-SNE has too few neighbours to look at.
_FEWEST_FOR_TSNE = 30
# Of fewer, threads take several times longer to meet than one to do it all.
_FEW = 1000
# Steps, half of what is usual: of so few points that start along their principal axes, more of them change little.
_EXAGGERATED, _STEPS = 125, 250


def sampled(n_rows: int) -> NDArray[np.int64]:
    """Return the numbers of the rows on the map: all, or that many spread evenly over the file at random."""
    if n_rows <= MOST_POINTS:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(0).choice(n_rows, MOST_POINTS, replace=False))


def layout(codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay codes (n, z) out in the plane, (n, 2) float32, with t-SNE (van der Maaten, Hinton, JMLR 2008)."""
    n = len(codes)
    centered = codes - codes.mean(axis=0)
    if n < _FEWEST_FOR_TSNE or not centered.any():
        _, _, axes = np.linalg.svd(centered, full_matrices=False)
        flat = centered @ axes[:2].T
        return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1]))).astype(np.float32)
    from openTSNE import TSNE

    tsne = TSNE(
        perplexity=min(30, (n - 1) // 3),
        initialization="pca",
        early_exaggeration_iter=_EXAGGERATED,
        n_iter=_STEPS,
        random_state=0,
        n_jobs=1 if n < _FEW else -1,
    )
    return np.asarray(tsne.fit(codes), dtype=np.float32)
