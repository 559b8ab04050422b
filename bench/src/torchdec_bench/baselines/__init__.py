"""The clusterings that the paper compares DEC with, sparse throughout; no torch.

k-means with 20 starts is `sklearn.cluster.KMeans(n_init=20)`. A baseline on the embedding of an autoencoder is one
that is fitted on `torchdec.Autoencoder().fit_transform(X)`.
"""

from torchdec_bench.baselines._graphs import nearest_rows
from torchdec_bench.baselines._ldmgi import LDMGI
from torchdec_bench.baselines._sec import SEC

__all__ = ["LDMGI", "SEC", "nearest_rows"]
