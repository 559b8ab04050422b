"""Graphs of near rows, and the two Laplacians that the baselines put on them."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from sklearn.decomposition import TruncatedSVD
from sklearn.utils import check_array

from torchdec._core.nearest import nearest
from torchdec.rows._convert import as_table
from torchdec_bench.baselines._rows import Matrix

# Sparse rows of at most so many values are made dense for the search; beyond, their leading components stand in.
_MOST_VALUES = 500_000_000
_COMPONENTS = 100
# Values of dense rows that are held while local Gram matrices are made.
_VALUES_A_PART = 4_000_000


def nearest_rows(X: Any, n_neighbors: int = 4) -> NDArray[np.int64]:
    """Find the nearest other rows of each row (Euclidean), once for several fits.

    Parameters
    ----------
    X : array or sparse matrix of shape (n, d)
        Up to 200,000 rows are searched exactly, more of them through an index. Sparse rows of more than
        5 x 10^8 values are searched by their 100 leading singular vectors.
    n_neighbors : int, default=4
        Neighbours of each row; fewer where there are not as many other rows.

    Returns
    -------
    ndarray of shape (n, n_neighbors), int64
        Row numbers, nearest first: the `neighbors` that `LDMGI.fit` and `SEC.fit` take.

    Examples
    --------
    >>> import numpy as np
    >>> from torchdec_bench.baselines import nearest_rows
    >>> nearest_rows(np.array([[0.0], [1.0], [10.0], [12.0]]), 1).ravel().tolist()
    [1, 0, 3, 2]
    """
    rows = check_array(as_table(X), accept_sparse="csr", dtype=np.float32)
    n, d = rows.shape
    if sparse.issparse(rows):
        if n * d <= _MOST_VALUES:
            rows = rows.toarray()
        else:
            rows = TruncatedSVD(min(_COMPONENTS, d - 1), random_state=0).fit_transform(rows)
    return nearest(rows, min(n_neighbors, n - 1), cosine=False)


def cliques(X: Matrix, size: int, neighbors: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return each row with its `size` - 1 nearest others, int64 (n, size); `neighbors` saves the search."""
    n = X.shape[0]
    if neighbors is None:
        neighbors = nearest_rows(X, size - 1)
    neighbors = np.asarray(neighbors)
    width = min(size, n) - 1
    if neighbors.ndim != 2 or neighbors.shape[0] != n or neighbors.shape[1] < width:
        raise ValueError(
            f"neighbors has the shape {neighbors.shape}, but ({n}, {width} or more) is needed; "
            f"try nearest_rows(X, {width})."
        )
    if not (np.issubdtype(neighbors.dtype, np.integer) and neighbors.size and neighbors.min() >= 0) and width:
        raise ValueError("neighbors are no row numbers; give what nearest_rows returns.")
    if width and neighbors.max() >= n:
        raise ValueError(f"neighbors name row {neighbors.max()}, but X has {n} rows; give nearest_rows(X).")
    found: NDArray[np.int64] = np.hstack([np.arange(n)[:, None], neighbors[:, :width]])
    return found


def local_laplacian(X: Matrix, scale: float, members: NDArray[np.int64], weight: float) -> sparse.csr_matrix:
    """Sum of local models (Yang et al. 2010): L = sum_i S_i H (X_i^T X_i + weight I)^-1 H S_i^T, sparse.

    X_i are the centred columns of clique i and H = I - 11^T / k centres; its values are divided by the mean of
    the diagonal, which leaves the eigenvectors.
    """
    n, size = members.shape
    center = np.eye(size) - 1 / size
    blocks = []
    for part, rows in _members(X, members):
        rows = (rows * scale).astype(np.float64)
        rows -= rows.mean(axis=1, keepdims=True)
        gram = rows @ rows.transpose(0, 2, 1)
        # The Gram matrix is singular along 1; what is added there, H takes away again.
        ridge = np.maximum(np.trace(gram, axis1=1, axis2=2), 1.0)[:, None, None] / size
        blocks.append(center @ np.linalg.inv(gram + weight * np.eye(size) + ridge) @ center)
        del part
    values = np.concatenate(blocks)
    start, end = np.repeat(members, size, axis=1), np.tile(members, (1, size))
    laplacian = sparse.coo_matrix((values.ravel(), (start.ravel(), end.ravel())), shape=(n, n)).tocsr()
    laplacian = (laplacian + laplacian.T) / 2
    mean = laplacian.diagonal().mean()
    return laplacian / mean if mean > 0 else laplacian


def normalized_laplacian(X: Matrix, members: NDArray[np.int64]) -> sparse.csr_matrix:
    """Return I - D^-1/2 A D^-1/2 of the symmetric graph of cliques with self-tuning Gaussian weights.

    A_ij = exp(-||x_i - x_j||^2 / (s_i s_j)), where s_i is the distance of row i to the last of its clique
    (Zelnik-Manor, Perona 2004), so that there is no width to choose.
    """
    n, size = members.shape
    squares = np.concatenate(
        [np.square(rows - rows[:, :1]).sum(axis=2, dtype=np.float64) for _, rows in _members(X, members)]
    )
    width = np.sqrt(squares.max(axis=1))
    product = width[:, None] * width[members]
    # A row whose clique is all the same row has no width: others are infinitely far from it, and itself is not.
    ratio = np.where(squares > 0, np.inf, 0.0)
    weights = np.exp(-np.divide(squares, product, out=ratio, where=product > 0))
    start = np.repeat(np.arange(n), size - 1)
    graph = sparse.coo_matrix((weights[:, 1:].ravel(), (start, members[:, 1:].ravel())), shape=(n, n)).tocsr()
    graph = graph.maximum(graph.T)
    degree = np.asarray(graph.sum(axis=1)).ravel()
    root = sparse.diags(1 / np.sqrt(np.maximum(degree, np.finfo(np.float64).tiny)))
    return sparse.csr_matrix(sparse.identity(n) - root @ graph @ root)


def warn_if_in_pieces(laplacian: sparse.csr_matrix, n_clusters: int) -> None:
    """Warn where the graph falls into more pieces than clusters: then the pieces decide."""
    pieces, _ = connected_components(laplacian, directed=False)
    if pieces > n_clusters:
        warnings.warn(
            f"The graph of near rows falls into {pieces} pieces, more than n_clusters={n_clusters}; "
            "try a larger clique_size.",
            UserWarning,
            stacklevel=3,
        )


def _members(X: Matrix, members: NDArray[np.int64]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield the rows of some cliques at a time, dense, (cliques, size, d)."""
    n, size = members.shape
    step = max(1, _VALUES_A_PART // (size * X.shape[1]))
    for first in range(0, n, step):
        part = slice(first, min(first + step, n))
        rows = X[members[part].ravel()]
        dense = rows.toarray() if sparse.issparse(rows) else rows
        yield part, dense.reshape(-1, size, X.shape[1])
