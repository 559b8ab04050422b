"""Beside UMAP and HDBSCAN: the same rows, what each way gives, and a DEC code in the place of UMAP's.

Needs umap-learn (the extra `examples`).
"""

from sklearn.cluster import HDBSCAN
from sklearn.datasets import load_digits
from umap import UMAP

from torchdec import DEC
from torchdec.metrics import nmi

X, y = load_digits(return_X_y=True)

# UMAP lays the rows out, HDBSCAN finds how many dense groups there are, and leaves out what is in none.
flat = UMAP(n_neighbors=15, min_dist=0.0, random_state=0, n_jobs=1).fit_transform(X)
dense = HDBSCAN(min_cluster_size=50, copy=True).fit_predict(flat)
print(f"UMAP + HDBSCAN: {dense.max() + 1} clusters, {(dense < 0).mean():.0%} in none, NMI {nmi(y, dense):.3f}")

# DEC puts every row into one of k clusters, says how sure it is, and predicts new rows by the same function.
model = DEC(n_clusters=10, random_state=0).fit(X)
print(f"DEC: {model.n_clusters} clusters, all rows, NMI {nmi(y, model.labels_):.3f}")

# HDBSCAN can also run on the embedding of DEC, where k is not wanted: new rows then have an embedding too.
groups = HDBSCAN(min_cluster_size=50, copy=True).fit_predict(model.transform(X))
print(f"DEC + HDBSCAN: {groups.max() + 1} clusters, {(groups < 0).mean():.0%} in none, NMI {nmi(y, groups):.3f}")
