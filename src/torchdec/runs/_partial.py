"""What is half written: a hidden folder beside the target, and nothing of it left when its writer is gone."""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

if os.name == "posix":
    import fcntl


def sibling(path: Path, purpose: str) -> Path:
    """Return a hidden name beside a path, one that nothing has."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.{purpose}")


@contextlib.contextmanager
def partial(target: Path) -> Iterator[Path]:
    """Make a folder beside a target, and remove it and all in it at the end, Ctrl-C too.

    What a process that was killed has left beside the target is removed first. That it is dead is told by the
    lock (``flock``) that each writer holds on its folder; where the file system has none, nothing is removed.
    """
    _remove_leftovers(target)
    new = sibling(target, "partial")
    new.mkdir()
    try:
        with _lock(new):
            yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def is_partial(name: str, target: str) -> bool:
    """Tell whether a name is that of a folder which `partial` makes for a target of that name."""
    return re.fullmatch(rf"\.{re.escape(target)}\.[0-9a-f]{{8}}\.partial", name) is not None


def _remove_leftovers(target: Path) -> None:
    for path in [path for path in target.parent.iterdir() if is_partial(path.name, target.name)]:
        with contextlib.suppress(OSError), _lock(path) as held:
            if held:
                shutil.rmtree(path)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Lock a directory if that can be done at once, and say whether it was."""
    if os.name != "posix":
        yield False
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    held = True
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # its writer has it, or there are no locks here
            held = False
        yield held
    finally:
        os.close(descriptor)


def discard(old: Path, target: Path) -> None:
    """Remove a directory that has had its day; what a kill leaves of it, the next writer of the target removes."""
    shutil.rmtree(old.rename(sibling(target, "partial")), ignore_errors=True)
