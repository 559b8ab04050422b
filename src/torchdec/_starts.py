"""Stages 1 and 2 of a `DEC`: an encoder and the clusters of its code, or the most agreed of several."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from numbers import Integral
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from torch import Tensor, nn

from torchdec._core.batches import Streamed, code_of
from torchdec._core.centroids import inertia, kmeans_centroids
from torchdec._core.compute import Compute
from torchdec._core.few_rows import COMPONENTS, FEW_ROWS
from torchdec._core.journal import Journal, copied
from torchdec._core.medoid import agreement
from torchdec._core.neighbor_graph import principal_components
from torchdec._core.number_of_clusters import Choice, choose, numbers_to_try
from torchdec._core.place_centers import place_centers
from torchdec._core.randomness import generator, split
from torchdec._core.records import Centroids, Record
from torchdec._presets import new_representation, own_networks, set_parameter
from torchdec._representation import Representation
from torchdec.rows import Rows

# The most rows, evenly spaced, whose code a number of clusters is chosen on.
_MOST_TO_CHOOSE = 2**20


@dataclass(frozen=True)
class Start:
    """What self-training starts from.

    Networks of its own; centres float32 (m, z) and the cluster of each, int32 (m,); and the clusters of the rows,
    int32 (n,).
    """

    representation: Representation
    encoder: nn.Module
    decoder: nn.Module | None
    centers: Tensor
    center_clusters: NDArray[np.int32]
    labels: Tensor
    choice: Choice | None
    agreement: NDArray[np.float64] | None


def first_clusters(
    dec: Any, rows: Rows, seeds: dict[str, int], compute: Compute, began: float, journal: Journal
) -> Generator[Record, None, Start]:
    """Train as many encoders as a DEC asks for, cluster the code of each, and take the one most agreed with.

    The journal keeps of each encoder what it takes to go on with it, so an interrupted fit trains none again.
    """
    n, frozen = dec.n_encoders, isinstance(dec.representation, FrozenEstimator)
    ready = frozen and isinstance(dec.representation.estimator, Representation)  # which needs nothing any more
    if frozen and n > 1:
        raise ValueError(f"n_encoders={n} trains several, and the representation is frozen; try n_encoders=1.")
    for number in range(min(len(_found(journal)), n - 1), n):
        representation = new_representation(dec, seeds["representation"])
        if number:  # no two alike, even where the representation has a random_state of its own
            name = f"representation {number + 1}"
            set_parameter(representation, "random_state", split(seeds["representation"], name)[name])
        if not ready:
            which = f", encoder {number + 1} of {n}" if n > 1 else ""
            yield from representation.learn(rows, began, journal, which)
        encoder, decoder = own_networks(representation, dec.reconstruction_weight, compute)
        networks = [network for network in (encoder, decoder) if network is not None]
        if len(_found(journal)) == n:  # before an interruption
            break
        prepared = representation.prepared(rows)
        code = code_of(encoder, prepared, representation.scale_, compute)
        clusters, record = _clusters(dec, code, prepared, seeds, began, compute)
        weights = [copied(network.state_dict()) for network in networks] if n > 1 else []
        journal.results["starts"] = (*_found(journal), (weights, *clusters))
        if number + 1 < n:
            journal.begin_again("seeds", "scale", "starts")
        journal.record(record)
        yield record
    agreed = agreement([labels.cpu().numpy() for *_, labels in _found(journal)]) if n > 1 else None
    weights, choice, centers, of_center, labels = _found(journal)[0 if agreed is None else int(agreed.argmax())]
    if n > 1:
        for network, own in zip(networks, weights, strict=True):
            network.load_state_dict(own)
    centers, labels = centers.clone().to(compute.device), labels.to(compute.device)
    center_clusters = np.array(of_center, dtype=np.int32)
    return Start(representation, encoder, decoder, centers, center_clusters, labels, choice, agreed)


def _found(journal: Journal) -> tuple[Any, ...]:
    """Return weights, choice, centres, their clusters and those of the rows, of each encoder that is done."""
    return tuple(journal.results.get("starts", ()))


def _clusters(
    dec: Any, code: Tensor | Streamed, rows: Rows, seeds: dict[str, int], began: float, compute: Compute
) -> tuple[tuple[Choice | None, Tensor, list[int], Tensor], Centroids]:
    choice, k = None, dec.n_clusters
    if not isinstance(k, Integral):
        choice = choose_on(code, numbers_to_try(k, len(code)), seeds["choice"])
        k = choice.n_clusters
    separate, components = dec.init == "auto", None
    if separate and k > 1 and len(rows) < FEW_ROWS:
        projected, _ = principal_components(rows, COMPONENTS, generator(seeds["centroids"]), compute)
        components = projected.cpu().numpy()
    centers, labels, record = kmeans_centroids(
        code,
        k,
        n_init=dec.n_init,
        seed=seeds["centroids"],
        started=began,
        separate=separate,
        components=components,
    )
    return (choice, centers, list(range(k)), labels), record


def clusters_from(
    labels: NDArray[np.int32], code: Tensor | Streamed, n_clusters: int, seed: int, began: float
) -> tuple[tuple[Tensor, list[int], Tensor], Centroids]:
    """Place centres for clusters of any shape, given as the cluster of each row, each with a row.

    Returns
    -------
    (centers, center_clusters, labels), record
        Centres float32 (m, z) and the clusters of the rows, int32 (n,), on the code's device; what happened.
    """
    centers, center_clusters = place_centers(code, labels, n_clusters, np.random.RandomState(seed))
    record = Centroids(
        inertia=inertia(code, centers),
        n_init=1,
        sizes=tuple(np.bincount(labels, minlength=n_clusters).tolist()),
        seconds=perf_counter() - began,
    )
    return (centers, center_clusters.tolist(), torch.from_numpy(labels).to(centers.device)), record


def choose_on(code: Tensor | Streamed, ks: Sequence[int], seed: int) -> Choice:
    """Choose one of several numbers of clusters on the code of all rows."""
    step = -(-len(code) // _MOST_TO_CHOOSE)
    return choose(code[torch.arange(0, len(code), step)].cpu().numpy(), ks, seed=seed)
