"""Stage 1 from the neighbour graph: its embedding, and an encoder that learns it; `Autoencoder`'s interface."""

import math
from collections.abc import Callable, Generator, Iterator
from numbers import Integral, Real
from time import perf_counter
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn

from torchdec._core import workers
from torchdec._core.batches import CHUNK, in_order, joined
from torchdec._core.compute import Compute, Precision
from torchdec._core.free_embedding import Embedded, free_embedding
from torchdec._core.graph_space import components_agree, lengths_and_fullness
from torchdec._core.journal import Journal
from torchdec._core.layers import stack, without_batch_norm
from torchdec._core.nearest import NearestRows, nearest, nearest_of_moved
from torchdec._core.neighbor_encoder import embed_neighbors, in_units_of, learn_embedding
from torchdec._core.neighbor_graph import (
    COPIES,
    changed_copies,
    layout,
    layout_weight,
    moved_copies,
    principal_components,
)
from torchdec._core.randomness import generator, split
from torchdec._core.records import Epoch, Search
from torchdec._core.training import MANY_ROWS, Source
from torchdec._representation import Representation, freeze
from torchdec.augment import Augment
from torchdec.rows import Rows
from torchdec.rows._arrays import DenseRows
from torchdec.rows._derived import PartOfRows
from torchdec.rows._protocol import image_shape_of, kinds_of

# Components that the graph is built on where their number is left open; of rows that all have one length, as
# embeddings of sentences and pictures have, whose 50 leading ones leave too much out.
_COMPONENTS, _COMPONENTS_OF_EMBEDDINGS = 50, 200
# Embeddings of the rows, each by its own draw; of many rows they differ less.
_EMBEDDINGS, _EMBEDDINGS_OF_MANY = 3, 2
# Deviation of what is added to where an embedding starts, beside one of 1.
_NOISE = 0.01
# Rows up to which tables are small, and partitioned by their components too; pictures are wider, and are not.
_SMALL_TABLE = 5000
# Hidden layers where they are left open.
_HIDDEN, _HIDDEN_OF_TABLES = (500, 500, 2000), (500, 500)
# Neighbours of each row where their number is left open.
_FEWEST_NEIGHBORS, _MOST_NEIGHBORS = 3, 15
# Rows that are larger as a float32 array (1 GiB) are only looked at through their components, and not copied.
_MOST_VALUES = 2**28
# So many rows with a smaller share of values that are not zero, as counts of words or genes have, are not embedded
# without a network: it sees what they share, and follows single neighbours less.
_SPARSE, _MANY_SPARSE = 0.15, 1000
# With a smaller share yet, rows hold few of many features: they go without some of these, and may have their
# neighbours found among themselves.
_VERY_SPARSE, _DROPOUT = 0.05, 0.3


class NeighborEncoder(Representation):
    """Encoder d-500-500-2000-10 trained so that rows that are neighbours get codes that are near.

    The nearest neighbours of each row are found once, among the rows or their leading principal components. Those
    of a picture (`torchdec.rows.Rows` says which rows are pictures) may also be near to it moved by a 28th of its
    width or height, or rotated by 10 degrees: a digit that is moved a little is the same digit. The graph of the
    rows is embedded without a network: each row has a free vector, and each step maximises the likelihood of
    picking a neighbour among a group of rows, by Student's t kernel of the vectors. Then the encoder learns to
    give each row its vector. In a `DEC` it learns the clusters with it: the graph is partitioned first, and the
    vectors of a cluster are drawn together. Many sparse rows have no free vectors: there the encoder is trained on
    the graph itself.

    Parameters
    ----------
    hidden : sequence of int or "auto", default="auto"
        Widths of the encoder's hidden layers, each followed by batch normalisation while training. "auto" is the
        paper's (500, 500, 2000), and (500, 500) for tables of numbers and kinds, whose clusters are found in their
        columns: there the last layer takes most of the time and adds nothing to what new rows are told apart by.
    embedding_dim : int, default=10
        Width of the embedding z.
    n_neighbors : int or "auto", default="auto"
        Neighbours of each row. More make clusters coarser and forget small ones. "auto" is 15, or a tenth of the
        rows where there are fewer than 150, but at least 3. A graph of so few rows joins what is far apart, so
        with fewer than 150 rows the embedding is blended with their leading principal components, and with 50 or
        fewer it is these alone.
    metric : {"auto", "cosine", "euclidean"}, default="auto"
        Between rows in the space of the graph. "auto" is the cosine for rows of more than 50 features, where it
        makes fewer rows the neighbour of all, and Euclidean for others, whose length says more.
    n_components : int, None or "auto", default="auto"
        Principal components that the graph is built on: they take noise off, and make the search faster. None
        takes the rows as they are, which is better where each row has few features of many that are not zero,
        as short texts have. "auto" is 50; 200 for rows of more features that all have one length, as embeddings
        of sentences and pictures have; and where less than a twentieth of the values is not zero, None if the
        graph of the rows agrees better with features that it was not made from (some seconds, on 8,000 rows at
        most at a time, which take up to four times their size as a float32 array; `space_` tells). It stays with
        50 where the rows have 100 features or fewer, or would take more than 1 GiB as a float32 array.
    graph_rows : int, default=100_000
        Most rows that the graph is made of. Where there are more, the encoder learns on so many, drawn at random
        without replacement, and serves them all. The search is exact up to 16,384 and approximate above; time and
        memory grow with it (docs/scale.md).
    reconstruction_weight : float, default=0.0
        Weight of the reconstruction error, a mean over rows and features of rows scaled so that predicting zero
        costs 1. Above 0 a decoder is trained too, which keeps in the embedding what the graph does not hold, and
        makes `inverse_transform` and IDEC possible.
    dropout : float in [0, 1) or "auto", default="auto"
        Share of the features of each row that are set to zero at random at each step, so that the embedding
        does not
        rest on few of them. "auto" is 0.3 for rows that hold few of many features, as texts hold words (less than
        a twentieth of all values is not zero), and 0 for others: pixels and measurements lose accuracy by it.
    max_epochs : int or "auto", default="auto"
        Passes of the encoder over the rows. "auto" is 100,000 rows in all, but 4 to 20 passes; of many sparse rows
        80 passes, but 2,000 steps at most.
    batch_size : int or "auto", default="auto"
        Rows a step. "auto" is an eighth of them, 64 to 512, or 1,024 from 32,768 rows on; of many sparse rows 512
        or 1,024, and as many neighbours.
    learning_rate : float or "auto", default="auto"
        Peak of the one-cycle schedule of Adam. "auto" is 0.004; of many sparse rows 0.002, or 0.006
        from 32,768 rows on.
    augment : callable or None, default=None
        Changes rows at random in ways that leave their cluster as it is. The neighbours of a row are then those
        that are nearest to it or to any of 32 changed copies of it; the search takes 33 times as long. Half of
        the rows that the encoder learns from are changed too.
        `torchdec.augment.ShiftRotate` is for images, `torchdec.augment.Augment` the form of others.
    standardize : bool or "auto", default="auto"
        Whether each column is first brought to mean 0 and standard deviation 1. "auto" does so where columns have
        different units: fewer than 3 hold nearly all the variance of at least 5 times as many, or one alone all
        but a hundredth, and they are not centred. Columns that lie more than 10 times as far from 0 as they, and
        columns on average, differ (years, pressures) are brought to mean 0 alone, with False too. Pixels, words,
        genes and embeddings stay as they are; `feature_means_` tells.
    device : str, default="auto"
        "auto" (CUDA if present), "cpu", "cuda", "cuda:1", ...
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of the training steps. "auto" is bfloat16 where the hardware multiplies it natively. `transform` always
        computes in float32.
    random_state : int, RandomState or None, default=None
        Weights, principal components, order of the rows, neighbours drawn. An int gives the same bits each time
        on one machine.

    Attributes
    ----------
    encoder_ : torch.nn.Sequential
        The trained stack, batch normalisation folded into its layers. Maps `scale_` times the rows to the
        embedding.
    decoder_ : torch.nn.Sequential or None
        Maps the embedding back to `scale_` times the rows, where `reconstruction_weight` is above 0.
    scale_ : float
        The scalar that makes the mean of ||x||^2 / d equal 1.
    feature_means_, feature_deviations_ : ndarray of shape (d,), or None
        What is taken from each column and what it is then divided by, None where columns stay as they are; float64
        where float32 would round what a column differs by.
    space_ : {"rows", "components"}
        Where the neighbours were found.
    dropout_ : float
        Share of the features that each row went without.
    history_ : list of Epoch
        Loss, learning rate and seconds on the way.
    n_features_in_ : int
        d.

    See Also
    --------
    Autoencoder : The representation of the paper.
    torchdec.DEC : Clusters on top of the embedding.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import NeighborEncoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> encoder = NeighborEncoder(max_epochs=2, random_state=0).fit(X)
    >>> encoder.transform(X).shape
    (1797, 10)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden": ["array-like", StrOptions({"auto"})],
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "metric": [StrOptions({"auto", "cosine", "euclidean"})],
        "n_components": [Interval(Integral, 1, None, closed="left"), None, StrOptions({"auto"})],
        "graph_rows": [Interval(Integral, 2, None, closed="left")],
        "reconstruction_weight": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"})],
        "max_epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "batch_size": [Interval(Integral, 2, None, closed="left"), StrOptions({"auto"})],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "augment": [callable, None],
        "standardize": ["boolean", StrOptions({"auto"})],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hidden: tuple[int, ...] | Literal["auto"] = "auto",
        embedding_dim: int = 10,
        *,
        n_neighbors: int | Literal["auto"] = "auto",
        metric: Literal["auto", "cosine", "euclidean"] = "auto",
        n_components: int | Literal["auto"] | None = "auto",
        graph_rows: int = 100_000,
        reconstruction_weight: float = 0.0,
        dropout: float | Literal["auto"] = "auto",
        max_epochs: int | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: float | Literal["auto"] = "auto",
        augment: Augment | None = None,
        standardize: bool | Literal["auto"] = "auto",
        device: str = "auto",
        precision: Precision = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden = hidden
        self.embedding_dim = embedding_dim
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.n_components = n_components
        self.graph_rows = graph_rows
        self.reconstruction_weight = reconstruction_weight
        self.dropout = dropout
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.augment = augment
        self.standardize = standardize
        self.device = device
        self.precision = precision
        self.random_state = random_state

    def embed(self, rows: Rows, started: float, journal: Journal) -> Generator[Search, None, Embedded]:
        """Embed rows that were validated: their graph and free vectors, of many sparse ones the graph alone."""
        compute = self._scaled(rows, journal)
        return (yield from self._embed(self.prepared(rows), compute, started, journal))

    def _embed(
        self, rows: Rows, compute: Compute, started: float, journal: Journal
    ) -> Generator[Search, None, Embedded]:
        if len(rows) < 2:
            raise ValueError(f"n_samples={len(rows)} leaves no neighbours to learn from; try more rows.")
        seeds = self._seeds(journal)
        some = self._some(len(rows), seeds["sample"])
        if some is not None:
            rows = _copied(PartOfRows(rows, some))
        if "graph" not in journal.results:
            random = generator(seeds["components"])
            journal.results["graph"] = yield from self._search(rows, random, compute, started)
        self.space_, graph = journal.results["graph"]
        embeddings: tuple[Tensor, ...] = ()
        if len(rows) < _MANY_SPARSE or lengths_and_fullness(rows)[1] >= _SPARSE:
            embeddings = journal.once(
                "embeddings", lambda: self._embeddings(rows, graph, seeds["layout"], compute)
            )
        points = None
        if len(rows) <= _SMALL_TABLE and rows.shape[1] <= 2 * _COMPONENTS:
            points, _ = principal_components(rows, _COMPONENTS, generator(seeds["components"]), compute)
        return Embedded(rows, some, graph, embeddings, points)

    def _train(
        self,
        rows: Rows,
        compute: Compute,
        started: float,
        journal: Journal,
        embedded: Embedded | None = None,
    ) -> Iterator[Search | Epoch]:
        if embedded is None:
            embedded = yield from self._embed(rows, compute, started, journal)
        places, rows = embedded.places, embedded.rows
        if places is None and embedded.embeddings:
            places = embedded.embeddings[0]
        seeds = self._seeds(journal)
        hidden = self.hidden
        if isinstance(hidden, str):
            hidden = _HIDDEN if kinds_of(rows) is None else _HIDDEN_OF_TABLES
        widths = (rows.shape[1], *hidden, self.embedding_dim)
        encoder = stack(widths, generator(seeds["network"]), batch_norm=True).to(compute.device)
        decoder = None
        if self.has_decoder:
            decoder = stack(widths[::-1], generator(seeds["decoder"]), batch_norm=True).to(compute.device)
        batch_size, learning_rate, n_passes, most_steps = self._pace(len(rows), on_graph=places is None)
        batches = generator(seeds["batches"])
        source = Source(rows, self.scale_, batch_size, batches, compute, started, self.augment, journal)
        self.dropout_ = journal.once("dropout", lambda: self._dropout(rows, compute))
        settings: dict[str, Any] = {
            "reconstruction_weight": self.reconstruction_weight,
            "dropout": self.dropout_,
            "n_steps": source.steps(n_passes, most_steps),
            "learning_rate": learning_rate,
        }
        if places is None:
            yield from embed_neighbors(encoder, decoder, embedded.graph, source, **settings)
            trained = without_batch_norm(encoder)
        else:
            yield from learn_embedding(encoder, decoder, places, source, **settings)
            trained = in_units_of(places, without_batch_norm(encoder))
        self.encoder_ = freeze(trained)
        self.decoder_ = freeze(without_batch_norm(decoder)) if decoder else None

    def _seeds(self, journal: Journal) -> dict[str, int]:
        names = ("sample", "network", "decoder", "components", "layout", "batches")
        return journal.once("network seeds", lambda: split(self.random_state, *names))

    def _some(self, n_rows: int, seed: int) -> NDArray[np.int64] | None:
        """Return the rows to learn on, drawn without replacement; None where all are few enough."""
        if n_rows <= self.graph_rows:
            return None
        drawn = np.random.default_rng(seed).choice(n_rows, self.graph_rows, replace=False, shuffle=False)
        return np.sort(drawn)

    def _embeddings(
        self, rows: Rows, graph: Tensor, seed: int, compute: Compute
    ) -> tuple[Float32[Tensor, "rows code"], ...]:
        """Embed the rows some times; a few of them as they lie, since a graph of few joins what is far apart."""
        n = len(rows)
        random = generator(seed)
        placed, weight = layout(rows, self.embedding_dim, random, compute), layout_weight(n)
        if weight == 1:
            return (placed,)
        n_embeddings = _EMBEDDINGS if n < MANY_ROWS else _EMBEDDINGS_OF_MANY
        if kinds_of(rows) is not None:  # which are partitioned by their columns
            n_embeddings = 1
        # As wide as kernels are, and not flat: what starts as 0 in a column would stay 0.
        start = placed / placed[:, 0].std().clamp(min=torch.finfo(torch.float32).tiny)
        start = start + _NOISE * torch.randn(start.shape, generator=random)
        made = (free_embedding(start.to(compute.device), graph, random).cpu() for _ in range(n_embeddings))
        return tuple(workers.same(torch.lerp(embedding, placed, weight)) for embedding in made)

    @property
    def has_decoder(self) -> bool:
        """Whether a decoder is trained too."""
        return self.reconstruction_weight > 0

    def _search(
        self, rows: Rows, random: torch.Generator, compute: Compute, started: float
    ) -> Generator[Search, None, tuple[str, Tensor]]:
        """Return the space that neighbours were found in, and the neighbours of each row."""
        n, d = rows.shape
        n_searches = 1 if self.augment is None else 1 + COPIES
        yield Search(0, n_searches, perf_counter() - started)
        n_neighbors = min(self._n_neighbors(n), n - 1)
        cosine = self.metric == "cosine" or (self.metric == "auto" and d > _COMPONENTS)
        n_components = self._n_components(rows, n_neighbors, random, compute, cosine=cosine)
        points, project = _projected(rows, n_components, random, compute)
        shape = image_shape_of(rows)
        if self.augment is not None:
            near = NearestRows(points, n_neighbors, cosine=cosine)
            copies = changed_copies(rows, self.augment, self.scale_, project, random, compute)
            for done, copy in enumerate(copies, start=1):
                yield Search(done, n_searches, perf_counter() - started)
                near.add(copy)
            graph = near.neighbors
        elif shape is not None:
            copies = moved_copies(rows, shape, project, compute)
            graph = nearest_of_moved(points, copies, n_neighbors, cosine=cosine)
        else:
            graph = nearest(points, n_neighbors, cosine=cosine)
        yield Search(n_searches, n_searches, perf_counter() - started)
        return "rows" if n_components is None else "components", workers.same(torch.from_numpy(graph))

    def _n_neighbors(self, n_rows: int) -> int:
        """Return the neighbours of each row: where their number is left open, no more than a tenth of the rows."""
        if self.n_neighbors != "auto":
            return self.n_neighbors
        return min(_MOST_NEIGHBORS, max(_FEWEST_NEIGHBORS, n_rows // 10))

    def _n_components(
        self, rows: Rows, n_neighbors: int, random: torch.Generator, compute: Compute, *, cosine: bool
    ) -> int | None:
        """Return how many components the graph is made of; None for that of the rows as they are."""
        n, d = rows.shape
        if self.n_components != "auto":
            return self.n_components
        if d <= 2 * _COMPONENTS or n <= _COMPONENTS or n * d > _MOST_VALUES:
            return _COMPONENTS
        one_length, share = lengths_and_fullness(rows)
        if share >= _VERY_SPARSE:
            return _COMPONENTS_OF_EMBEDDINGS if one_length else _COMPONENTS
        agree = components_agree(rows, _COMPONENTS, n_neighbors, random, compute, cosine=cosine)
        return _COMPONENTS if agree else None

    def _pace(self, n_rows: int, *, on_graph: bool) -> tuple[int, float, int, float]:
        """Return rows a step, learning rate, passes and the most steps, where they were left open."""
        many = n_rows >= MANY_ROWS
        most_steps: float
        if on_graph:
            batch_size, learning_rate = (1024, 6e-3) if many else (512, 2e-3)
            max_epochs, most_steps = 80, 2000
        else:
            batch_size, learning_rate = 1024 if many else min(512, max(64, n_rows // 8)), 4e-3
            max_epochs, most_steps = min(20, max(4, 100_000 // n_rows)), math.inf
        return (
            batch_size if self.batch_size == "auto" else self.batch_size,
            learning_rate if self.learning_rate == "auto" else self.learning_rate,
            max_epochs if self.max_epochs == "auto" else self.max_epochs,
            most_steps if self.max_epochs == "auto" else math.inf,
        )

    def _dropout(self, rows: Rows, compute: Compute) -> float:
        """Return the share of the features that each row goes without."""
        if self.dropout != "auto":
            return self.dropout
        n_given = sum(int(chunk.count_nonzero()) for chunk in in_order(rows, 1.0, compute))
        return _DROPOUT if n_given < _VERY_SPARSE * math.prod(rows.shape) else 0.0


def _projected(
    rows: Rows, n_components: int | None, random: torch.Generator, compute: Compute
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return the rows in the space of the graph, and what brings other rows there."""
    if n_components is None:
        return joined(map(torch.from_numpy, rows.chunks(CHUNK)), len(rows)), nn.Identity()
    return principal_components(rows, n_components, random, compute)


def _copied(rows: PartOfRows) -> Rows:
    """Copy a part of the rows into memory if it fits: its rows are read in any order."""
    n, d = rows.shape
    if n * d > _MOST_VALUES:
        return rows
    copied = DenseRows(rows.take(np.arange(n)), kinds=rows.kinds)
    copied.image_shape = rows.image_shape
    return copied
