"""`torchdec open`: the page of a run on this machine, whose edits are saved as they are made."""

from pathlib import Path
from typing import Annotated

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming, say
from torchdec.cli._terminal import tell


def open_page(
    directory: _options.Run,
    edits: Annotated[
        Path | None,
        typer.Option(
            "--edits", metavar="FILE.json", show_default="RUN-edits.json", help="File to save the edits to."
        ),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> None:
    """Show the page of a run in the browser, and save the edits that you make on it.

    Only this machine can reach it (127.0.0.1), at the address that it prints. `torchdec edit` applies the saved
    edits. Ctrl-C ends it.
    """
    import webbrowser

    from torchdec.cli._page_server import PageServer, saved_edits
    from torchdec.runs._publish import check_file
    from torchdec.runs._record import REPORT, read_run

    with naming("RUN"):
        read_run(directory)
    if not (directory / REPORT).exists():
        raise UserError(f"RUN: {directory} has no page; make it with torchdec report {directory} DATA.")
    file = edits or directory.with_name(f"{directory.resolve().name}-edits.json")
    with naming("--edits"):
        check_file(file, force=True)
        saved_edits(file)
    try:
        server = PageServer((directory / REPORT).read_text(encoding="utf-8"), directory, file, port)
    except OSError as error:
        raise UserError(f"--port: {port} cannot be listened on ({error.strerror}); try --port 0.") from None
    with server:
        tell(server.address)
        if browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say(f"closed; edits are in {file}." if file.exists() else "closed; no edits were saved.")
