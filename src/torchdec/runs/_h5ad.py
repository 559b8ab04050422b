"""Clusters in a copy of the `.h5ad` file whose cells they are of."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The names under which scanpy's users find a clustering in `.obs`, embeddings in `.obsm`, and markers in `.uns`.
_CLUSTER, _CONFIDENCE = "torchdec", "torchdec_confidence"
_CODE, _LAYOUT, _MARKERS = "X_torchdec", "X_torchdec_2d", "rank_genes_groups_torchdec"


def write_h5ad(
    path: str | Path,
    source: str | Path,
    cluster: NDArray[np.int32],
    confidence: NDArray[np.float32],
    code: NDArray[np.float32],
    layout: NDArray[np.float32],
    markers: dict[str, Any],
) -> None:
    """Copy an `.h5ad` file of n cells and add their clusters.

    The copy has ``.obs["torchdec"]`` (the number of the cluster, categorical, as scanpy plots it; -1 of cells in
    none), ``.obs["torchdec_confidence"]``, ``.obsm["X_torchdec"]`` (the embedding), ``.obsm["X_torchdec_2d"]``
    (its layout in the plane) and ``.uns["rank_genes_groups_torchdec"]`` (`torchdec.clusters._markers.markers`);
    what had these names is replaced. All else is copied as it is, without being read.
    """
    import h5py
    import pandas as pd
    from anndata.io import write_elem

    numbers = np.unique(cluster)
    categories = pd.Index(numbers.astype(str).tolist(), dtype=object)
    labels = pd.Categorical.from_codes(np.searchsorted(numbers, cluster), categories)
    about = {
        "groupby": _CLUSTER,
        "reference": "rest",
        "method": "wilcoxon",
        "corr_method": "benjamini-hochberg",
        "use_raw": False,
    }
    shutil.copyfile(source, path)
    with h5py.File(path, "r+") as file:
        cells = file["obs"]
        write_elem(cells, _CLUSTER, labels)
        write_elem(cells, _CONFIDENCE, confidence)
        columns = [name for name in cells.attrs["column-order"] if name not in (_CLUSTER, _CONFIDENCE)]
        cells.attrs["column-order"] = [*columns, _CLUSTER, _CONFIDENCE]
        embeddings = file.require_group("obsm")
        write_elem(embeddings, _CODE, code)
        write_elem(embeddings, _LAYOUT, layout)
        write_elem(file.require_group("uns"), _MARKERS, {"params": about, **markers})
