"""Stage 2: k-means on the embedding, and new centres for clusters that lost all their rows."""

from time import perf_counter

import numpy as np
import torch
from jaxtyping import Float, Int32, Int64
from torch import Generator, Tensor

from torchdec._core import workers
from torchdec._core.batches import Streamed
from torchdec._core.kmeans import kmeans
from torchdec._core.objective import squared_distances
from torchdec._core.owners import Owners
from torchdec._core.records import Centroids
from torchdec._core.separation import separated

# Rows that the starts are compared on; where there are more, only the best start goes on with all of them.
_MOST_ROWS = 2**17
# It does until a pass lowers the inertia by less than this share; rows are taken so many at a time.
_SETTLED, _CHUNK = 1e-5, 2**14


def kmeans_centroids(
    code: Float[Tensor, "rows code"] | Streamed,
    n_clusters: int,
    *,
    n_init: int = 20,
    seed: int,
    started: float,
    separate: bool = False,
) -> tuple[Float[Tensor, "clusters code"], Int32[Tensor, " rows"], Centroids]:
    """Run k-means on the embedding from `n_init` starts and keep the lowest inertia (paper, section 3.1.2).

    With `separate`, the graph of near rows of the embedding may give clusters that are separated better
    (`_core/separation.py`).
    Of more than 131,072 rows the starts see a sample of so many, and the chosen one then settles on all rows, in
    passes over their embedding.

    Returns
    -------
    centers, labels, record
        Centres float32 (k, z) and the cluster of each row, both on the embedding's device; what happened.

    Raises
    ------
    ValueError
        If the embedding has fewer distinct rows than clusters.
    """
    random_state = np.random.RandomState(seed)
    some = _some(code, random_state)
    seen = some.cpu().numpy()
    starts = [kmeans(seen, n_clusters, random_state) for _ in range(n_init)]
    best = min(starts, key=lambda start: start.inertia_)
    if separate:
        best = separated(seen, best, random_state)
    centers = workers.same(torch.from_numpy(best.cluster_centers_).to(some))
    labels, inertia = torch.from_numpy(best.labels_).to(some.device), float(best.inertia_)
    if len(some) < len(code):
        centers, labels, inertia = settled(code, centers, best.max_iter)
    record = Centroids(
        inertia=inertia,
        n_init=n_init,
        sizes=tuple(torch.bincount(labels, minlength=n_clusters).tolist()),
        seconds=perf_counter() - started,
    )
    return centers, labels, record


def _some(code: Tensor | Streamed, random_state: np.random.RandomState) -> Tensor:
    """Return the embedding of all rows, or of a sample where there are many."""
    if len(code) > _MOST_ROWS:
        # RandomState.choice would draw an order of all rows.
        random = np.random.default_rng(random_state.randint(2**31))
        return code[torch.from_numpy(random.choice(len(code), _MOST_ROWS, replace=False, shuffle=False))]
    return code if isinstance(code, Tensor) else code[torch.arange(len(code))]


def settled(code: Tensor | Streamed, centers: Tensor, most_passes: int) -> tuple[Tensor, Tensor, float]:
    """Move the centres to the means of their rows, until the inertia falls no further or so many passes are done.

    Returns centres, the number of the nearest one of each row (int32), and the inertia.
    """
    labels = torch.zeros(len(code), dtype=torch.int32, device=centers.device)
    last, passes = float("inf"), 0
    while True:
        inertia = torch.zeros((), dtype=torch.float64, device=centers.device)
        sums = torch.zeros_like(centers, dtype=torch.float64)
        counts = torch.zeros_like(sums[:, 0])
        start = workers.span(len(code)).start
        for chunk in code.split(_CHUNK):
            nearest = squared_distances(chunk, centers).min(dim=1)
            labels[start : start + len(chunk)] = nearest.indices
            start += len(chunk)
            inertia += nearest.values.sum()
            sums.index_add_(0, nearest.indices, chunk.double())
            counts += nearest.indices.bincount(minlength=len(centers))
        for part in (inertia, sums, counts):
            workers.total(part)
        if passes == most_passes or inertia.item() >= (1 - _SETTLED) * last:
            return centers, workers.total(labels), inertia.item()  # zeros but for the own rows
        last, passes = inertia.item(), passes + 1
        centers = torch.where(counts[:, None] > 0, sums / counts[:, None], centers).float()


def reseed(
    centers: Float[Tensor, "centers code"],
    dead: list[int],
    code: Float[Tensor, "rows code"],
    labels: Int64[Tensor, " rows"],
    generator: Generator,
    owners: Owners | None = None,
) -> list[int]:
    """Move the first centre of each dead cluster, in place, onto a row of the one that is largest at that moment.

    The row is drawn with probability proportional to its squared distance to the nearest centre of its cluster, as
    k-means++ draws: a far row of a large cluster is the likeliest place for a cluster that was missed.

    Returns the centres that moved.
    """
    owner, moved = labels.clone(), []
    of_center = torch.arange(len(centers), device=centers.device) if owners is None else owners.clusters
    for cluster in dead:
        largest = int(torch.bincount(owner).argmax())
        members = (owner == largest).nonzero().squeeze(1)
        apart = squared_distances(code[members], centers[of_center == largest]).amin(dim=1)
        weight = apart.cpu().double()
        # multinomial takes at most 2^24 categories; inverting the cumulative sum has no such limit.
        below = weight.cumsum(0)
        drawn = int(torch.searchsorted(below, torch.rand(1, generator=generator, dtype=torch.float64) * below[-1]))
        moved.append(int((of_center == cluster).nonzero()[0]))
        centers[moved[-1]] = code[members[drawn]]
        nearer = squared_distances(code[members], centers[moved[-1:]]).squeeze(1) < apart
        owner[members[nearer]] = cluster
    return moved
