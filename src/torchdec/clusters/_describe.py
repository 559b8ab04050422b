"""What the clusters of a model are, from the rows: sizes, certainty, what stands out, examples, outliers."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from torchdec._assigned import Assigned
from torchdec._dec import DEC
from torchdec._representation import validated_rows
from torchdec.clusters._change import rename
from torchdec.clusters._rules import Rules, rules_of
from torchdec.clusters._traits import Table, Trait, automatic_names, sampled_table, traits_of
from torchdec.clusters._words import words_of
from torchdec.prepare._mixed import Mixed
from torchdec.prepare._texts import Texts
from torchdec.rows import Rows, as_rows
from torchdec.rows._precision import differences
from torchdec.rows._shown import shown

if TYPE_CHECKING:
    from pandas import DataFrame


# Rows that are held at a time while features are compared.
_CHUNK = 4096
# Features without names say something while a person can count them.
_COUNTABLE = 30


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster in words and numbers.

    Attributes
    ----------
    number : int
        0 to k - 1.
    name : str
        As given by `rename`, or empty.
    size : int
        Rows.
    share : float
        Of all rows that hold something.
    confidence, confidence_p10 : float or None
        Mean and tenth percentile of the largest soft assignment over its rows; None without rows.
    nearest : int or None
        The cluster with the nearest centre; None where there is no other.
    features : tuple of (str, float)
        What stands out: names of features, and by how many of their standard deviations the mean of the cluster
        differs from that of all rows, the largest difference first. Empty where `traits` tell a table that was
        encoded, whose features aren't its columns.
    exemplars : tuple of int
        Numbers of the rows nearest to its centre, nearest first; where it has several centres, the row nearest to
        each of these comes first, then the second of each, and so on.
    traits : tuple of Trait
        Of a table: what tells its rows from all others, in the units of the columns, the largest effect first.
    words : tuple of str
        Of texts: the words and phrases that tell its texts from all others, the clearest first.
    automatic_name : str
        Made of its clearest words, of its strongest traits, such as "Pro, annual_spend high", or of the named
        features (genes) that it has most of; differs from those of the other clusters. Else empty.
    """

    number: int
    name: str
    size: int
    share: float
    confidence: float | None
    confidence_p10: float | None
    nearest: int | None
    features: tuple[tuple[str, float], ...]
    exemplars: tuple[int, ...]
    traits: tuple[Trait, ...] = ()
    words: tuple[str, ...] = ()
    automatic_name: str = ""

    @property
    def shown_name(self) -> str:
        """The name that it was given, else its automatic one, else nothing."""
        return self.name or self.automatic_name


def describe(model: DEC, X: Any, *, n_features: int = 5, n_exemplars: int = 10) -> tuple[Cluster, ...]:
    """Describe each cluster of a model by the rows that it gets.

    Parameters
    ----------
    model : DEC
        Fitted.
    X : array, sparse matrix, DataFrame or Rows of shape (n, d)
        The rows of the fit or others.
    n_features : int, default=5
        Features, and traits of a table, named for each cluster.
    n_exemplars : int, default=10
        Rows named for each cluster.

    Returns
    -------
    tuple of Cluster
        One for each cluster, in order.

    Raises
    ------
    ValueError
        If `X` has another width than at fit, or values that are not finite.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import DEC, Autoencoder
    >>> from torchdec.clusters import describe
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = DEC(10, representation=Autoencoder(max_epochs=2), tol=0.5, random_state=0).fit(X)
    >>> sum(cluster.size for cluster in describe(model, X))
    1797
    """
    return described_rows(model, X, n_features=n_features, n_exemplars=n_exemplars)[0]


def described_rows(
    model: DEC, X: Any, *, n_features: int = 5, n_exemplars: int = 10
) -> tuple[tuple[Cluster, ...], Rows]:
    """Return what `describe` does, and the rows that it was told by."""
    rows = _rows_for(model, X)
    assigned = Assigned(model, model.predict_chunks(rows))
    table = sampled_table(rows, assigned.labels, assigned.n_clusters)
    return described(model, assigned, rows, table, n_features=n_features, n_exemplars=n_exemplars), rows


def _rows_for(model: DEC, X: Any) -> Rows:
    """Return rows with the names of their features, and those of a table or of texts as the model reads them."""
    return validated_rows(model, X) if isinstance(model.preparation_.prepared, Mixed | Texts) else as_rows(X)


def rules(model: DEC, X: Any) -> Rules | None:
    """Say who is in which cluster of a table, by a shallow decision tree that imitates the model.

    Parameters
    ----------
    model : DEC
        Fitted.
    X : DataFrame or Rows of shape (n, d)
        A table; of more than 100,000 rows that many are drawn.

    Returns
    -------
    Rules or None
        At most 16, with the fraction of rows held out for which they agree with the model. None where X is no
        table, has fewer than 40 rows or 5 a cluster, or all rows are in one cluster.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from torchdec import DEC, NeighborEncoder
    >>> from torchdec.clusters import rules
    >>> rng = np.random.default_rng(0)
    >>> ages = np.concatenate([rng.normal(20, 1, 99), rng.normal(60, 1, 99)])
    >>> X = pd.DataFrame({"age": ages, "height": rng.normal(170, 1, 198)})
    >>> model = DEC(2, representation=NeighborEncoder(max_epochs=5), random_state=0).fit(X)
    >>> found = rules(model, X)
    >>> found.fidelity, len(found.rules)
    (1.0, 2)
    """
    rows = _rows_for(model, X)
    labels = Assigned(model, model.predict_chunks(rows)).labels
    table = sampled_table(rows, labels, len(model.cluster_names_))
    return None if table is None else rules_of(table)


def described(
    model: DEC,
    assigned: Assigned,
    rows: Rows | None,
    table: Table | None,
    *,
    n_features: int = 5,
    n_exemplars: int = 10,
) -> tuple[Cluster, ...]:
    """Describe clusters from where their rows were put; without the rows themselves no feature stands out."""
    sizes = np.bincount(assigned.labels[assigned.labels >= 0], minlength=assigned.n_clusters)
    features: list[tuple[tuple[str, float], ...]] = [()] * len(sizes)
    if rows is not None and n_features and not hasattr(rows, "parsed"):
        features = _standing_out(rows, assigned.labels, sizes, n_features)
    traits: list[tuple[Trait, ...]] = [()] * len(sizes) if table is None else traits_of(table, n_features)
    texts = getattr(rows, "texts", None)
    words = [()] * len(sizes) if texts is None else words_of(texts, assigned.labels, assigned.n_clusters)
    named = rows is not None and rows.feature_names is not None
    names = automatic_names(traits, words, features if named else ())
    nearest_rows = _nearest_rows(assigned, n_exemplars)
    neighbors = _nearest_clusters(model)
    n_rows = max(1, int(sizes.sum()))
    described = []
    for number, size in enumerate(sizes.tolist()):
        sure = assigned.confidence[assigned.labels == number]
        described.append(
            Cluster(
                number=number,
                name=model.cluster_names_[number],
                size=size,
                share=size / n_rows,
                confidence=float(sure.mean()) if size else None,
                confidence_p10=float(np.quantile(sure, 0.1)) if size else None,
                nearest=neighbors[number],
                features=features[number] if size else (),
                exemplars=tuple(nearest_rows[number].tolist()),
                traits=traits[number],
                words=words[number],
                automatic_name=names[number],
            )
        )
    return tuple(described)


@dataclass(frozen=True, slots=True)
class Description:
    """What a run and its page say of clusters; the rules are those of a table, None of other rows."""

    clusters: tuple[Cluster, ...]
    rules: Rules | None


def description_of(
    model: DEC, assigned: Assigned, rows: Rows | None, *, are_pictures: bool = False
) -> Description:
    """Describe clusters by what a person can tell rows by, which pixels and nameless coordinates are not."""
    table = None if are_pictures else sampled_table(rows, assigned.labels, assigned.n_clusters)
    n_features = 0 if are_pictures or rows is None or not _tells(rows) else 5
    clusters = described(model, assigned, rows, table, n_features=n_features)
    return Description(clusters, None if table is None else rules_of(table))


def _tells(rows: Rows) -> bool:
    """Tell whether features say something by themselves; words are told by `words_of`."""
    is_text = getattr(rows, "texts", None) is not None
    return not is_text and (rows.feature_names is not None or rows.shape[1] <= _COUNTABLE)


def summary(model: DEC, X: Any) -> "DataFrame":
    """Return `describe` as a pandas DataFrame: one line for each cluster, indexed by its number.

    Raises
    ------
    ImportError
        Without pandas.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import DEC, Autoencoder
    >>> from torchdec.clusters import summary
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = DEC(10, representation=Autoencoder(max_epochs=2), tol=0.5, random_state=0).fit(X)
    >>> list(summary(model, X).columns[:4])
    ['name', 'size', 'share', 'confidence']
    """
    try:
        from pandas import DataFrame
    except ImportError:
        raise ImportError("summary makes a pandas DataFrame; pip install pandas, or use describe.") from None
    lines = [asdict(cluster) for cluster in describe(model, X)]
    return DataFrame(lines).set_index("number")


def exemplars(model: DEC, X: Any, n: int = 10) -> list[NDArray[np.int64]]:
    """Return the numbers of the `n` rows nearest to the centre of each cluster, nearest first (paper, figure 3).

    A cluster of several centres has the row nearest to each of these first, then the second of each, and so on.
    One of fewer rows has fewer.

    Raises
    ------
    ValueError
        If `n` is less than 1, or `X` does not suit the model.
    """
    if not (isinstance(n, Integral) and n >= 1):
        raise ValueError(f"n={shown(n)} asks for no rows; try 1 or more.")
    return _nearest_rows(Assigned(model, model.predict_chunks(X)), n)


def _nearest_rows(assigned: Assigned, n: int) -> list[NDArray[np.int64]]:
    nearest = []
    for number in range(assigned.n_clusters):
        own = np.flatnonzero(assigned.labels == number)
        own = own[np.argsort(assigned.distance[own], kind="stable")]
        centers, rank = assigned.center[own], np.empty(len(own), dtype=np.int64)
        for center in np.unique(centers):
            of_center = centers == center
            rank[of_center] = np.arange(of_center.sum())
        nearest.append(own[np.argsort(rank, kind="stable")[:n]])
    return nearest


def apart(model: DEC) -> NDArray[np.float64]:
    """Return the distance between the nearest centres of each two clusters, (k, k); 0 of a cluster to itself."""
    order = np.argsort(model.center_clusters_, kind="stable")
    first = np.searchsorted(model.center_clusters_[order], np.arange(len(model.cluster_names_)))
    centers = model.cluster_centers_[order]
    distances = np.minimum.reduceat(cdist(centers, centers), first, axis=0)
    nearest: NDArray[np.float64] = np.minimum.reduceat(distances, first, axis=1)
    return nearest


def _nearest_clusters(model: DEC) -> list[int | None]:
    """Find for each cluster the one that has the centre nearest to any of its own."""
    distances = apart(model)
    if len(distances) == 1:
        return [None]
    np.fill_diagonal(distances, np.inf)
    return [int(number) for number in distances.argmin(axis=1)]


def _standing_out(
    rows: Rows, labels: NDArray[np.int32], sizes: NDArray[np.int64], n_features: int
) -> list[tuple[tuple[str, float], ...]]:
    n, d = max(1, int(sizes.sum())), rows.shape[1]
    sums, squares = np.zeros((len(sizes), d)), np.zeros(d)
    # Sums of what rows differ from the first one that holds something: a large mean would cancel them.
    first = rows.take(np.array([np.argmax(labels >= 0)]))[0].astype(np.float64)
    start = 0
    for chunk in rows.chunks(_CHUNK):
        own = labels[start : start + len(chunk)]
        start += len(chunk)
        apart, own = differences(chunk[own >= 0], first), own[own >= 0]
        for number in np.unique(own):
            sums[number] += apart[own == number].sum(axis=0)
        squares += np.square(apart).sum(axis=0)
    mean = sums.sum(axis=0) / n
    spread = np.sqrt(np.maximum(squares / n - np.square(mean), 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        unusual = np.nan_to_num((sums / np.maximum(sizes, 1)[:, None] - mean) / spread, posinf=0, neginf=0)
    names = rows.feature_names or [str(number) for number in range(d)]
    return [
        tuple((names[i], round(float(row[i]), 3)) for i in np.argsort(-np.abs(row), kind="stable")[:n_features])
        for row in unusual
    ]


def name_clusters(model: DEC, X: Any, namer: Callable[[Cluster, list[str]], str]) -> DEC:
    """Let a function name the clusters, such as one that asks a language model.

    Parameters
    ----------
    model : DEC
        Fitted; it stays as it is.
    X : array, sequence of str, DataFrame or Rows of shape (n, d)
        Rows to describe the clusters by, best those of the fit.
    namer : callable
        Is given a `Cluster` (its words, traits, features and the numbers of its exemplars) and the texts of these
        exemplars, where rows are texts; returns a name. An empty one leaves the cluster without a name of its own.

    Returns
    -------
    DEC
        With the names, and the edits recorded in `edits_`.

    Raises
    ------
    TypeError
        If `namer` returns no text.

    Examples
    --------
    >>> from torchdec import DEC, NeighborEncoder
    >>> from torchdec.clusters import name_clusters
    >>> X = ["my card was charged twice", "the parcel is lost"] * 20
    >>> model = DEC(2, representation=NeighborEncoder(max_epochs=2), tol=0.5, random_state=0).fit(X)
    >>> def by_word(cluster, examples):  # a language model would get both in its prompt
    ...     return "Payment" if "card" in " ".join(examples) else "Delivery"
    >>> sorted(name_clusters(model, X, by_word).cluster_names_)
    ['Delivery', 'Payment']
    """
    clusters, rows = described_rows(model, X)
    texts = getattr(rows, "texts", None)
    for cluster in clusters:
        examples = [] if texts is None else [texts[row] for row in cluster.exemplars]
        model = rename(model, cluster.number, namer(cluster, examples))
    return model
