"""How many clusters there may be, drawn."""

from typing import TYPE_CHECKING

from torchdec._core.number_of_clusters import Choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
