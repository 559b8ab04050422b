"""Assignments in a copy of the `.h5ad` file whose cells they are of."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from torchdec.runs._tables import Clusters, Tally

# The names under which scanpy's users find a clustering in `.obs` and an embedding in `.obsm`.
_CLUSTER, _CONFIDENCE, _CODE = "torchdec", "torchdec_confidence", "X_torchdec"


def write_h5ad(
    path: str | Path,
    source: str | Path,
    chunks: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> Clusters:
    """Copy an `.h5ad` file and add the clusters of its cells.

    The copy has ``.obs["torchdec"]`` (the number of the cluster, categorical, as scanpy plots it),
    ``.obs["torchdec_confidence"]`` and ``.obsm["X_torchdec"]`` (the embedding); what had these names is
    replaced. All else is copied as it is, without being read.

    Parameters
    ----------
    path : str or Path
        File to write.
    source : str or Path
        The `.h5ad` file of the cells.
    chunks : iterable of tuple of ndarray
        Embeddings and soft assignments of the cells in order, as `DEC.predict_chunks` yields them.

    Returns
    -------
    Clusters
        Sizes and mean confidences of the k clusters.
    """
    import h5py
    import pandas as pd
    from anndata.io import write_elem

    tally = Tally()
    parts = [(z, *tally.add(q)) for z, q in chunks]
    code, cluster, confidence = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    numbers = np.unique(cluster)
    categories = pd.Index(numbers.astype(str).tolist(), dtype=object)
    labels = pd.Categorical.from_codes(np.searchsorted(numbers, cluster), categories)
    shutil.copyfile(source, path)
    with h5py.File(path, "r+") as file:
        cells = file["obs"]
        write_elem(cells, _CLUSTER, labels)
        write_elem(cells, _CONFIDENCE, confidence)
        columns = [name for name in cells.attrs["column-order"] if name not in (_CLUSTER, _CONFIDENCE)]
        cells.attrs["column-order"] = [*columns, _CLUSTER, _CONFIDENCE]
        write_elem(file.require_group("obsm"), _CODE, code)
    return tally.clusters()
