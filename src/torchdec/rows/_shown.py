"""A value in a message: on one line, and never all that a large one holds."""

from reprlib import Repr
from typing import Any

_REPR = Repr()
_REPR.maxstring = _REPR.maxother = 60


def shown(value: Any) -> str:
    """Return what `repr` gives, shortened to a line of at most some 100 characters.

    An array or a table is told by its type and shape.
    """
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"<{type(value).__name__} of shape {shape}>"
    text = " ".join(_REPR.repr(value).split())
    return text if len(text) <= 100 else f"{text[:97]}..."
