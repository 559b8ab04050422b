"""Names by which a column of known classes is recognised. Labels never enter a fit."""

import re

# As `is_label_name` compares them; where a file has several, the first of these is taken for the labels.
LABEL_NAMES = (
    "y",
    "label",
    "labels",
    "class",
    "classes",
    "target",
    "targets",
    "truth",
    "groundtruth",
    "truelabel",
    "truelabels",
    "ytrue",
    "ypred",
    "classlabel",
    "species",
    "variety",
    "celltype",
    "celltypes",
    "cluster",
    "clusters",
    "leiden",
    "louvain",
    "klasse",
    "classe",
    "clase",
)
# Words that leave a name of labels one, as in `class_id` and `fine_label`. No counts: `num_classes` is a feature.
_BESIDE = frozenset(
    (
        *("id", "ids", "idx", "index", "code", "name", "names", "text", "encoded"),
        *("true", "ground", "gold", "pred", "predicted", "fine", "coarse", "kmeans"),
    )
)


def label_name(name: str) -> str:
    """Return a name as `LABEL_NAMES` spells it: small letters without blanks, underscores, hyphens and points."""
    return re.sub(r"[\s_.-]+", "", name).casefold()


def is_label_name(name: str) -> bool:
    """Tell whether a column of this name holds known classes, as far as its name says.

    Examples
    --------
    >>> from torchdec.prepare._names import is_label_name
    >>> [name for name in (" Class", "cell_type", "classId", "label 2", "classic", "Y") if is_label_name(name)]
    [' Class', 'cell_type', 'classId', 'label 2', 'Y']
    """
    if label_name(name) in LABEL_NAMES:
        return True
    words = [
        word.casefold() for word in re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+|\W", name) if word.strip(" .-\t\n")
    ]
    core = [word for word in words if word not in _BESIDE]
    # A y with a number or beside other words is a coordinate.
    if not core or "y" in core:
        return False
    return "".join(core) in LABEL_NAMES or all(word in LABEL_NAMES for word in core)
