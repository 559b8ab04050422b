"""What MkDocs does beside reading pages: the help of the commands becomes the reference of the command line."""

from typing import Any

MARK = "<!-- commands -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the commands where a page has the mark for them."""
    return markdown.replace(MARK, commands()) if MARK in markdown else markdown


def commands() -> str:
    """Return the help of each command, a section each."""
    from typer.main import get_command
    from typer.testing import CliRunner

    from torchdec.cli._app import app

    names: list[str] = list(get_command(app).commands)  # type: ignore[attr-defined]
    sections = []
    for name in names:
        shown = CliRunner().invoke(
            app, [name, "--help"], prog_name="torchdec", env={"COLUMNS": "100", "TERM": "dumb"}
        )
        sections.append(f"## torchdec {name}\n\n```\n{shown.stdout.strip()}\n```\n")
    return "\n".join(sections)
