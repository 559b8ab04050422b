"""From soft assignments to clusters; no torch."""

import numpy as np
from jaxtyping import Float32, Int32
from numpy.typing import NDArray


def clusters_of(
    q: Float32[NDArray[np.float32], "rows clusters"], least: float = 0.0
) -> tuple[Int32[NDArray[np.int32], " rows"], Float32[NDArray[np.float32], " rows"]]:
    """Return the cluster of each row, its largest q, and the confidence in it, which is that q.

    Rows below the least confidence are in no cluster, which is -1, and so are those whose q is all 0.
    """
    confidence = q.max(axis=1)
    kept = (confidence >= least) & (confidence > 0)
    return np.where(kept, q.argmax(axis=1), -1).astype(np.int32), confidence
