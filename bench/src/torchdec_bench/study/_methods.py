"""The methods that a plan can name: each takes a problem and returns something fitted, with `labels_`."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any


@dataclass(frozen=True)
class Problem:
    """What a method gets: rows, k, a seed, and the trained representation or the near rows that it asked for.

    `stage_1` are the parameters of the representation, for a method that trains its own.
    """

    rows: Any
    n_clusters: int
    seed: int
    settings: dict[str, Any]
    image_shape: tuple[int, ...] | None = None
    representation: Any = None
    neighbors: Any = None
    stage_1: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """A way to cluster.

    Attributes
    ----------
    title : str
        As tables show it.
    fit : callable
        `Problem` -> an object with `labels_`.
    representation : str or None
        The representation of `torchdec.DEC` that is trained first; methods of one seed share it.
    settings : dict
        What sets the method apart; those of a case are added.
    clique_size : int or None
        Rows of a clique, where the method builds on the near rows of each; fits of the same rows share the search.
    """

    title: str
    fit: Callable[[Problem], Any]
    representation: str | None = None
    settings: dict[str, Any] | None = None
    clique_size: int | None = None


def method_of(name: str) -> Method:
    """Return the method of that name.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in METHODS:
        raise ValueError(f"There is no method {name!r}; there are {', '.join(METHODS)}.")
    return METHODS[name]


def _kmeans(problem: Problem) -> Any:
    from sklearn.cluster import KMeans

    return KMeans(problem.n_clusters, n_init=20, random_state=problem.seed, **problem.settings).fit(problem.rows)


def _umap(problem: Problem) -> Any:
    try:
        from umap import UMAP
    except ImportError:
        raise ValueError("The method umap needs umap-learn; try pip install umap-learn.") from None
    code = UMAP(random_state=problem.seed, n_jobs=1, **problem.settings).fit_transform(problem.rows)
    return _kmeans(Problem(code, problem.n_clusters, problem.seed, {}))


def _ldmgi(problem: Problem) -> Any:
    from torchdec_bench.baselines import LDMGI

    model = LDMGI(problem.n_clusters, random_state=problem.seed, **problem.settings)
    return model.fit(problem.rows, neighbors=problem.neighbors)


def _sec(problem: Problem) -> Any:
    from torchdec_bench.baselines import SEC

    model = SEC(problem.n_clusters, random_state=problem.seed, **problem.settings)
    return model.fit(problem.rows, neighbors=problem.neighbors)


def _on_code(fit: Callable[[Problem], Any]) -> Callable[[Problem], Any]:
    def fitted(problem: Problem) -> Any:
        code = problem.representation.transform(problem.rows)
        return fit(Problem(code, problem.n_clusters, problem.seed, problem.settings))

    return fitted


def _dec(problem: Problem) -> Any:
    from torchdec import DEC

    return DEC(
        problem.n_clusters,
        representation=problem.representation,
        random_state=problem.seed,
        **problem.settings,
    ).fit(problem.rows)


def _neighbors(problem: Problem, **settings: Any) -> Any:
    """Fit a DEC with an encoder that no other method shares: it learns the clusters of the rows too."""
    from torchdec import DEC, NeighborEncoder

    return DEC(
        problem.n_clusters,
        representation=NeighborEncoder(**problem.stage_1),
        random_state=problem.seed,
        **settings,
        **problem.settings,
    ).fit(problem.rows)


def _as_pictures(problem: Problem) -> Any:
    if problem.image_shape is None:
        raise ValueError("The method pictures needs rows that are images.")
    return _neighbors(replace(problem, rows=problem.rows.reshape(-1, *problem.image_shape)))


def _shift_rotated(problem: Problem) -> Any:
    from torchdec.augment import ShiftRotate

    if problem.image_shape is None:
        raise ValueError("The method augmented needs rows that are images.")
    return _neighbors(problem, augment=ShiftRotate(problem.image_shape))


def _without_backprop(problem: Problem) -> Any:
    """Train the centres alone towards the targets, the embedding as the representation has it (paper, table 2)."""
    import numpy as np
    import torch
    from sklearn.cluster import KMeans

    from torchdec._core.objective import (
        kl_divergence,
        log_cluster_frequency,
        log_soft_assignment,
        log_target_distribution,
    )
    from torchdec._core.randomness import generator

    code = torch.from_numpy(problem.representation.transform(problem.rows))
    start = KMeans(problem.n_clusters, n_init=20, random_state=problem.seed).fit(code.numpy())
    centers = torch.from_numpy(start.cluster_centers_).float().requires_grad_()
    optimizer = torch.optim.SGD([centers], lr=0.01, momentum=0.9)
    random = generator(problem.seed)
    labels = torch.from_numpy(start.labels_.astype(np.int64))
    for _ in range(100):
        with torch.no_grad():
            log_q = log_soft_assignment(code, centers, 1.0)
            log_p = log_target_distribution(log_q, log_cluster_frequency(log_q))
        found = log_q.argmax(dim=1)
        changed, labels = (found != labels).float().mean().item(), found
        if 0 < changed < 1e-3:
            break
        for index in torch.split(torch.randperm(len(code), generator=random), 256):
            loss = kl_divergence(log_p[index], log_soft_assignment(code[index], centers, 1.0))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return SimpleNamespace(labels_=labels.numpy().astype(np.int32))


# k-means as the paper has it.
PAPER = {"init": "k-means++"}
METHODS = {
    "kmeans": Method("k-means on the rows", _kmeans),
    "umap": Method("UMAP + k-means", _umap),
    "umapcosine": Method("UMAP (cosine) + k-means", _umap, settings={"metric": "cosine"}),
    "ldmgi": Method("LDMGI", _ldmgi, clique_size=5),
    "sec": Method("SEC", _sec, clique_size=5),
    "seclocal": Method("SEC, local models", _sec, settings={"laplacian": "local"}, clique_size=5),
    "ae": Method("autoencoder + k-means", _dec, "autoencoder", {"max_iter": 0, **PAPER}),
    "aeldmgi": Method("autoencoder + LDMGI", _on_code(_ldmgi), "autoencoder"),
    "aesec": Method("autoencoder + SEC", _on_code(_sec), "autoencoder"),
    "nobackprop": Method("DEC without backprop", _without_backprop, "autoencoder"),
    "dec": Method("DEC, autoencoder", _dec, "autoencoder", PAPER),
    "idec": Method("IDEC, autoencoder", _dec, "autoencoder", {"reconstruction_weight": 10, **PAPER}),
    "paper": Method("DEC, stacked denoising autoencoder", _dec, "sdae", PAPER),
    "code": Method("neighbors, no self-training", _neighbors, settings={"max_iter": 0}),
    "neighbors": Method("DEC, neighbors (default)", _neighbors),
    "pictures": Method("DEC, neighbors, as pictures", _as_pictures),
    "augmented": Method("DEC, neighbors, shift-rotate", _shift_rotated),
}
