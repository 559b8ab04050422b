"""A model that takes up new rows: what it knows stays, and what is new gets clusters of its own."""

from copy import deepcopy
from numbers import Integral
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray

from torchdec._core.batches import to_device
from torchdec._core.compute import resolve
from torchdec._core.landmarks import FAR, MOST, MOST_VALUES, groups, scores_of
from torchdec._core.torch_globals import under_own_globals
from torchdec._dec import DEC
from torchdec.clusters._change import recorded
from torchdec.rows._shown import shown

# A group is small if it has less than this part of the new rows, or so few of them.
_LEAST_PART, _LEAST = 0.01, 20
# No cluster is opened that takes more than this part of the rows that were known before.
_MOST_CHANGED = 0.01


@under_own_globals
def update(model: DEC, X: Any, *, min_rows: int | None = None, random_state: int = 0) -> DEC:
    """Let a model take up new rows: open clusters for kinds of rows that it has not seen.

    Encoder and old centres stay as they are. Rows that lie farther out than 95 % of the rows of the fit are
    searched for groups that lie nearer to each other than to what is known (HDBSCAN). Each gets a centre, the mean
    of its embedding, and a number after those of the old clusters. Other rows keep their clusters, but for those
    nearer to a new centre. `outlier_scores` and `reject` know the rows of the new clusters from then on, and
    `drift` compares with the new rows.

    Parameters
    ----------
    model : DEC
        Fitted; it stays as it is.
    X : array, sparse matrix, DataFrame or Rows of shape (n, d)
        New rows, such as those of a week.
    min_rows : int, optional
        The smallest group that becomes a cluster. By default 1 % of the new rows, and at least 20.
    random_state : int, default=0
        Of which rows are searched, where more than some 4,000 lie far out.

    Returns
    -------
    DEC
        Its `labels_` are those of `X`. The last of `edits_` has the numbers of the clusters that were `opened`,
        and how many rows each of the groups had that were `refused`: this encoder puts them where known rows lie,
        more than 1 % of which would change their cluster. It takes a new fit to tell them apart.

    Raises
    ------
    ValueError
        If the model cannot read `X`, or `min_rows` is less than 2.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import DEC, NeighborEncoder, update
    >>> X, y = load_digits(return_X_y=True)
    >>> model = DEC(8, representation=NeighborEncoder(max_epochs=10), tol=0.5, random_state=0).fit(X[y < 8])
    >>> update(model, X[:900]).edits_[-1]["edit"]
    'update'
    """
    rows, compute = model._new_rows(X), resolve(model.device, model.precision)
    least = max(_LEAST, round(_LEAST_PART * len(rows))) if min_rows is None else min_rows
    if not (isinstance(least, Integral) and least >= 2):
        raise ValueError(f"min_rows={shown(min_rows)} can't be the size of a cluster; try 20, or 2 or more.")
    scores = scores_of(model.landmarks_, rows, model.scale_, compute)
    if np.isnan(scores).all():
        raise ValueError("X has no row that holds something, so there is nothing to learn.")
    far = np.flatnonzero(scores > model.landmarks_.level(1 - FAR))
    code = model.transform(X)
    known = code[~np.isnan(scores) & (scores <= model.landmarks_.level(1 - FAR))]
    most = min(MOST, max(1, MOST_VALUES // rows.shape[1]))
    weight = max(1.0, len(far) / most)  # rows that each of those that are searched stands for
    if weight > 1:
        far = np.sort(np.random.default_rng(random_state).choice(far, most, replace=False))
    result = deepcopy(model)
    opened: list[int] = []
    refused: list[int] = []
    strange = to_device(rows, torch.from_numpy(far), model.scale_, compute).cpu()
    for group in groups(strange, model.landmarks_, max(2, round(least / weight)), random_state, compute):
        n_group, own = round(len(group) * weight), code[far[group.numpy()]]
        if not _stands_apart(result, own, known):
            refused.append(n_group)
            continue
        opened.append(len(result.cluster_names_))
        result.landmarks_ = result.landmarks_.joined(strange[group], int(model.cluster_sizes_.sum()), n_group)
        result.cluster_centers_ = np.concatenate([result.cluster_centers_, own.mean(axis=0, keepdims=True)])
        result.center_clusters_ = np.append(result.center_clusters_, np.int32(opened[-1]))
        result.cluster_names_.append("")
    result._calibrate(rows, compute)
    _keep_what_is_unseen(result, model)
    return recorded(result, {"edit": "update", "rows": len(rows), "opened": opened, "refused": refused})


def _stands_apart(
    model: DEC, own: Float32[NDArray[np.float32], "group code"], known: Float32[NDArray[np.float32], "known code"]
) -> bool:
    """Tell whether a centre in the middle of a group would get the group, and hardly any of the known rows."""
    center = own.mean(axis=0)

    def gets(code: NDArray[np.float32]) -> float:
        nearer = np.linalg.norm(code - center, axis=1) < model.nearest_centers(code)[1]
        return float(nearer.mean())

    return gets(own) > 0.5 and (not len(known) or gets(known) <= _MOST_CHANGED)  # all rows may be new


def _keep_what_is_unseen(result: DEC, model: DEC) -> None:
    """Let clusters and centres that none of the new rows came to be as they were."""
    unseen = np.flatnonzero(result.cluster_sizes_[: len(model.cluster_sizes_)] == 0)
    result.cluster_middles_[unseen, : model.cluster_middles_.shape[1]] = model.cluster_middles_[unseen]
    result.cluster_doubts_[:, unseen] = model.cluster_doubts_[:, unseen]
    old = result.center_radii_[: len(model.center_radii_)]
    old[np.isnan(old)] = model.center_radii_[np.isnan(old)]
