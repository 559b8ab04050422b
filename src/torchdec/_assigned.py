"""From soft assignments to clusters, and what is known of each row once its cluster is; no torch."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float32, Int32
from numpy.typing import NDArray


def clusters_of(
    q: Float32[NDArray[np.float32], "rows clusters"],
) -> tuple[Int32[NDArray[np.int32], " rows"], Float32[NDArray[np.float32], " rows"]]:
    """Return the cluster of each row, its largest q, and the confidence in it, which is that q.

    A row whose q is all 0 is in no cluster, which is -1.
    """
    confidence = q.max(axis=1)
    return np.where(confidence > 0, q.argmax(axis=1), -1).astype(np.int32), confidence


# Embeddings that are assigned at a time.
_PART = 65_536


class Model(Protocol):
    """What is asked of a fitted `torchdec.DEC`, which stands above this module."""

    cluster_names_: list[str]

    def assign(self, code: NDArray[np.float32]) -> NDArray[np.float32]: ...

    def nearest_centers(self, code: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]: ...


class Assigned:
    """Where a model puts rows, of which `DEC.predict_chunks` yields embeddings and soft assignments in order.

    `labels` and `center` are cluster and nearest centre of each row, int32 (n,); -1 and any for a row that is in
    no cluster. `confidence` is its largest soft assignment, 0 for a row in no cluster, and `distance` that to the
    nearest centre in the code, NaN for a row that holds nothing; float32 (n,).
    """

    def __init__(self, model: Model, chunks: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> None:
        columns: list[NDArray[Any]] = [
            np.empty(0, dtype) for dtype in (np.int32, np.float32, np.int32, np.float32)
        ]
        self.labels, self.confidence, self.center, self.distance = columns
        # The columns grow in place: thousands of small arrays that are kept between large ones that are not would
        # leave holes of memory that nothing else fits into.
        for code, q in chunks:
            end = len(columns[0]) + len(code)
            values = *clusters_of(q), *model.nearest_centers(code)
            for column, value in zip(columns, values, strict=True):
                column.resize(end, refcheck=False)
                column[end - len(code) :] = value
        self.n_clusters = len(model.cluster_names_)


def assign_parts(
    model: Model, codes: NDArray[np.float32], labels: NDArray[np.int32] | None = None
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield what `DEC.predict_chunks` does, from codes that are there already, such as a memmap of them.

    The embedding of a row that belongs nowhere does not tell that: rows whose label is -1 stay in no cluster.
    One with another label than that of the model was put there by a person, who is sure. Without labels all rows
    are the model's to assign.
    """
    for start in range(0, len(codes), _PART):
        part = np.array(codes[start : start + _PART])
        q = model.assign(part)
        if labels is None:
            yield part, q
            continue
        own = labels[start : start + _PART]
        said = np.flatnonzero((own < 0) | (q.argmax(axis=1) != own))
        q[said] = 0
        said = said[own[said] >= 0]
        q[said, own[said]] = 1
        yield part, q
