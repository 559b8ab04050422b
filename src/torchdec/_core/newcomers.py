"""Groups among rows that lie far out: what a fit has not seen, and there is enough of."""

from collections.abc import Iterator

import torch
from jaxtyping import Float32, Int64
from sklearn.cluster import HDBSCAN
from torch import Tensor

from torchdec._core.compute import Compute
from torchdec._core.landmarks import AXES, Landmarks, placed
from torchdec._core.neighbor_graph import principal_axes
from torchdec._core.randomness import generator
from torchdec.rows import as_rows

# Rows of a group lie nearer to each other than this part of how far they lie from the rows of the fit. Scatter
# lies about as far from its like as from all else.
_NEARER = 0.85


def groups(
    rows: Float32[Tensor, "rows features"], landmarks: Landmarks, least: int, seed: int, compute: Compute
) -> Iterator[Int64[Tensor, " group"]]:
    """Yield which rows are a group of at least so many, by density (HDBSCAN) along their principal components."""
    if len(rows) < least:
        return
    _, means, axes = principal_axes(as_rows(rows.cpu().numpy()), AXES, generator(seed), compute)
    places, rests = placed(rows, means, axes)
    labels = HDBSCAN(min_cluster_size=least, allow_single_cluster=True, copy=True).fit_predict(
        places.cpu().numpy()
    )
    from_fit = landmarks.distances(*placed(rows, landmarks.means, landmarks.axes))
    for number in range(labels.max() + 1):
        group = torch.from_numpy((labels == number).nonzero()[0])
        own = Landmarks(means, axes, places[group], rests[group], rests[group], rests[group])
        if (own.distances(places[group], rests[group]) / from_fit[group]).median() < _NEARER:
            yield group
