"""Stages 1 and 2 of a `DEC`: its representation, and the clusters that self-training starts from."""

from collections.abc import Callable, Generator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from torchdec._autoencoder import Autoencoder
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
from torchdec._neighbors import NeighborEncoder
from torchdec._representation import Representation, refuse_other_names
from torchdec._transformed import Transformed, of_estimator
from torchdec.rows import Rows
from torchdec.rows._derived import PartOfRows
from torchdec.rows._protocol import kinds_of

PRESETS: dict[str, Callable[[], Representation]] = {
    "neighbors": NeighborEncoder,
    "autoencoder": Autoencoder,
    "sdae": Autoencoder.paper,
}

# The most rows, evenly spaced, whose code a number of clusters is chosen on.
_MOST_TO_CHOOSE = 20_000
# And so many rows of a table.
_MOST_OF_TABLE = 2**15
# Fewer rows than so many are partitioned by their components too, beside a code that was learnt first.
_FEW_ROWS, _COMPONENTS = 1000, 50


def new_representation(dec: Any, seed: int) -> Representation:
    """Make the estimator that a DEC asks for, or take out the fitted one that it holds frozen.

    A new one gets the seed, and augmentation, device and precision of the DEC, where it has none of its own.
    """
    wanted = dec.representation
    if isinstance(wanted, FrozenEstimator):
        representation = _checked_frozen(wanted.estimator, dec)
        if isinstance(representation, Transformed):
            _set_where_open(representation, device=dec.device)
    else:
        representation = PRESETS[wanted]() if isinstance(wanted, str) else of_estimator(clone(wanted))
        _set_where_open(
            representation, random_state=seed, augment=dec.augment, device=dec.device, precision=dec.precision
        )
        representation._validate_params()
    decoder = getattr(representation, "decoder_", representation.has_decoder)
    if dec.reconstruction_weight > 0 and decoder in (None, False):
        raise _no_decoder(representation, dec.reconstruction_weight)
    return representation


def _no_decoder(representation: Representation, reconstruction_weight: float) -> ValueError:
    return ValueError(
        f"reconstruction_weight={reconstruction_weight} needs a decoder, which "
        f'{type(representation).__name__} has not; try representation="autoencoder", a NeighborEncoder with a '
        "reconstruction_weight of its own, or a weight of 0."
    )


def set_parameter(representation: Representation, name: str, value: Any) -> None:
    """Set a parameter of a representation, also one that its class only has as an attribute."""
    if name in representation.get_params(deep=False):
        representation.set_params(**{name: value})
    else:
        setattr(representation, name, value)


def _set_where_open(representation: Representation, **parameters: Any) -> None:
    for name, value in parameters.items():
        if getattr(representation, name, ...) in (None, "auto"):
            set_parameter(representation, name, value)


def own_networks(
    representation: Representation, reconstruction_weight: float, compute: Compute
) -> tuple[nn.Module, nn.Module | None]:
    """Copy encoder and, where it has a weight, decoder, so that training leaves the representation as it is."""
    encoder = deepcopy(representation.encoder_).to(compute.device).requires_grad_()
    if reconstruction_weight == 0:
        return encoder, None
    if representation.decoder_ is None:  # known only now that its own class made the networks
        raise _no_decoder(representation, reconstruction_weight)
    return encoder, deepcopy(representation.decoder_).to(compute.device).requires_grad_()


def _checked_frozen(representation: Any, dec: Any) -> Representation:
    check_is_fitted(representation)
    refuse_other_names(*(getattr(each, "feature_names_in_", None) for each in (dec, representation)))
    if getattr(representation, "n_features_in_", dec.n_features_in_) != dec.n_features_in_:
        raise ValueError(
            f"X has {dec.n_features_in_} features, but the frozen representation was fitted on "
            f"{representation.n_features_in_}."
        )
    return of_estimator(representation, frozen=True)


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
    """Rows that were partitioned."""

    choice: Choice | None  # why there are as many clusters, where their number was to be chosen
    n_clusters: int  # k
    found_by: str  # the way of finding clusters that the judge preferred
    index: Tensor | None  # which rows they are; None where they are all
    labels: Tensor  # their clusters
    places: Tensor | None  # where an encoder that is still to be learnt had better put them


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
