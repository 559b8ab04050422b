"""How well clusters agree with known classes. Importing this package does not import torch."""

from torchdec.metrics._agreement import ari, best_mapping, clustering_accuracy, nmi

__all__ = ["ari", "best_mapping", "clustering_accuracy", "nmi"]
