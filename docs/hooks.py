"""What MkDocs does beside reading pages: the help of the commands becomes the reference of the command line."""

from importlib import import_module
from typing import Any

MARKS = {
    "<!-- commands -->": ("torchdec", "torchdec.cli._app"),
    "<!-- commands of the kit -->": ("torchdec-bench", "torchdec_bench.cli._app"),
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the commands where a page has the mark for them."""
    for mark, (program, module) in MARKS.items():
        if mark in markdown:
            markdown = markdown.replace(mark, commands(program, module))
    return markdown


def commands(program: str, module: str) -> str:
    """Return the help of each command, a section each."""
    from typer.main import get_command
    from typer.testing import CliRunner

    app = import_module(module).app
    names: list[str] = list(get_command(app).commands)  # type: ignore[attr-defined]
    sections = []
    for name in names:
        shown = CliRunner().invoke(
            app, [name, "--help"], prog_name=program, env={"COLUMNS": "100", "TERM": "dumb"}
        )
        sections.append(f"## {program} {name}\n\n```\n{shown.stdout.strip()}\n```\n")
    return "\n".join(sections)
