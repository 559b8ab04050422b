"""The server of `torchdec open`: one page, on this machine alone, whose edits it keeps in a file."""

import html
import json
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# A list of edits may name every row of a large map, some ten bytes each.
_MOST_BYTES = 16 << 20


class PageServer(ThreadingHTTPServer):
    """A server of one page, which keeps the edits that are posted to it in a file."""

    def __init__(self, page: str, directory: Path, file: Path, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        token = secrets.token_urlsafe(24)
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.paths = {"GET": f"/?token={token}", "POST": f"/edits?token={token}"}
        self.address = f"http://{self.host}{self.paths['GET']}"
        self.directory, self.file = directory, file
        # The page may ask for nothing; this one may post its edits to where it came from.
        save = f'<meta name="save" content="{self.paths["POST"]}">'
        allowed = page.replace("default-src 'none'", "default-src 'none'; connect-src 'self'", 1)
        self._page = allowed.replace("<title>", f"{save}<title>", 1)

    @property
    def page(self) -> bytes:
        """The page, with the edits that were saved before: it goes on from them."""
        saved = html.escape(json.dumps(saved_edits(self.file)))
        return self._page.replace("<title>", f'<meta name="edits" content="{saved}"><title>', 1).encode()


def saved_edits(file: Path) -> list[Any]:
    """Return the edits of a file that a page has saved, none where there is no file yet.

    Raises
    ------
    ValueError
        If it holds something else, which would be replaced.
    """
    if not file.exists():
        return []
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(saved["edits"], list) and saved.get("format", "torchdec edits") == "torchdec edits":
            return list(saved["edits"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise ValueError(f"{file} is there and holds no edits of a page; name another file with --edits.")


class _Handler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:
        if self._is_allowed():
            self._answer(HTTPStatus.OK, self.server.page, "text/html; charset=utf-8")

    def do_POST(self) -> None:
        if not self._is_allowed():
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"too large")
            return
        try:
            edits = json.loads(self.rfile.read(int(length)))
            if not isinstance(edits, dict) or not isinstance(edits["edits"], list):
                raise ValueError("no list of edits")
            text = json.dumps(edits, indent=1, ensure_ascii=False, allow_nan=False)
        except (ValueError, KeyError, RecursionError):
            self._answer(HTTPStatus.BAD_REQUEST, b"no edits")
            return
        self._save(text + "\n")

    def _save(self, text: str) -> None:
        from torchdec.runs._publish import write_file

        file = self.server.file

        def write(new: Path) -> None:
            new.write_text(text, encoding="utf-8")

        try:
            write_file(file, write, force=True)
        except (OSError, ValueError) as error:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, str(error).encode())
            return
        replayed = f"Saved. Replay with: torchdec edit {self.server.directory} {file} -o NEW"
        self._answer(HTTPStatus.OK, replayed.encode())

    def _is_allowed(self) -> bool:
        """Refuse what doesn't come from the page: another host name may be an attack by a page elsewhere."""
        wanted = self.server.paths[self.command]
        allowed = self.headers.get("Host") == self.server.host and secrets.compare_digest(
            self.path.encode(), wanted.encode()
        )
        if not allowed:
            self._answer(HTTPStatus.FORBIDDEN, b"not allowed")
        return allowed

    def _answer(self, status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no line for each request."""
