"""The clusters of a new fit told by those of an old one: which stayed, split, merged, came and went."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from torchdec._core.landmarks import FAR
from torchdec._core.torch_globals import under_own_globals
from torchdec._dec import DEC
from torchdec.clusters._change import recorded, renumbered

# What a row counts that is of a kind which the old model did not know: it would be put somewhere nevertheless.
_OF_A_STRANGER = 0.1


@under_own_globals
def align(new: DEC, old: DEC, X: Any) -> DEC:
    """Give the clusters of a new fit the numbers and names that the same clusters have in an old one.

    Both models predict the rows. Clusters are matched one to one so that as many rows as possible are in clusters
    that match (the Hungarian method); a match holds more than half of the rows of one of the two. A cluster
    without a match is *split* from the old cluster that most of its rows were in, or *new*; an old one is
    *merged* into the cluster that has most of its rows, or *gone*.

    Parameters
    ----------
    new, old : DEC
        Fitted; both stay as they are. They may have different columns, encoders and numbers of clusters.
    X : array, sparse matrix, DataFrame or Rows of shape (n, d)
        Rows that both can read, best those of the new fit.

    Returns
    -------
    DEC
        The new model with its clusters renumbered. Numbers run from 0 to k - 1, so if it has fewer clusters than
        the old one, a cluster whose old number is too large gets one that is free. `edits_[-1]["changes"]` is a
        list of dict, one for each cluster and each old one that is merged or gone, with the keys `cluster` (the
        number, None if gone), `name`, `change` ("kept", "split", "new", "merged" or "gone"), `old` (the number
        of the old cluster, None if new), `rows` and `shared` (those that both clusters have).

    Raises
    ------
    ValueError
        If one of the models cannot read `X`.

    References
    ----------
    Spiliopoulou, Ntoutsi, Theodoridis, Schult, "MONIC: modeling and monitoring cluster transitions", KDD 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import DEC, Autoencoder
    >>> from torchdec.clusters import align, rename
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = DEC(10, representation=Autoencoder(max_epochs=2), tol=0.5, random_state=0)
    >>> old = rename(model.fit(X[:1200]), 3, "loops")
    >>> aligned = align(model.fit(X[600:]), old, X[600:])
    >>> aligned.n_clusters, aligned.edits_[-1]["edit"]
    (10, 'align')
    """
    return aligned(new, new.predict(X), known_to(old, X))


@dataclass(frozen=True)
class Known:
    """A model, the cluster that it gives each of some rows, and which of these are strange to it."""

    model: DEC
    labels: Int[NDArray[np.int32], " rows"]
    strange: Bool[NDArray[np.bool_], " rows"]


def known_to(model: DEC, X: Any) -> Known:
    """Ask a model what it makes of rows."""
    return Known(model, model.predict(X), model.outlier_scores(X) > FAR)


def aligned(new: DEC, labels: NDArray[np.int32], known: Known) -> DEC:
    """Align a model that gives rows these clusters with one that knows the same rows."""
    old, before, strange = known.model, known.labels, known.strange
    n_old, n_new = len(old.cluster_names_), len(new.cluster_names_)
    counts, weights = np.zeros((n_old, n_new), dtype=np.int64), np.zeros((n_old, n_new))
    rows = np.bincount(labels[labels >= 0], minlength=n_new)
    both = (labels >= 0) & (before >= 0)
    np.add.at(counts, (before[both], labels[both]), 1)
    np.add.at(weights, (before[both], labels[both]), np.where(strange[both], _OF_A_STRANGER, 1.0))
    strangers = np.bincount(labels[strange & (labels >= 0)], minlength=n_new)
    is_strange = strangers > rows / 2
    # A wide old cluster lies far out itself; what is strange beside any other is none of it.
    weights[np.ix_(old.cluster_doubts_[0] <= 0.5, is_strange)] = 0
    pairs = dict(_matches(weights))
    numbers = _numbers(pairs, n_new)
    result = renumbered(new, numbers)
    for cluster, number in enumerate(numbers.tolist()):
        result.cluster_names_[number] = old.cluster_names_[pairs[cluster]] if cluster in pairs else ""
    changes = sorted(
        _changes(pairs, counts, weights, rows, numbers, old),
        key=lambda change: (change["cluster"] is None, change["cluster"], change["change"] != "kept"),
    )
    return recorded(result, {"edit": "align", "changes": changes})


def _matches(weights: Float64[NDArray[np.float64], "old new"]) -> Iterator[tuple[int, int]]:
    """Yield which new cluster is which old one."""
    for old, new in zip(*linear_sum_assignment(-weights), strict=True):
        shared = weights[old, new]
        if shared > min(weights[old].sum(), weights[:, new].sum()) / 2:
            yield int(new), int(old)


def _numbers(pairs: dict[int, int], n_new: int) -> Int[NDArray[np.int32], " new"]:
    """Return the number that each new cluster gets: that of its match, as far as numbers go, else a free one."""
    kept = {new: old for new, old in pairs.items() if old < n_new}
    free = iter(sorted(set(range(n_new)) - set(kept.values())))
    # Clusters that are known and only lose their number come before those that are new.
    order = sorted(set(range(n_new)) - set(kept), key=lambda new: (new not in pairs, new))
    kept |= {new: next(free) for new in order}
    return np.array([kept[new] for new in range(n_new)], dtype=np.int32)


def _changes(
    pairs: dict[int, int],
    counts: Int[NDArray[np.int64], "old new"],
    weights: Float[NDArray[np.float64], "old new"],
    rows: Int[NDArray[np.int64], " new"],
    numbers: Int[NDArray[np.int32], " new"],
    old: DEC,
) -> Iterator[dict[str, Any]]:
    """Yield what became of each cluster."""
    sizes = counts.sum(axis=1)

    def change(what: str, new: int | None, was: int | None, rows: int) -> dict[str, Any]:
        name = "" if was is None else old.cluster_names_[was]
        shared = 0 if new is None or was is None else int(counts[was, new])
        number = None if new is None else int(numbers[new])
        return {"cluster": number, "name": name, "change": what, "old": was, "rows": rows, "shared": shared}

    for new, size in enumerate(rows.tolist()):
        if new in pairs:
            yield change("kept", new, pairs[new], size)
            continue
        most = int(weights[:, new].argmax())
        split = weights[most, new] > size / 2
        yield change("split" if split else "new", new, most if split else None, size)
    for was in sorted(set(range(len(counts))) - set(pairs.values())):
        most = int(counts[was].argmax())
        merged = counts[was, most] > sizes[was] / 2
        yield change("merged" if merged else "gone", most if merged else None, was, int(sizes[was]))
