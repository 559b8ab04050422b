"""From soft assignments to clusters; no torch."""

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
