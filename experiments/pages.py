"""Tables within the pages of the documentation, between two marks."""


def renewed(text: str, begin: str, end: str, content: str) -> str:
    """Return the text with other content between the two marks."""
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{content}{end}{after}"
