"""Tables: columns of pandas or polars in, the cluster of each row as a column beside them.

Needs pandas and polars (the extra `examples`).
"""

import polars as pl
from sklearn.datasets import load_wine

from torchdec import DEC
from torchdec.clusters import describe

wines = load_wine(as_frame=True).data  # pandas; alcohol in percent, proline in the hundreds

# The columns have different units: the fit sees that, and standardises them, for new rows too.
model = DEC(n_clusters=3, random_state=0).fit(wines)
for cluster in describe(model, wines):
    print(cluster.number, cluster.size, [f"{name} {by:+.1f}" for name, by in cluster.features[:3]])
print(wines.groupby(model.labels_).mean().round(1)[["alcohol", "color_intensity", "proline"]])

# A polars frame goes in as it is.
table = pl.from_pandas(wines)
table = table.with_columns(cluster=pl.Series(model.predict(table)))
print(table.group_by("cluster").len().sort("cluster"))
