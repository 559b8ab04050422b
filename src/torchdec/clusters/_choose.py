"""How many clusters to ask for, and the figures that say so, drawn."""

from collections.abc import Generator, Iterable
from dataclasses import replace
from numbers import Real
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from torch import Tensor

from torchdec._core.batches import Streamed, code_of
from torchdec._core.compute import resolve
from torchdec._core.journal import Journal
from torchdec._core.number_of_clusters import Choice, numbers_to_try
from torchdec._core.randomness import split
from torchdec._core.torch_globals import under_own_globals
from torchdec._dec import DEC
from torchdec._representation import Representation, rows_to_fit
from torchdec._starts import choose_on, new_representation, own_networks
from torchdec.metrics import generalizability
from torchdec.rows import Rows
from torchdec.rows._derived import PartOfRows
from torchdec.rows._protocol import kinds_of
from torchdec.rows._shown import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_Made = TypeVar("_Made")


@under_own_globals
def choose_k(
    X: Any,
    ks: Iterable[int] | Literal["auto", "coarse", "fine"] = "auto",
    *,
    representation: str | Representation | FrozenEstimator = "neighbors",
    hold_out: float = 0.0,
    random_state: int | np.random.RandomState | None = None,
) -> Choice:
    """Recommend a number of clusters, from one representation of the rows.

    The rows are embedded once, and joined from the densest to the sparsest. A cluster counts where rows lie
    clearly denser in its midst than in the valley that it is left through; the largest number of clusters
    that all count is recommended, and 1 where there is no valley. In a prepared table of numbers and kinds
    the clusters are latent classes instead, and count where the classes of one half of the rows tell those of
    the other half.

    Parameters
    ----------
    X : array, sparse matrix, DataFrame or Rows of shape (n, d)
        Rows that hold nothing are left out.
    ks : iterable of int, "auto", "coarse" or "fine", default="auto"
        Numbers to try. "auto" is 1 to 500 (of a table of numbers and kinds 30), or up to half of the rows.
        "coarse" asks for deeper valleys, so there are fewer clusters, and "fine" for shallower ones.
    representation : str or estimator, default="neighbors"
        As in `DEC`.
    hold_out : float, default=0.0
        Share of the rows to take the paper's G on, below 1, such as 0.2; 0 leaves G out. The representation is
        then fitted a second time, without these rows (unless it is frozen: it should not have seen them), and a
        DEC is trained for every k, which takes far longer than all else.
    random_state : int, RandomState or None, default=None
        An int gives what `DEC` chooses with the same `n_clusters`, `representation` and `random_state`.

    Returns
    -------
    Choice
        `n_clusters`, `reason`, `runner_up`, and the figures of all candidates.

    Raises
    ------
    ValueError
        If `ks` has no number of 1 or more, or one larger than half of the rows, all rows are equal, or `hold_out`
        is no share below 1 that leaves rows on both sides.

    References
    ----------
    Chazal, Guibas, Oudot, Skraba, "Persistence-Based Clustering in Riemannian Manifolds", JACM 60 (6), 2013.
    Tibshirani, Walther, "Cluster Validation by Prediction Strength", JCGS 14 (3), 2005.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from torchdec import NeighborEncoder
    >>> from torchdec.clusters import choose_k
    >>> X, _ = make_blobs(300, 8, centers=4, random_state=1)
    >>> choose_k(X, range(2, 8), representation=NeighborEncoder(max_epochs=4), random_state=0).n_clusters
    4
    """
    if not (isinstance(hold_out, Real) and 0 <= hold_out < 1):
        raise ValueError(f"hold_out={shown(hold_out)} must be a fraction in [0, 1); try 0.2, or 0 for no G.")
    dec = DEC("auto", representation=representation, random_state=random_state)
    dec._validate_params()
    _, rows = rows_to_fit(dec, X)
    is_table = kinds_of(rows) is not None
    tried = numbers_to_try(ks, len(rows), "ks", is_table=is_table)
    dec.set_params(n_clusters=ks if isinstance(ks, str) else tried)._check_row_count(rows)
    # By the names that `DEC.iter_fit` uses, so that the same random_state chooses the same number.
    seeds = split(random_state, "representation", "choice", "hold-out")
    code = rows if is_table else _embedding(dec, rows, seeds["representation"])
    choice = choose_on(code, dec.n_clusters, seeds["choice"])
    return _with_g(choice, dec, rows, hold_out, seeds) if hold_out else choice


def _embedding(dec: DEC, rows: Rows, seed: int) -> Tensor | Streamed:
    """Return what a fit of the DEC would choose its number of clusters on."""
    compute, representation = resolve(dec.device, dec.precision), new_representation(dec, seed)
    if not isinstance(dec.representation, FrozenEstimator):
        journal = Journal()
        embedded = _last(representation.embed(rows, perf_counter(), journal))
        if embedded is not None and embedded.embeddings:
            return torch.cat(embedded.embeddings, dim=1)
        for _ in representation.learn(rows, perf_counter(), journal):
            pass
    network, _ = own_networks(representation, 0.0, compute)
    return code_of(network, representation.prepared(rows), representation.scale_, compute)


def _last(steps: Generator[Any, None, _Made]) -> _Made:
    """Run through all steps, and return what they lead to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: _Made = end.value
            return made


def _fitted(dec: DEC, rows: Rows, seed: int) -> Representation:
    """Return the representation that a fit of the DEC would learn from these rows, or the one that it holds."""
    representation = new_representation(dec, seed)
    return representation if isinstance(dec.representation, FrozenEstimator) else representation.fit(rows)


def _with_g(choice: Choice, dec: DEC, rows: Rows, hold_out: float, seeds: dict[str, int]) -> Choice:
    """Add G of a DEC of each number of clusters that was tried."""
    order = np.random.RandomState(seeds["hold-out"]).permutation(len(rows))
    n_out = round(hold_out * len(rows))
    most = choice.candidates[-1].n_clusters
    if not 0 < n_out <= len(rows) - most:
        raise ValueError(
            f"hold_out={hold_out!r} of {len(rows)} rows leaves {len(rows) - n_out} to fit and {n_out} to hold "
            f"out, for up to {most} clusters; try 0.2."
        )
    train, validation = (PartOfRows(rows, np.sort(part)) for part in (order[n_out:], order[:n_out]))
    frozen = FrozenEstimator(_fitted(dec, train, seeds["representation"]))
    candidates = []
    for candidate in choice.candidates:
        model = DEC(candidate.n_clusters, representation=frozen, random_state=seeds["hold-out"]).fit(train)
        g = generalizability(model.predict_proba(train), model.predict_proba(validation))
        candidates.append(replace(candidate, generalizability=g))
    return replace(choice, candidates=tuple(candidates))


def plot_choice(choice: Choice, ax: "Axes | None" = None) -> "Axes":
    """Draw strength and stability by the number of clusters, with matplotlib.

    Parameters
    ----------
    choice : Choice
        As `choose_k` returns it, or `DEC.choice_`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new ones by default.

    Raises
    ------
    ImportError
        Without matplotlib.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from torchdec import NeighborEncoder
    >>> from torchdec.clusters import choose_k, plot_choice
    >>> X, _ = make_blobs(300, 8, centers=4, random_state=1)
    >>> choice = choose_k(X, range(2, 8), representation=NeighborEncoder(max_epochs=4), random_state=0)
    >>> plot_choice(choice).get_xlabel()
    'number of clusters'
    """
    axes = new_axes(ax)
    ks = [candidate.n_clusters for candidate in choice.candidates]
    axes.plot(ks, [candidate.strength for candidate in choice.candidates], marker="o", label="strength")
    stable = [candidate.stability for candidate in choice.candidates]
    if None not in stable:
        axes.plot(ks, [value or 0.0 for value in stable], marker=".", color="0.6", label="stability")
    axes.axvline(choice.n_clusters, color="0.3", linestyle=":", label=f"recommended: {choice.n_clusters}")
    axes.set(xlabel="number of clusters", ylim=(0, 1.05))
    axes.legend()
    return axes


def new_axes(ax: "Axes | None") -> "Axes":
    """Return axes, those that are given or new ones."""
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise ImportError(f"plot needs {error.name}; try pip install 'torchdec[plot]'.") from None
    return plt.subplots(layout="constrained")[1] if ax is None else ax
