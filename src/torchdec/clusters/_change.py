"""Clusters merged, split and named: each function returns a new model and leaves the old one as it was."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from numbers import Integral
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn.functional import nll_loss

from torchdec._assigned import clusters_of
from torchdec._core.batches import to_device
from torchdec._core.centroids import kmeans_centroids
from torchdec._core.compute import Compute, resolve
from torchdec._core.kmeans import kmeans
from torchdec._core.owners import owners_of
from torchdec._core.randomness import generator
from torchdec._core.randomness import split as seeds_of
from torchdec._core.records import Update
from torchdec._core.self_training import Penalty, SelfTraining
from torchdec._core.torch_globals import under_own_globals
from torchdec._core.training import Source
from torchdec._dec import DEC
from torchdec._representation import freeze, rows_to_fit
from torchdec.rows import Rows
from torchdec.rows._shown import shown

# Rows that are looked at in a step beside its own, of all those of which something is known.
MOST_AT_ONCE = 512


@under_own_globals
def merge(model: DEC, a: int | str, b: int | str) -> DEC:
    """Make one cluster of two.

    The merged cluster keeps the centres of both, so it gets exactly the rows that they had, and no rows are needed
    to learn from. It has the smaller number, and the clusters above the larger one move down by one.

    Parameters
    ----------
    model : DEC
        Fitted; it stays as it is.
    a, b : int or str
        Two clusters, by number or name.

    Returns
    -------
    DEC
        With `n_clusters` one less, and the edit recorded in `edits_`.

    Raises
    ------
    ValueError
        If there are no two such clusters.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import DEC, Autoencoder
    >>> from torchdec.clusters import merge
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = DEC(10, representation=Autoencoder(max_epochs=2), tol=0.5, random_state=0).fit(X)
    >>> merge(model, 4, 9).predict_proba(X).shape
    (1797, 9)
    """
    low, high = sorted((cluster_number(model, "a", a), cluster_number(model, "b", b)))
    if low == high:
        raise ValueError(f"a={shown(a)} and b={shown(b)} are the same cluster; name two.")
    new = np.arange(len(model.cluster_names_), dtype=np.int32)
    new[high] = low
    new[high + 1 :] -= 1
    return recorded(renumbered(model, new), {"edit": "merge", "clusters": [low, high], "into": low})


@under_own_globals
def coarsen(model: DEC, n_clusters: int) -> DEC:
    """Merge the clusters into so many groups of the tree: a model of a coarser level.

    It gives the labels of ``model.predict(X, n_clusters=n_clusters)`` wherever a model goes: saved, exported, on
    the page, in edits. A group is called by the names of its clusters.

    Parameters
    ----------
    model : DEC
        Fitted; it stays as it is.
    n_clusters : int
        Groups, from 1 to the number of its clusters; `levels_` tells which numbers stand out.

    Returns
    -------
    DEC
        With the edit recorded in `edits_`.

    Raises
    ------
    ValueError
        If there is no such cut of the tree.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from torchdec import DEC, Autoencoder
    >>> from torchdec.clusters import coarsen
    >>> X, _ = make_blobs(200, 4, centers=5, random_state=1)
    >>> model = DEC(5, representation=Autoencoder((8,), 2, max_epochs=2), tol=0.5, random_state=0).fit(X)
    >>> coarse = coarsen(model, 2)
    >>> bool((coarse.predict(X) == model.predict(X, n_clusters=2)).all())
    True
    """
    return recorded(
        renumbered(model, model.groups(n_clusters)), {"edit": "coarsen", "n_clusters": int(n_clusters)}
    )


def renumbered(model: DEC, new: NDArray[np.int32]) -> DEC:
    """Return a model whose cluster c is cluster `new[c]`; those that get one number become one cluster."""
    result = deepcopy(model)
    result.center_clusters_ = new[model.center_clusters_]
    if hasattr(model, "labels_"):
        result.labels_ = np.where(model.labels_ < 0, -1, new[model.labels_])
    weights = np.zeros((int(new.max()) + 1, len(new)))
    weights[new, np.arange(len(new))] = np.maximum(model.cluster_sizes_, 1)
    weights /= weights.sum(axis=1, keepdims=True)
    result.cluster_middles_ = (weights @ model.cluster_middles_).astype(np.float32)
    result.cluster_doubts_ = (model.cluster_doubts_ @ weights.T).astype(np.float32)
    result.cluster_sizes_ = np.bincount(new, model.cluster_sizes_).astype(np.int64)
    names = [[model.cluster_names_[old] for old in np.flatnonzero(new == c)] for c in range(len(weights))]
    result.cluster_names_ = [" + ".join(name for name in own if name) for own in names]
    return result


@under_own_globals
def split(
    model: DEC,
    cluster: int | str,
    X: Any,
    into: int = 2,
    *,
    updates: int = 3,
    random_state: int | np.random.RandomState | None = 0,
) -> DEC:
    """Cut one cluster into several: k-means on its embedding, then a short self-training of all clusters.

    The first part keeps the number and the name of the cluster; the others come after the last cluster. Parts of a
    cluster of several centres share these out by their rows.

    Parameters
    ----------
    model : DEC
        Fitted; it stays as it is.
    cluster : int or str
        The cluster to cut, by number or name.
    X : array, sparse matrix, DataFrame or Rows of shape (n, d)
        Rows to learn from, best those of the fit.
    into : int, default=2
        Parts.
    updates : int, default=3
        Updates that are trained towards after the cut; 0 leaves encoder and other centres as they are.
    random_state : int, RandomState or None, default=0
        Of k-means and the order of the rows.

    Returns
    -------
    DEC
        With `n_clusters` larger by `into` - 1, its `labels_` those of `X`, and the edit recorded in `edits_`.

    Raises
    ------
    ValueError
        If there is no such cluster, its rows have fewer than `into` different codes, or a number is no usable one.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import DEC, Autoencoder
    >>> from torchdec.clusters import split
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = DEC(10, representation=Autoencoder(max_epochs=2), tol=0.5, random_state=0).fit(X)
    >>> split(model, 3, X, updates=1).n_clusters
    11
    """
    started = perf_counter()
    cluster = cluster_number(model, "cluster", cluster)
    if not (isinstance(into, Integral) and into >= 2):
        raise ValueError(f"into={shown(into)} must be a whole number of 2 or more.")
    if not (isinstance(updates, Integral) and updates >= 0):
        raise ValueError(f"updates={shown(updates)} must be 0 or more.")
    into = int(into)
    result = deepcopy(model)
    given, rows = map(result.prepared, rows_to_fit(result, X, reset=False))
    seeds = seeds_of(check_random_state(random_state) if random_state is not None else None, "parts", "training")
    chunks = [(code, clusters_of(q)[0]) for code, q in model.predict_chunks(X)]
    own = np.concatenate([code[labels == cluster] for code, labels in chunks])
    if len(np.unique(own, axis=0)) < into:
        raise ValueError(
            f"cluster={cluster} has {len(np.unique(own, axis=0))} different rows in X, too few for "
            f"into={into} parts; try fewer parts or more rows."
        )
    others = model.center_clusters_ != cluster
    k = len(model.cluster_names_)
    parts = _centers_of_parts(own, into, int((~others).sum()), seeds["parts"])
    result.cluster_centers_ = np.concatenate([model.cluster_centers_[others], *parts])
    numbers = [cluster, *range(k, k + into - 1)]
    owners = np.repeat(numbers, [len(centers) for centers in parts])
    result.center_clusters_ = np.concatenate([model.center_clusters_[others], owners]).astype(np.int32)
    result.cluster_names_ += [""] * (into - 1)
    compute = resolve(model.device, model.precision)
    train_briefly(result, rows, updates, seeds["training"], compute, started)
    result._calibrate(given, compute)
    return recorded(result, {"edit": "split", "cluster": cluster, "into": numbers, "updates": int(updates)})


def _centers_of_parts(own: NDArray[np.float32], into: int, n_centers: int, seed: int) -> list[NDArray[np.float32]]:
    """Cut a cluster by k-means, and share its number of centres out, at least one for each part."""
    centers, labels, _ = kmeans_centroids(torch.from_numpy(own), into, seed=seed, started=0.0)
    parts = [own[labels.numpy() == number] for number in range(into)]
    counts = [round(n_centers * len(part) / len(own)) for part in parts]
    random_state = np.random.RandomState(seed)
    return [
        kmeans(part, min(count, len(np.unique(part, axis=0))), random_state).cluster_centers_
        if count > 1
        else center[None]
        for part, count, center in zip(parts, counts, centers.numpy(), strict=True)
    ]


def train_briefly(
    model: DEC,
    rows: Rows,
    updates: int,
    seed: int,
    compute: Compute,
    started: float,
    penalty: Penalty | None = None,
) -> None:
    """Train encoder and centres towards that many updates of the targets, as the last stage of a fit does."""
    if updates == 0:
        return
    encoder = model.encoder_.to(compute.device).requires_grad_()
    centers = torch.from_numpy(model.cluster_centers_.copy()).to(compute.device)
    batch_size, _ = model._pace(len(rows))
    source = Source(rows, model.scale_, batch_size, generator(seed), compute, started, model.augment)
    unknown = torch.zeros(len(rows), dtype=torch.long, device=compute.device)
    settings = model._settings(source, reconstruction_weight=0.0)  # a saved model has no decoder
    settings = replace(settings, revive=False)  # these rows may be a part of those of the fit
    owners = owners_of(model.center_clusters_, compute.device)
    training = SelfTraining(encoder, None, centers, unknown, source, settings, owners, penalty)
    for record in training.updates():
        if isinstance(record, Update) and record.number == updates:
            break
    model.encoder_ = freeze(encoder)
    model.cluster_centers_ = centers.detach().cpu().numpy().copy()


def learning(
    rows: Rows,
    which: NDArray[np.int64],
    kinds: NDArray[np.int64],
    scale: float,
    draws: torch.Generator,
    compute: Compute,
) -> Penalty:
    """Make what self-training adds to its loss so that these rows are learnt as labels: their cross-entropy.

    An encoder that has put two kinds of rows in one place wouldn't learn from its own assignments to tell them
    apart.
    """

    def penalty(soft_assignment: Callable[[Tensor], Tensor]) -> Tensor:
        drawn = torch.randint(len(which), (MOST_AT_ONCE,), generator=draws)
        q = soft_assignment(to_device(rows, torch.from_numpy(which)[drawn], scale, compute))
        return nll_loss(q.clamp(min=1e-6).log(), torch.from_numpy(kinds)[drawn].to(compute.device))

    return penalty


@under_own_globals
def rename(model: DEC, cluster: int | str, name: str) -> DEC:
    """Give a cluster a name, which `describe`, `summary` and the report show; an empty one takes it away.

    The cluster is given by its number, or by the name that it has.

    Raises
    ------
    ValueError
        If there is no such cluster.
    TypeError
        If `name` must be a text.
    """
    number = cluster_number(model, "cluster", cluster)
    if not isinstance(name, str):
        raise TypeError(f"name={shown(name)} must be a text.")
    renamed = deepcopy(model)
    renamed.cluster_names_[number] = name
    return recorded(renamed, {"edit": "rename", "cluster": number, "name": name})


def cluster_number(model: DEC, argument: str, cluster: int | str) -> int:
    """Return the number of a cluster that is given by number or name, or an error that names `argument`."""
    check_is_fitted(model)
    names = model.cluster_names_
    if isinstance(cluster, str) and cluster and names.count(cluster) == 1:
        return names.index(cluster)
    if isinstance(cluster, Integral) and 0 <= cluster < len(names):
        return int(cluster)
    alike = " (several have this name)" if isinstance(cluster, str) and names.count(cluster) > 1 else ""
    raise ValueError(
        f"{argument}={shown(cluster)} isn't a cluster of this model{alike}; it has 0 to {len(names) - 1}."
    )


def recorded(model: DEC, edit: dict[str, Any], *, copied: bool = False) -> DEC:
    """Note an edit in a model, or in a copy of it."""
    model = deepcopy(model) if copied else model
    model.n_clusters = len(model.cluster_names_)
    model.edits_.append(edit)
    return model
