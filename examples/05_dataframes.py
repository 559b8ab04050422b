"""Tables: columns of pandas or polars in, the cluster of each row as a column beside them.

Needs pandas and polars (the extra `examples`).
"""

import polars as pl
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from torchdec import DEC
from torchdec.clusters import describe

wines = load_wine(as_frame=True).data  # pandas; alcohol in percent, proline in the hundreds

# Columns in different units are scaled first. The pipeline keeps both steps together for new rows.
pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), DEC(n_clusters=3, random_state=0))
wines["cluster"] = pipeline.fit_predict(wines)
print(wines.groupby("cluster").mean().round(1)[["alcohol", "color_intensity", "proline"]])

scaler, model = pipeline[0], pipeline[-1]
for cluster in describe(model, scaler.transform(wines.drop(columns="cluster"))):
    print(cluster.number, cluster.size, [f"{name} {by:+.1f}" for name, by in cluster.features[:3]])

# A polars frame goes in as it is.
table = pl.from_pandas(wines.drop(columns="cluster"))
scaled = table.select((pl.all() - pl.all().mean()) / pl.all().std())
table = table.with_columns(cluster=pl.Series(DEC(n_clusters=3, random_state=0).fit_predict(scaled)))
print(table.group_by("cluster").len().sort("cluster"))
