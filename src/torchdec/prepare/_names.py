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
    "classlabel",
    "species",
    "variety",
    "celltype",
    "celltypes",
    "cluster",
)


def label_name(name: str) -> str:
    """Return a name as `LABEL_NAMES` spells it: in small letters, without blanks, underscores and hyphens."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def is_label_name(name: str) -> bool:
    """Tell whether a column of this name holds known classes, as far as its name says.

    Examples
    --------
    >>> from torchdec.prepare._names import is_label_name
    >>> [name for name in (" Class", "cell_type", "classic", "Y") if is_label_name(name)]
    [' Class', 'cell_type', 'Y']
    """
    return label_name(name) in LABEL_NAMES
