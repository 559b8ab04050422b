"""Tables within the pages of the documentation, between two marks, and what stands in their cells."""

from statistics import mean, stdev
from typing import Any


def renewed(text: str, begin: str, end: str, content: str) -> str:
    """Return the text with other content between the two marks."""
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{content}{end}{after}"


def as_code(settings: dict[str, Any]) -> str:
    """Return settings as a cell shows them; nothing where there are none."""
    return ", ".join(f"`{key}={value}`" for key, value in settings.items())


def spread(values: list[float], digits: int = 3) -> str:
    """Return mean and standard deviation; of one value, itself; of none, nothing."""
    if not values:
        return ""
    return f"{mean(values):.{digits}f}" + (f" ± {stdev(values):.{digits}f}" if len(values) > 1 else "")
