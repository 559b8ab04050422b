"""Rows as the baselines take them: dense or CSR, on the paper's scale."""

from typing import Any, TypeAlias

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from torchdec.rows._convert import as_table, refuse_unseen
from torchdec.rows._vectors import unmasked

# A dense float32 array or a CSR matrix; SciPy has no types to say so.
Matrix: TypeAlias = Any


def validated(estimator: BaseEstimator, X: Any, *, reset: bool) -> Matrix:
    """Check rows and return them as float32, dense or CSR."""
    X = unmasked(X)
    refuse_unseen(X)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which is refused
        rows = validate_data(estimator, as_table(X), accept_sparse="csr", dtype=np.float32, reset=reset)
    return sparse.csr_matrix(rows) if sparse.issparse(rows) else rows


def unit_scale(rows: Matrix) -> float:
    """Return the scalar that makes the mean of ||x||^2 / d equal 1 (paper, section 4.1); 1 where all is zero."""
    values = rows.data if sparse.issparse(rows) else rows.ravel()
    total = float(np.einsum("i,i->", values, values, dtype=np.float64))
    return float(np.sqrt(rows.shape[0] * rows.shape[1] / total)) if total > 0 else 1.0


def check_enough(n_rows: int, n_clusters: int) -> None:
    """Raise where there are fewer rows than clusters."""
    if n_rows < n_clusters:
        raise ValueError(
            f"n_samples={n_rows} is fewer than n_clusters={n_clusters}; try n_clusters={n_rows} or fewer."
        )
