"""Files from their official addresses: over https, resumed where they broke off, complete or not there at all.

Of the libraries for this, pooch checks and caches but starts a broken download again from its first byte, which
is too much for the 2.6 GB of STL-10.
"""

import hashlib
import os
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from filelock import FileLock

from torchdec._version import __version__
from torchdec_bench.datasets._dataset import DatasetError

# Called with the name of the file, the bytes that are there, and the bytes of the whole where they are known.
Progress = Callable[[str, int, int | None], None]

_BLOCK = 1 << 18
_ATTEMPTS = 5
_TIMEOUT = 60.0
_BROKEN = (HTTPException, ConnectionError, TimeoutError, URLError, ssl.SSLError)
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
pause = time.sleep


@dataclass(frozen=True)
class Remote:
    """A file, where it is to be had, and its digest (``md5:...`` or ``sha256:...``) where that is published."""

    file: str
    url: str
    digest: str = ""


def fetch(remote: Remote, folder: Path, progress: Progress | None = None) -> Path:
    """Return the path of a file in `folder`, after a download if it is not there.

    A download that breaks off is continued a few times at once, and later by the next call: what has arrived is
    kept under a hidden name beside it. Processes that want the same file wait for one another.

    Raises
    ------
    DatasetError
        If the address is not https, answers with an error, keeps breaking off, or gives other bytes than its
        published digest says; these are thrown away.
    """
    _check_address(remote.url)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / remote.file
    with FileLock(folder / f".{remote.file}.lock"):
        if not path.is_file():
            part = folder / f".{remote.file}.part"
            _complete(remote, part, progress)
            _check_digest(remote, part)
            part.replace(path)
            _tag_of(part).unlink(missing_ok=True)
    return path


class _SafeRedirects(HTTPRedirectHandler):
    """Follows no redirect to where the first address could not have led."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        try:
            _check_address(newurl)
        except DatasetError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    # What goes to this very machine crosses no network.
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise DatasetError(f"{url} is not https, so nothing is fetched; put the file in its place yourself.")


def _complete(remote: Remote, part: Path, progress: Progress | None) -> None:
    failures = 0
    while True:
        before = _size(part)
        try:
            _go_on(remote, part, progress)
            return
        except _BROKEN as error:
            status = error.code if isinstance(error, HTTPError) else None
            if isinstance(error, HTTPError):
                error.close()
            if status == 416:  # what is there fits the file no longer
                part.unlink(missing_ok=True)
            failures = 1 if _size(part) > before else failures + 1
            if failures == _ATTEMPTS or (status is not None and status < 500 and status not in (416, 429)):
                reason = " ".join(str(error).split())
                kept = (
                    f"; the next try goes on from the {_size(part):,} bytes that are kept" if _size(part) else ""
                )
                raise DatasetError(f"{remote.url} cannot be fetched ({reason}){kept}.") from error
            pause(failures)


def _go_on(remote: Remote, part: Path, progress: Progress | None) -> None:
    """Fetch what is missing of a file; without a tag to tell that the file is still the same, all of it."""
    tag = _tag_of(part)
    headers = {"User-Agent": f"torchdec/{__version__}"}
    if _size(part) and tag.is_file():
        headers |= {"Range": f"bytes={_size(part)}-", "If-Range": tag.read_text()}
    request = Request(remote.url, headers=headers)  # noqa: S310 - the address was checked
    with build_opener(_SafeRedirects).open(request, timeout=_TIMEOUT) as answer:
        start = _start(answer, _size(part)) if answer.status == 206 else 0
        length = answer.headers["Content-Length"]
        total = start + int(length) if length else None
        etag = answer.headers["ETag"] or ""
        strong = etag if not etag.startswith("W/") else ""
        with part.open("r+b" if start else "wb") as file:
            if start:
                file.seek(start)
                file.truncate()
            tag.unlink(missing_ok=True)
            if strong or answer.headers["Last-Modified"]:
                tag.write_text(strong or answer.headers["Last-Modified"])
            done = start
            while block := answer.read(_BLOCK):
                file.write(block)
                done += len(block)
                if progress:
                    progress(remote.file, done, total)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done < total:
        raise ConnectionError(f"the connection ended after {done:,} of {total:,} bytes")


def _start(answer: Any, wanted: int) -> int:
    """Return the byte at which a partial answer begins, as the server says: it may be before the one asked for."""
    told = re.match(r"bytes (\d+)-", answer.headers["Content-Range"] or "")
    if not told or int(told[1]) > wanted:
        raise ConnectionError(f"the server sent another part of the file than that from byte {wanted:,}")
    return int(told[1])


def _check_digest(remote: Remote, part: Path) -> None:
    if not remote.digest:
        return
    algorithm, wanted = remote.digest.split(":")
    with part.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    if found != wanted:
        part.unlink()
        _tag_of(part).unlink(missing_ok=True)
        raise DatasetError(
            f"{remote.url} gave a file with {algorithm} {found}, but its publisher says {wanted}; it was thrown "
            "away: try again, or get the file elsewhere."
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _tag_of(part: Path) -> Path:
    return part.with_name(part.name + ".tag")
