"""What a fitted model does with rows: embed them, and assign them to clusters."""

import math
from collections.abc import Callable, Iterator
from itertools import chain
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float32, Int32, Int64
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import nn

from torchdec._assigned import clusters_of
from torchdec._core.batches import in_order
from torchdec._core.compute import Compute, resolve
from torchdec._core.landmarks import Landmarks, scores_of
from torchdec._core.objective import log_soft_assignment, squared_distances
from torchdec._core.owners import owners_of
from torchdec._core.torch_globals import under_own_globals
from torchdec._core.tree import Level, Tree
from torchdec._representation import EmbedsRows, validated_rows
from torchdec.rows import Rows
from torchdec.rows._convert import as_dense
from torchdec.rows._shown import shown

_Number = TypeVar("_Number", bound=np.number[Any])
# Where the confidences of the fitted rows are kept: every percent of them.
QUANTILES = np.linspace(0, 1, 101)
# A row is unsure if its confidence is below this one of them.
UNSURE = 5


class Predictor(EmbedsRows):
    """An encoder and the centres of clusters in its embedding; `torchdec.DEC` learns and documents them."""

    device: str
    precision: Any
    alpha: float
    encoder_: nn.Module
    cluster_centers_: Float32[NDArray[np.float32], "centers code"]
    center_clusters_: Int32[NDArray[np.int32], " centers"]
    cluster_names_: list[str]
    confidence_quantiles_: Float32[NDArray[np.float32], " percents"]
    landmarks_: Landmarks
    cluster_middles_: Float32[NDArray[np.float32], "clusters axes"]
    cluster_sizes_: Int64[NDArray[np.int64], " clusters"]
    cluster_doubts_: Float32[NDArray[np.float32], "2 clusters"]
    column_profile_: Float32[NDArray[np.float32], "2 features"]
    noise_level_: float | None
    feature_means_: Float[NDArray[Any], " features"] | None
    feature_deviations_: Float[NDArray[Any], " features"] | None
    scale_: float
    transformer_: Any

    def predict(
        self, X: Any, *, reject: float = 0.0, n_clusters: int | None = None, level: int | None = None
    ) -> Int32[NDArray[np.int32], " rows"]:
        """Assign rows to clusters: the argmax of `predict_proba`, int32 of shape (n,).

        A row that holds nothing (NaN alone, as of an empty text) is in no cluster, which is -1; nor is one that
        belongs nowhere, where the fit looked for such rows (`noise`).

        Parameters
        ----------
        X : array, sparse matrix, DataFrame or Rows of shape (n, d)
        reject : float in [0, 1), default=0.0
            Rows that lie farther from the rows of `fit` than this share of these do (`outlier_scores`) get -1. New
            rows that are like those of `fit` are rejected at about this rate, rows of a new kind far more often.
        n_clusters : int, optional
            A coarser cut of `tree_`: so many groups of clusters, numbered by the first cluster of each. Each holds
            whole clusters, and whole groups of any finer cut. `levels_` tells which numbers stand out.
        level : int, optional
            The cut of ``levels_[level]``: 0 is the coarsest, -1 that of the clusters themselves.

        Raises
        ------
        ValueError
            If `X` has another width than at fit, or values that are not finite, there is no such cut or level, or
            both are given.
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        farthest = self._farthest(reject)
        if level is not None:
            n_clusters = self._clusters_of_level(level, n_clusters)
        groups = None if n_clusters is None else np.append(self.groups(n_clusters), np.int32(-1))
        labels = self._of_all(X, lambda _, q: clusters_of(q)[0], farthest)
        return labels if groups is None else groups[labels]

    def _clusters_of_level(self, level: int, n_clusters: int | None) -> int:
        known = self.levels_
        if n_clusters is not None:
            raise ValueError(f"level={shown(level)} and n_clusters={shown(n_clusters)} both name a cut; give one.")
        if not (isinstance(level, Integral) and -len(known) <= level < len(known)):
            raise ValueError(f"level={shown(level)} isn't one of the {len(known)} levels; try 0, the coarsest.")
        return known[int(level)].n_clusters

    def groups(self, n_clusters: int) -> Int32[NDArray[np.int32], " clusters"]:
        """Return the group of each cluster in a cut of the tree, int32 (k,), numbered by their first clusters.

        Raises
        ------
        ValueError
            If there is no such cut.
        """
        check_is_fitted(self)
        k = len(self.cluster_names_)
        if not (isinstance(n_clusters, Integral) and 1 <= n_clusters <= k):
            raise ValueError(
                f"n_clusters={shown(n_clusters)} isn't a cut of the tree of {k} clusters; try one of "
                f"{', '.join(str(level.n_clusters) for level in self.levels_)}, or any from 1 to {k}."
            )
        return self.tree_.groups(int(n_clusters))

    @property
    def tree_(self) -> Tree:
        """The clusters joined two by two, up to one of all rows."""
        return Tree(self.cluster_middles_, self.cluster_sizes_)

    @property
    def levels_(self) -> tuple[Level, ...]:
        """The numbers of groups of clusters that stand out, the coarsest first; last the clusters themselves."""
        return self.tree_.levels

    def _farthest(self, reject: float) -> float:
        """Return the score up to which rows belong to a cluster: infinite where no rows are left out."""
        check_is_fitted(self)
        if not (isinstance(reject, Real) and 0 <= reject < 1):
            raise ValueError(f"reject={shown(reject)} must be a fraction in [0, 1); try 0.05, or 0 to assign all.")
        noise = math.inf if self.noise_level_ is None else self.noise_level_
        return min(noise, self.landmarks_.level(float(reject))) if reject else noise

    def predict_proba(self, X: Any) -> Float32[NDArray[np.float32], "rows clusters"]:
        """Return the soft assignments q of rows to clusters (equation 1), float32 of shape (n, k).

        All are 0 for a row that is in no cluster.
        """
        return self._of_all(X, lambda _, q: q)

    def transform(self, X: Any) -> Float32[NDArray[np.float32], "rows code"]:
        """Embed rows: their embedding z, float32 of shape (n, z); NaN for a row that holds nothing."""
        return self._of_all(X, lambda code, _: code)

    @under_own_globals
    def outlier_scores(self, X: Any) -> Float32[NDArray[np.float32], " rows"]:
        """Return how far each row lies from the rows of the fit, float32 of shape (n,); NaN if it holds nothing.

        Up to 1 it is the share of the rows of the fit that lie nearer to others: 0.95 is as far out as the 5 %
        that lie farthest begin. Above 1 it is how many times as far as the farthest of all. It is told by the
        distance to the nearest of some 4,000 rows of the fit, in the space of the rows, beside what these are
        apart (docs/clusters.md); the confidence of a row tells nothing of it.
        """
        rows = self._new_rows(X)
        compute = resolve(self.device, self.precision)
        with torch.inference_mode():
            return self.landmarks_.shares(scores_of(self.landmarks_, rows, self.scale_, compute))

    @under_own_globals
    def _of_all(
        self,
        X: Any,
        part: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[_Number]],
        farthest: float | None = None,
    ) -> NDArray[_Number]:
        """Put what `part` makes of each chunk's (z, q) into one array, in place, so that nothing is kept twice."""
        rows, compute = self._new_rows(X), resolve(self.device, self.precision)
        parts = (part(*chunk) for chunk in self._predict_rows(rows, compute, farthest))
        first = next(parts)
        whole = np.empty((len(rows), *first.shape[1:]), first.dtype)
        start = 0
        for values in chain([first], parts):
            whole[start : start + len(values)] = values
            start += len(values)
        return whole

    @under_own_globals
    def predict_chunks(
        self, X: Any, *, reject: float = 0.0
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Yield (z, q) of some thousand rows at a time, in order, for results larger than memory.

        The q of a row that is in no cluster, as `predict` with this `reject` tells, are all 0.
        """
        farthest, compute = self._farthest(reject), resolve(self.device, self.precision)
        yield from self._predict_rows(self._new_rows(X), compute, farthest)

    def _new_rows(self, X: Any) -> Rows:
        """Check rows that are to be predicted, and prepare them."""
        check_is_fitted(self)
        return self.prepared(validated_rows(self, X))

    def _predict_rows(
        self, rows: Rows, compute: Compute, farthest: float | None = None
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        encoder = self.encoder_.to(compute.device)
        farthest = self._farthest(0.0) if farthest is None else farthest
        landmarks = self.landmarks_.to(compute.device) if farthest < math.inf else None
        start = 0
        for chunk in in_order(rows, self.scale_, compute):
            with torch.inference_mode():
                code = encoder(chunk).cpu().numpy()
            empty = chunk[:, 0].isnan().cpu().numpy()  # of the rows with NaN, all others were refused
            code[empty] = np.nan
            finite = np.isfinite(code).all(axis=1) | empty
            if not finite.all():
                row, usual = start + int(finite.argmin()), 1 / self.scale_
                raise ValueError(
                    f"X has values in row {row} that are too large for this model, which was fitted on values of "
                    f"about {usual:.0e} (root mean square); give them in the same units."
                )
            start += len(code)
            q = self.assign(code)
            if landmarks is not None:
                with torch.inference_mode():
                    q[landmarks.score(chunk) > farthest] = 0
            yield code, q

    @under_own_globals
    @torch.inference_mode()
    def assign(
        self, code: Float32[NDArray[np.float32], "rows code"]
    ) -> Float32[NDArray[np.float32], "rows clusters"]:
        """Assign codes, such as `transform` gives, softly to clusters: q of equation 1.

        A cluster of several centres has the kernel of the nearest of them: so it gets the rows that its centres
        would get. An embedding of NaN, of a row that holds nothing, has 0 everywhere.
        """
        centers = torch.from_numpy(self.cluster_centers_)
        owners = owners_of(self.center_clusters_, centers.device)
        q = log_soft_assignment(self._codes(code), centers, self.alpha, owners).exp()
        # Where a row is so far from all centres that float32 does not hold the distance.
        q.nan_to_num_(1 / len(self.cluster_names_))
        q[torch.from_numpy(np.isnan(code).any(axis=1))] = 0
        return q.numpy()

    @under_own_globals
    def nearest_centers(
        self, code: Float32[NDArray[np.float32], "rows code"]
    ) -> tuple[Int64[NDArray[np.int64], " rows"], Float32[NDArray[np.float32], " rows"]]:
        """Return the nearest centre of each code and the Euclidean distance to it; -1 and NaN for one of NaN."""
        distances = squared_distances(self._codes(code), torch.from_numpy(self.cluster_centers_)).sqrt()
        nearest = distances.min(dim=1)
        return nearest.indices.where(~nearest.values.isnan(), -1).numpy(), nearest.values.numpy()

    def _codes(self, code: Any) -> torch.Tensor:
        code = as_dense(code, "code")
        if code.shape[1] != self._n_features_out:
            raise ValueError(
                f"code has {code.shape[1]} columns; give {self._n_features_out}, as transform returns."
            )
        return torch.tensor(code, dtype=torch.float32)

    @property
    def _n_features_out(self) -> int:
        return int(self.cluster_centers_.shape[1])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "cluster_centers_")
