"""The smallest eigenvectors of a Laplacian, and clusters from them by spectral rotation."""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator, lobpcg

# Below it a dense decomposition takes no time and is exact.
_DENSE_UP_TO = 1000
# Vectors beside the wanted ones speed up their convergence.
_EXTRA = 4
_MOST_STEPS = 500
_TOLERANCE = 1e-4


def smallest_eigenvectors(
    operator: LinearOperator | sparse.csr_matrix,
    diagonal: NDArray[np.float64],
    n_vectors: int,
    random: np.random.RandomState,
) -> NDArray[np.float64]:
    """Return the eigenvectors of the smallest eigenvalues, (n, n_vectors), smallest first.

    LOBPCG (Knyazev 2001) with the diagonal as preconditioner: memory and time a step are those of one product
    with some vectors.
    """
    n = operator.shape[0]
    if n <= max(_DENSE_UP_TO, 5 * (n_vectors + _EXTRA)):
        dense = operator @ np.eye(n)
        vectors: NDArray[np.float64] = linalg.eigh((dense + dense.T) / 2, subset_by_index=[0, n_vectors - 1])[1]
        return vectors
    start = random.standard_normal((n, n_vectors + _EXTRA))
    start[:, 0] = 1
    preconditioner = sparse.diags(1 / np.maximum(diagonal, 1e-12))
    with warnings.catch_warnings():
        # It warns of the extra vectors too, which need not have converged.
        warnings.simplefilter("ignore", UserWarning)
        values, vectors = lobpcg(
            operator, start, M=preconditioner, tol=_TOLERANCE, maxiter=_MOST_STEPS, largest=False
        )
    order = np.argsort(values)[:n_vectors]
    kept: NDArray[np.float64] = vectors[:, order]
    residual = np.linalg.norm(operator @ kept - kept * values[order], axis=0).max()
    if residual > 10 * _TOLERANCE:
        warnings.warn(
            f"The eigenvectors have not converged: the largest residual is {residual:.1e}. "
            "Rows with many duplicates do this; try a larger weight.",
            UserWarning,
            stacklevel=3,
        )
    return kept


def spectral_rotation(
    vectors: NDArray[np.float64], n_init: int, random: np.random.RandomState
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Find the rotation R that brings the rows of the eigenvectors nearest to 0-1 indicators (Yu, Shi 2003).

    Returns
    -------
    labels : ndarray of shape (n,), int32
        argmax of each row of the rotated vectors.
    rotation : ndarray of shape (c, c)
        R of the best of `n_init` starts.
    """
    rows = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    best, kept = -np.inf, np.eye(vectors.shape[1])
    for _ in range(n_init):
        rotation, score = _rotate(rows, _start(rows, random))
        if score > best:
            best, kept = score, rotation
    return (rows @ kept).argmax(axis=1).astype(np.int32), kept


def _start(rows: NDArray[np.float64], random: np.random.RandomState) -> NDArray[np.float64]:
    """Take a row at random, then again and again the one least aligned with those taken."""
    n, width = rows.shape
    rotation = np.zeros((width, width))
    rotation[:, 0] = rows[random.randint(n)]
    alignment = np.zeros(n)
    for column in range(1, width):
        alignment += np.abs(rows @ rotation[:, column - 1])
        rotation[:, column] = rows[alignment.argmin()]
    return rotation


def _rotate(rows: NDArray[np.float64], rotation: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Alternate indicators and rotation until the sum of singular values is stable; return that sum too."""
    score = -np.inf
    while True:
        indicators = np.eye(rows.shape[1])[(rows @ rotation).argmax(axis=1)]
        left, singular, right = linalg.svd(indicators.T @ rows)
        if singular.sum() <= score * (1 + 1e-9) + 1e-12:
            return rotation, score
        score, rotation = float(singular.sum()), right.T @ left.T
