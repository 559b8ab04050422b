"""Cells: from counts in an AnnData to clusters in its `.obs` and the embedding in its `.obsm`, with scanpy.

Needs scanpy (the extra `examples`). The counts are drawn here; yours come from `anndata.read_h5ad`.
"""

import anndata
import numpy as np
import scanpy as sc
from scipy.sparse import csr_matrix

from torchdec import DEC

random = np.random.default_rng(0)
kinds = random.integers(4, size=800)
rates = random.gamma(0.3, size=(4, 1500))  # how strongly each kind of cell uses each gene
counts = random.poisson(rates[kinds] * random.lognormal(sigma=0.3, size=(800, 1)))
adata = anndata.AnnData(csr_matrix(counts.astype(np.float32)))
adata.layers["counts"] = adata.X.copy()

# What scanpy does before its neighbour graph: size factors, logarithm, variable genes.
sc.pp.normalize_total(adata)
sc.pp.log1p(adata)
sc.pp.highly_variable_genes(adata, n_top_genes=500)
variable = adata[:, adata.var.highly_variable]

model = DEC(n_clusters=4, random_state=0).fit(variable.X)
adata.obs["dec"] = model.labels_.astype(str)
adata.obs["dec"] = adata.obs["dec"].astype("category")
adata.obs["dec_confidence"] = model.predict_proba(variable.X).max(axis=1)
adata.obsm["X_dec"] = model.transform(variable.X)
print(adata)
print(adata.obs.groupby("dec", observed=True)["dec_confidence"].agg(["size", "mean"]))
# From here on: sc.pp.neighbors(adata, use_rep="X_dec"), sc.tl.umap, sc.pl.umap(adata, color="dec"),
# sc.tl.rank_genes_groups(adata, "dec").
