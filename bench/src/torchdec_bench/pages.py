"""Tables within the pages of the documentation, between two marks."""

from typing import Any


def renewed(text: str, begin: str, end: str, content: str) -> str:
    """Return the text with other content between the two marks."""
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{content}{end}{after}"


def as_code(settings: dict[str, Any]) -> str:
    """Return settings as a cell shows them; nothing where there are none."""
    return ", ".join(f"`{key}={value}`" for key, value in settings.items())
