"""Local discriminant models with global integration."""

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from torchdec_bench.baselines._graphs import cliques, local_laplacian, warn_if_in_pieces
from torchdec_bench.baselines._rows import check_enough, unit_scale, validated
from torchdec_bench.baselines._spectral import smallest_eigenvectors, spectral_rotation


class LDMGI(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Clustering by local discriminant models and global integration (Yang, Xu, Nie, Yan, Zhuang 2010).

    Each row with its nearest others is a clique, in which a regularised linear discriminant model tells how well
    an indicator fits; the sum of these models over all cliques is a sparse Laplacian L, and the clusters are
    read off its smallest eigenvectors by spectral rotation: minimise tr(G^T L G) with G^T G = I.

    Parameters
    ----------
    n_clusters : int, default=8
        c.
    weight : float, default=1.0
        lambda, the weight of the regularisation of each local model, for rows scaled to mean ||x||^2 / d = 1. The
        paper of DEC tries 10^-8, 10^-6, ... 10^8. Large values leave a plain spectral clustering of the cliques.
    clique_size : int, default=5
        Rows of a clique, with the one whose clique it is.
    n_init : int, default=20
        Starts of the spectral rotation.
    random_state : int, RandomState or None, default=None
        An int gives the same labels each time.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int32
    embedding_ : ndarray of shape (n, c), float64
        The eigenvectors G.
    n_features_in_ : int

    Notes
    -----
    The method has no rule for new rows, so there is no `predict`. Memory is that of n x clique_size^2 values,
    time that of the neighbour search and of some hundred products with a sparse matrix.

    References
    ----------
    Yang, Xu, Nie, Yan, Zhuang, "Image Clustering Using Local Discriminant Models and Global Integration", IEEE
    Transactions on Image Processing 19(10), 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torchdec_bench.baselines import LDMGI
    >>> from torchdec.metrics import clustering_accuracy
    >>> X, y = load_digits(return_X_y=True)
    >>> clustering_accuracy(y, LDMGI(10, random_state=0).fit_predict(X)) > 0.8
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "weight": [Interval(Real, 0, None, closed="neither")],
        "clique_size": [Interval(Integral, 2, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        weight: float = 1.0,
        clique_size: int = 5,
        n_init: int = 20,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.weight = weight
        self.clique_size = clique_size
        self.n_init = n_init
        self.random_state = random_state

    def fit(self, X: Any, y: None = None, *, neighbors: NDArray[np.int64] | None = None) -> Self:  # noqa: ARG002
        """Find the clusters.

        Parameters
        ----------
        X : array or sparse matrix of shape (n, d)
        y : None
            Ignored.
        neighbors : ndarray of shape (n, clique_size - 1 or more), optional
            From `nearest_rows`, to search once for several fits.

        Raises
        ------
        ValueError
            If `X`, `neighbors` or a parameter is not usable.

        Warns
        -----
        UserWarning
            If the graph has more pieces than clusters, or the eigenvectors have not converged.
        """
        self._validate_params()
        rows = validated(self, X, reset=True)
        check_enough(rows.shape[0], self.n_clusters)
        random = check_random_state(self.random_state)
        members = cliques(rows, self.clique_size, neighbors)
        laplacian = local_laplacian(rows, unit_scale(rows), members, self.weight)
        warn_if_in_pieces(laplacian, self.n_clusters)
        self.embedding_ = smallest_eigenvectors(laplacian, laplacian.diagonal(), self.n_clusters, random)
        self.labels_, _ = spectral_rotation(self.embedding_, self.n_init, random)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
