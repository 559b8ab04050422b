"""What to do with clusters: choose how many, look at them, and merge, split and name them."""

from torchdec._core.number_of_clusters import Candidate, Choice
from torchdec._core.tree import Level, Tree
from torchdec.clusters._align import align
from torchdec.clusters._change import coarsen, merge, rename, split
from torchdec.clusters._choose import choose_k, plot_choice
from torchdec.clusters._describe import Cluster, describe, exemplars, name_clusters, rules, summary
from torchdec.clusters._drift import Drift, Shift, drift
from torchdec.clusters._edits import replay
from torchdec.clusters._layout import layout
from torchdec.clusters._merge_models import merge_models
from torchdec.clusters._refine import ask, refine
from torchdec.clusters._rules import Rule, Rules
from torchdec.clusters._stability import Stability, stability
from torchdec.clusters._traits import Trait
from torchdec.clusters._update import update

__all__ = [
    "Candidate",
    "Choice",
    "Cluster",
    "Drift",
    "Level",
    "Rule",
    "Rules",
    "Shift",
    "Stability",
    "Trait",
    "Tree",
    "align",
    "ask",
    "choose_k",
    "coarsen",
    "describe",
    "drift",
    "exemplars",
    "layout",
    "merge",
    "merge_models",
    "name_clusters",
    "plot_choice",
    "refine",
    "rename",
    "replay",
    "rules",
    "split",
    "stability",
    "summary",
    "update",
]
