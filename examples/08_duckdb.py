"""DuckDB: a model as a function in SQL, which gets some thousand rows at a time. Needs the extra `examples`."""

import duckdb
import pyarrow as pa
from sklearn.datasets import load_iris

from torchdec import DEC

flowers = load_iris(as_frame=True).data
flowers.columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
model = DEC(n_clusters=3, random_state=0).fit(flowers.to_numpy())


def cluster(rows: pa.ChunkedArray) -> pa.Array:
    """Return the cluster of each row, a list of numbers."""
    values = rows.combine_chunks()
    return pa.array(model.predict(values.flatten().to_numpy().reshape(len(values), -1)))


database = duckdb.connect()
database.create_function("cluster", cluster, ["DOUBLE[]"], "INTEGER", type="arrow")
query = """
    SELECT cluster([sepal_length, sepal_width, petal_length, petal_width]) AS number,
        count(*) AS flowers, round(avg(petal_length), 2) AS petal_length
    FROM flowers GROUP BY number ORDER BY number
"""
print(database.sql(query))
