"""`torchdec serve`."""

import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming, say
from torchdec.cli._run_files import names_of_run
from torchdec.cli._terminal import tell


def serve(
    model: _options.Model,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8000,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; 0.0.0.0 lets other machines reach it.")
    ] = "127.0.0.1",
    reject: Annotated[
        float,
        typer.Option(
            "--reject",
            min=0.0,
            max=0.99,
            metavar="FRACTION",
            help="Give cluster -1 to rows that lie far out; see predict.",
        ),
    ] = 0.0,
    most_rows: Annotated[int, typer.Option("--max-rows", min=1, help="Most rows of a request.")] = 10_000,
    most_megabytes: Annotated[int, typer.Option("--max-mb", min=1, help="Most megabytes of a request.")] = 8,
    device: _options.Device = "cpu",
) -> None:
    """Answer predictions over HTTP: POST {"rows": [...]} to /predict; see also GET /health and /openapi.json.

    A row is a list of numbers, an object with the columns of the fit, or a text. There is no password, so only
    this machine can reach it unless --host says otherwise.
    """
    try:
        import uvicorn

        from torchdec._serve import application
    except ImportError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        raise UserError("serve needs a server; try pip install 'torchdec[serve]'.") from None
    from torchdec._model_file import load

    with naming("MODEL"):
        fitted = load(model, device=device)
    names = names_of_run(model) or fitted.cluster_names_
    app = application(fitted, names, reject=reject, most_rows=most_rows, most_bytes=most_megabytes * 2**20)
    with naming(f"--host {host} --port {port}"):
        listener = socket.create_server((host, port))
        # Connections inherit it: else the end of each answer waits 40 ms for the client to confirm its beginning.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not ip_address(listener.getsockname()[0]).is_loopback:
        say(f"warning: {host} can be reached from other machines, and there is no password.")
    tell(f"Serving {model} at http://{host}:{listener.getsockname()[1]}; Ctrl-C ends it.")
    config = uvicorn.Config(app, log_level="warning", timeout_keep_alive=30, timeout_graceful_shutdown=10)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
