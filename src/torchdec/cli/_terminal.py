"""What reaches the terminal: no character of a name, a path or a text that would steer it."""

from pathlib import Path

import typer


def printable(text: str) -> str:
    """Return a text from a user or a file without what would move a terminal's cursor or change its colours."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def tell(text: str, *, err: bool = False) -> None:
    """Print lines on stdout or stderr, which may hold what a user or a file has named."""
    typer.echo("\n".join(map(printable, text.split("\n"))), err=err)


def size_of(path: Path) -> str:
    """Return the size of a file in a unit that suits it."""
    if not path.exists():
        return "missing"
    size = float(path.stat().st_size)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
