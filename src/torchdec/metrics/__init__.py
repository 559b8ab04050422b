"""How well clusters agree with known classes, and hold for new rows. Importing it does not import torch."""

from torchdec.metrics._agreement import ari, best_mapping, clustering_accuracy, nmi
from torchdec.metrics._generalizability import generalizability

__all__ = ["ari", "best_mapping", "clustering_accuracy", "generalizability", "nmi"]
