"""Names that something else makes up, such as a language model."""

from collections.abc import Callable
from typing import Any

from torchdec._dec import DEC
from torchdec.clusters._change import rename
from torchdec.clusters._describe import Cluster, described_rows

Namer = Callable[[Cluster, list[str]], str]


def name_clusters(model: DEC, X: Any, namer: Namer) -> DEC:
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
