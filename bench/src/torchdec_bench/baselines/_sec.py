"""Spectral embedded clustering."""

from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from torchdec_bench.baselines._graphs import cliques, local_laplacian, normalized_laplacian, warn_if_in_pieces
from torchdec_bench.baselines._rows import Matrix, check_enough, unit_scale, validated
from torchdec_bench.baselines._spectral import smallest_eigenvectors, spectral_rotation

_PART = 8192


class SEC(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Spectral embedded clustering (Nie, Zeng, Tsang, Xu, Zhang 2011): spectral, and nearly linear.

    Minimises tr(F^T L F) + mu (||X W + 1 b^T - F||^2 + gamma ||W||^2) over F^T F = I, W and b: indicators that
    are smooth on the graph of near rows, and that a linear map of the rows predicts. With W and b put in, F are
    the smallest eigenvectors of L + mu L_g, L_g = H - X (X^T X + gamma I)^-1 X^T, X centred; L_g is never formed.

    Parameters
    ----------
    n_clusters : int, default=8
        c.
    weight : float, default=1e-6
        mu, the weight of the linear map, for rows scaled to mean ||x||^2 / d = 1. 0 is spectral clustering; large
        values come near to k-means on the leading components.
    laplacian : {"graph", "local"}, default="graph"
        L: the normalised Laplacian of the graph with self-tuning Gaussian weights, or the local models of
        `LDMGI`, which the paper of SEC has as a second form.
    gamma : float, default=1.0
        Regularisation of the linear map, and of each local model.
    clique_size : int, default=5
        A row and its nearest others.
    n_init : int, default=20
        Starts of the spectral rotation.
    random_state : int, RandomState or None, default=None
        An int gives the same labels each time.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int32
    embedding_ : ndarray of shape (n, c), float64
        The eigenvectors F.
    coef_ : ndarray of shape (d, c), float64
        W R for rows as they are: the linear map, rotated.
    intercept_ : ndarray of shape (c,), float64
    n_features_in_ : int

    References
    ----------
    Nie, Zeng, Tsang, Xu, Zhang, "Spectral Embedded Clustering: A Framework for In-Sample and Out-of-Sample
    Spectral Clustering", IEEE Transactions on Neural Networks 22(11), 2011.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from torchdec_bench.baselines import SEC
    >>> X, y = make_blobs(300, centers=3, n_features=5, random_state=0)
    >>> model = SEC(3, weight=1.0, random_state=0).fit(X)
    >>> bool((model.predict(X) == model.labels_).mean() > 0.9)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "weight": [Interval(Real, 0, None, closed="left")],
        "laplacian": [StrOptions({"graph", "local"})],
        "gamma": [Interval(Real, 0, None, closed="neither")],
        "clique_size": [Interval(Integral, 2, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        weight: float = 1e-6,
        laplacian: Literal["graph", "local"] = "graph",
        gamma: float = 1.0,
        clique_size: int = 5,
        n_init: int = 20,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.weight = weight
        self.laplacian = laplacian
        self.gamma = gamma
        self.clique_size = clique_size
        self.n_init = n_init
        self.random_state = random_state

    def fit(self, X: Any, y: None = None, *, neighbors: NDArray[np.int64] | None = None) -> Self:  # noqa: ARG002
        """Find the clusters and the linear map.

        Parameters
        ----------
        X : array or sparse matrix of shape (n, d)
            Memory beyond it: d x d values and the sparse graph.
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
        scale = unit_scale(rows)
        members = cliques(rows, self.clique_size, neighbors)
        if self.laplacian == "graph":
            laplacian = normalized_laplacian(rows, members)
        else:
            laplacian = local_laplacian(rows, scale, members, self.gamma)
        warn_if_in_pieces(laplacian, self.n_clusters)
        line = _Regression(rows, scale, self.gamma)
        n = rows.shape[0]

        def apply(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
            product: NDArray[np.float64] = laplacian @ vectors + self.weight * line.residual(vectors)
            return product

        operator = LinearOperator((n, n), matvec=apply, matmat=apply, dtype=np.float64)
        self.embedding_ = smallest_eigenvectors(
            operator, laplacian.diagonal() + self.weight, self.n_clusters, random
        )
        self.labels_, rotation = spectral_rotation(self.embedding_, self.n_init, random)
        coefficients = line.coefficients(self.embedding_)
        self.coef_ = scale * coefficients @ rotation
        self.intercept_ = self.embedding_.mean(axis=0) @ rotation - line.mean @ coefficients @ rotation
        return self

    def predict(self, X: Any) -> NDArray[np.int32]:
        """Assign new rows: the largest of the rotated indicators that the linear map predicts, int32 (n,).

        Raises
        ------
        ValueError
            If `X` has another width than at fit, or values that are not finite.
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        check_is_fitted(self)
        rows = validated(self, X, reset=False)
        predicted = np.asarray(rows @ self.coef_) + self.intercept_
        labels: NDArray[np.int32] = predicted.argmax(axis=1).astype(np.int32)
        return labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class _Regression:
    """Ridge regression on the centred, scaled rows, of which only d x d values are kept beside them."""

    def __init__(self, rows: Matrix, scale: float, gamma: float) -> None:
        self._rows, self._scale = rows, scale
        n, d = rows.shape
        total, gram = np.zeros(d), np.zeros((d, d))
        for part in self._parts():
            total += np.asarray(part.sum(axis=0)).ravel()
            product = part.T @ part
            gram += product.toarray() if sparse.issparse(product) else product
        self.mean = total / n
        gram -= n * np.outer(self.mean, self.mean)
        self._factor = linalg.cho_factor(gram + gamma * np.eye(d))

    def coefficients(self, targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return W = (X^T X + gamma I)^-1 X^T F."""
        product = np.zeros((self._rows.shape[1], targets.shape[1]))
        first = 0
        for part in self._parts():
            product += part.T @ targets[first : first + part.shape[0]]
            first += part.shape[0]
        product -= np.outer(self.mean, targets.sum(axis=0))
        solved: NDArray[np.float64] = linalg.cho_solve(self._factor, product)
        return solved

    def residual(self, targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return L_g F: the centred targets less what the rows predict of them."""
        targets = targets.reshape(len(targets), -1)
        coefficients = self.coefficients(targets)
        shift = targets.mean(axis=0) - self.mean @ coefficients
        return np.concatenate(
            [
                targets[first : first + part.shape[0]] - part @ coefficients - shift
                for first, part in zip(range(0, len(targets), _PART), self._parts(), strict=True)
            ]
        )

    def _parts(self) -> Any:
        for first in range(0, self._rows.shape[0], _PART):
            yield self._rows[first : first + _PART].astype(np.float64) * self._scale
