"""Stages 1 and 2 of a `DEC`: an encoder, and the clusters that self-training starts from."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from torch import Tensor, nn

from torchdec._core import workers
from torchdec._core.batches import Streamed, code_of
from torchdec._core.centroids import kmeans_centroids, settled
from torchdec._core.compute import Compute
from torchdec._core.free_embedding import Embedded
from torchdec._core.journal import Journal
from torchdec._core.latent_classes import latent_classes
from torchdec._core.neighbor_encoder import drawn_to_clusters
from torchdec._core.neighbor_graph import principal_components
from torchdec._core.number_of_clusters import Choice, choose, numbers_to_try
from torchdec._core.owners import Owners, owners_of
from torchdec._core.partition import partition
from torchdec._core.place_centers import place_centers
from torchdec._core.randomness import generator
from torchdec._core.records import Centroids, Record
from torchdec._presets import new_representation, own_networks
from torchdec._representation import Representation
from torchdec.rows import Rows
from torchdec.rows._part import PartOfRows
from torchdec.rows._protocol import kinds_of

# The most rows, evenly spaced, whose code a number of clusters is chosen on.
_MOST_TO_CHOOSE = 20_000
# And so many rows of a table.
_MOST_OF_TABLE = 2**15
# Fewer rows than so many are partitioned by their components too, beside a code that was learnt first.
_FEW_ROWS, _COMPONENTS = 1000, 50


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

    @property
    def owners(self) -> Owners | None:
        """The cluster of each centre, on the device of the centres."""
        return owners_of(self.center_clusters, self.centers.device)


@dataclass(frozen=True)
class Partitioned:
    """Rows that were partitioned.

    Attributes
    ----------
    choice : Choice or None
        Why there are as many clusters, where their number was to be chosen.
    n_clusters : int
        k.
    found_by : str
        The way of finding clusters that the judge preferred.
    index : Tensor of shape (m,), int64, or None
        Which rows they are; None where they are all.
    labels : Tensor of shape (m,), int32
        Their clusters.
    places : Tensor of shape (m, z), float32, or None
        Where an encoder that is still to be learnt had better put them.
    """

    choice: Choice | None
    n_clusters: int
    found_by: str
    index: Tensor | None
    labels: Tensor
    places: Tensor | None


def first_clusters(
    dec: Any, rows: Rows, seeds: dict[str, int], compute: Compute, began: float, journal: Journal
) -> Generator[Record, None, Start]:
    """Partition the rows, and learn an encoder and centres from that; or learn, then partition the embedding.

    A representation that embeds rows without a network has its embedding partitioned, and its encoder learns
    both. Any other is learnt first. The journal keeps what an interrupted fit needs to go on.
    """
    representation = new_representation(dec, seeds["representation"])
    frozen = isinstance(dec.representation, FrozenEstimator)
    partitioned, kinds = None, kinds_of(rows)
    if not frozen or not isinstance(dec.representation.estimator, Representation):
        embedded = (yield from representation.embed(rows, began, journal)) if dec.init == "auto" else None
        if embedded is not None and embedded.embeddings:
            of_embedding = partial(_of_embedding, dec, embedded, seeds)
            of_table = partial(_of_embedded_table, dec, embedded, rows, seeds)
            partitioned = journal.once("partition", of_embedding if kinds is None else of_table)
            embedded = replace(embedded, places=partitioned.places)
        yield from representation.learn(rows, began, journal, embedded)
    encoder, decoder = own_networks(representation, dec.reconstruction_weight, compute)
    if "start" not in journal.results:
        prepared = representation.prepared(rows)
        code = code_of(encoder, prepared, representation.scale_, compute)
        if partitioned is None and dec.init == "auto" and kinds is not None:
            partitioned = _of_table(dec, rows, rows, seeds)
        elif partitioned is None and dec.init == "auto" and len(rows) < _FEW_ROWS:
            partitioned = _of_few(dec, code, prepared, seeds, compute)
        if partitioned is None:
            start, record = _kmeans(dec, code, seeds, began)
        else:
            start, record = _with_centers(partitioned, code, seeds, began)
        journal.results["start"] = start
        journal.record(record)
        yield record
    choice, centers, center_clusters, labels = journal.results["start"]
    centers, labels = centers.clone().to(compute.device), labels.to(compute.device)
    center_clusters = np.array(center_clusters, dtype=np.int32)
    return Start(representation, encoder, decoder, centers, center_clusters, labels, choice)


def _of_embedding(dec: Any, embedded: Embedded, seeds: dict[str, int]) -> Partitioned:
    """Partition the rows by all of their embeddings."""
    choice, k = _number(dec, torch.cat(embedded.embeddings, dim=1), seeds)
    points = None if embedded.points is None else embedded.points.cpu().numpy()
    graph = embedded.graph.numpy()
    codes = [embedding.numpy() for embedding in embedded.embeddings]
    found = partition(codes, k, graph=graph, points=points, random_state=seeds["centroids"])
    labels = workers.same(torch.from_numpy(found.labels))
    places = drawn_to_clusters(embedded.embeddings[found.code], labels.long())
    index = None if embedded.index is None else torch.from_numpy(embedded.index)
    return Partitioned(choice, k, found.name, index, labels, places)


def _of_embedded_table(dec: Any, embedded: Embedded, rows: Rows, seeds: dict[str, int]) -> Partitioned:
    """Partition the rows of a table that were embedded, for the encoder to learn both."""
    index = embedded.index
    found = _of_table(dec, rows, rows if index is None else PartOfRows(rows, index), seeds)
    places = drawn_to_clusters(embedded.embeddings[0], found.labels.long())
    return replace(found, index=None if index is None else torch.from_numpy(index), places=places)


def _of_table(dec: Any, rows: Rows, some: Rows, seeds: dict[str, int]) -> Partitioned:
    """Partition some rows of a table of numbers and kinds by latent classes, whose number all rows tell."""
    choice, k = _number(dec, rows, seeds)
    labels = latent_classes(some, kinds_of(rows) or (), k, random_state=seeds["centroids"])
    return Partitioned(choice, k, "latent classes", None, workers.same(torch.from_numpy(labels)), None)


def _of_few(dec: Any, code: Tensor | Streamed, rows: Rows, seeds: dict[str, int], compute: Compute) -> Partitioned:
    """Partition few rows by their embedding and their components."""
    choice, k = _number(dec, code, seeds)
    components, _ = principal_components(rows, _COMPONENTS, generator(seeds["centroids"]), compute)
    points, some = components.cpu().numpy(), code[torch.arange(len(rows))].cpu().numpy()
    found = partition([some], k, graph=None, points=points, random_state=seeds["centroids"])
    return Partitioned(choice, k, found.name, None, workers.same(torch.from_numpy(found.labels)), None)


def _number(dec: Any, code: Tensor | Streamed | Rows, seeds: dict[str, int]) -> tuple[Choice | None, int]:
    """Return the number of clusters, and why, where it is to be chosen by an embedding or the rows of a table."""
    if isinstance(dec.n_clusters, Integral):
        return None, int(dec.n_clusters)
    choice = choose_on(code, dec.n_clusters, seeds["choice"])
    return choice, choice.n_clusters


def choose_on(code: Tensor | Streamed | Rows, wanted: Any, seed: int) -> Choice:
    """Choose the wanted number of clusters on the embedding of all rows, or on the rows of a table."""
    is_table = not isinstance(code, Tensor | Streamed)
    ks = numbers_to_try(wanted, len(code), is_table=is_table)
    resolution = wanted if isinstance(wanted, str) else "auto"
    if not isinstance(code, Tensor | Streamed):
        index = np.arange(0, len(code), -(-len(code) // _MOST_OF_TABLE))
        values = code.take(index).astype(np.float32, copy=False)
        return choose(values, ks, resolution=resolution, kinds=kinds_of(code), seed=seed)
    some = code[torch.arange(0, len(code), -(-len(code) // _MOST_TO_CHOOSE))]
    return choose(some.cpu().numpy(), ks, resolution=resolution, n_rows=len(code), seed=seed)


def _kmeans(dec: Any, code: Tensor | Streamed, seeds: dict[str, int], began: float) -> tuple[Any, Centroids]:
    """Run k-means on the embedding, as the paper does; with "auto", cut anew what its graph separates better."""
    choice, k = _number(dec, code, seeds)
    separate, seed = dec.init == "auto", seeds["centroids"]
    centers, labels, record = kmeans_centroids(code, k, seed=seed, started=began, separate=separate)
    return (choice, centers, list(range(k)), labels), record


def _with_centers(
    partitioned: Partitioned, code: Tensor | Streamed, seeds: dict[str, int], began: float
) -> tuple[Any, Centroids]:
    """Place centres where the clusters of a partition lie in the code, and give all rows a cluster."""
    k, labels = partitioned.n_clusters, partitioned.labels.clone()  # a file holds no tensor twice
    some = code if partitioned.index is None else code[partitioned.index]
    random_state = np.random.RandomState(seeds["centroids"])
    centers, of_center = place_centers(some, labels.numpy(), k, random_state)
    _, nearest, inertia = settled(code, centers, 0)
    if partitioned.index is not None:
        labels = torch.from_numpy(of_center).to(nearest.device)[nearest.long()]
    record = Centroids(
        inertia=inertia,
        n_init=1,
        sizes=tuple(torch.bincount(labels, minlength=k).tolist()),
        seconds=perf_counter() - began,
        found_by=partitioned.found_by,
    )
    return (partitioned.choice, centers, of_center.tolist(), labels), record
