"""Rows in three groups, and what lies in a folder."""

from pathlib import Path

import numpy as np


def blobs(n_rows=60, n_features=8):
    """Return rows in three groups, float32, and the groups."""
    labels = np.arange(n_rows) % 3
    noise = np.random.default_rng(0).normal(size=(n_rows, n_features))
    return (noise + 4 * labels[:, None]).astype(np.float32), labels


def tree(folder: Path):
    """Return the names and contents of all that lies in a folder."""
    return {str(path.relative_to(folder)): path.is_file() and path.read_bytes() for path in folder.rglob("*")}
