"""What to do with clusters: choose how many, look at them, and merge, split and name them."""

from torchdec._core.number_of_clusters import Candidate, Choice
from torchdec._core.tree import Level, Tree
from torchdec.clusters._change import coarsen, merge, rename, split
from torchdec.clusters._choose import choose_k
from torchdec.clusters._describe import Cluster, describe, exemplars, outlier_scores, rules, summary
from torchdec.clusters._rules import Rule, Rules
from torchdec.clusters._stability import Stability, stability
from torchdec.clusters._traits import Trait

__all__ = [
    "Candidate",
    "Choice",
    "Cluster",
    "Level",
    "Rule",
    "Rules",
    "Stability",
    "Trait",
    "Tree",
    "choose_k",
    "coarsen",
    "describe",
    "exemplars",
    "merge",
    "outlier_scores",
    "rename",
    "rules",
    "split",
    "stability",
    "summary",
]
