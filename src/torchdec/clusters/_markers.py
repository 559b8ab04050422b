"""Genes that mark clusters of cells, by a rank test, in the form that scanpy's users know."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, norm, rankdata

from torchdec.rows._protocol import Rows

# Values of cells that are ranked, of cells drawn at random from more; and genes that are ranked at a time.
_MOST_VALUES, _GENES = 1 << 25, 256
# What scanpy adds to means so that their quotient exists.
_LEAST = 1e-9


def markers(rows: Rows, labels: NDArray[np.int32], n_clusters: int) -> dict[str, Any]:
    """Test for each cluster which features are higher in its rows than in those of all other clusters.

    It is Wilcoxon's rank-sum test with ties corrected, with the figures and the form of what scanpy calls
    ``rank_genes_groups``: structured arrays with a field for each cluster that has rows, the highest score first.
    Fold changes, of the means of the logarithms, suppose logarithms of 1 + x. Of many rows some are drawn; rows of
    -1 are left out, and where all are, there is no result.
    """
    index = np.flatnonzero(labels >= 0)
    if not len(index):
        return {}
    most = max(1, _MOST_VALUES // rows.shape[1])
    if len(index) > most:
        index = np.sort(np.random.default_rng(0).choice(index, most, replace=False))
    values, own = rows.take(index), labels[index]
    sizes = np.bincount(own, minlength=n_clusters)
    present = np.flatnonzero(sizes)
    member = (own == present[:, None]).astype(np.float32)
    parts = [_tested(values[:, start : start + _GENES], member) for start in range(0, values.shape[1], _GENES)]
    scores, changes = (np.concatenate(columns, axis=1) for columns in zip(*parts, strict=True))
    order = np.argsort(-scores, axis=1, kind="stable")
    p = 2 * norm.sf(np.abs(scores))
    names = np.array(rows.feature_names, dtype=object)
    columns: dict[str, tuple[NDArray[Any], Any]] = {
        "names": (names[order], object),
        "scores": (np.take_along_axis(scores, order, axis=1), np.float32),
        "pvals": (np.take_along_axis(p, order, axis=1), np.float64),
        "pvals_adj": (np.take_along_axis(false_discovery_control(p, axis=1), order, axis=1), np.float64),
        "logfoldchanges": (np.take_along_axis(changes, order, axis=1), np.float32),
    }
    return {name: _by_group(table, present, kind) for name, (table, kind) in columns.items()}


def _tested(values: NDArray[np.float32], member: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the score of each cluster in each feature, (clusters, features), and the logarithm of the change."""
    ranks = rankdata(values, axis=0)
    n, inside = len(values), member.sum(axis=1, keepdims=True, dtype=np.float64)
    outside = n - inside
    # The variance of a sum of ranks drawn without replacement, which ties make smaller.
    variance = inside * outside / max(n - 1, 1) * ranks.var(axis=0)
    differs = member @ ranks - inside * (n + 1) / 2
    scores = np.divide(differs, np.sqrt(variance), out=np.zeros_like(differs), where=variance > 0)
    sums, total = member @ values.astype(np.float64), values.sum(axis=0, dtype=np.float64)
    means, others = np.expm1(sums / inside), np.expm1((total - sums) / np.maximum(outside, 1))
    with np.errstate(invalid="ignore"):
        return scores, np.log2((means + _LEAST) / (others + _LEAST))


def _by_group(table: NDArray[Any], present: NDArray[np.int64], kind: Any) -> NDArray[Any]:
    """Make a structured array, which has a field for each cluster."""
    found = np.empty(table.shape[1], dtype=[(str(number), kind) for number in present.tolist()])
    for number, line in zip(present.tolist(), table, strict=True):
        found[str(number)] = line
    return found
