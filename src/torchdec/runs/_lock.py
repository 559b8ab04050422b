"""One writer at a time: a lock beside what is to be written, which the system takes back when its holder ends."""

import contextlib
import errno
import os
import platform
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from torchdec.runs._record import RunError

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}  # of the file system


@contextlib.contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Keep other processes from writing to a path for as long as it takes.

    The lock is a hidden file beside the path, ``.<name>.lock``. A process that is killed loses it, and the next
    one takes it over. Where the file system has no locks, there is none.

    Parameters
    ----------
    path : str or Path
        What is to be written. Folders above it that do not exist are made, and removed again if they stay empty.

    Raises
    ------
    RunError
        If another process holds the lock; the message names it.

    Examples
    --------
    >>> import tempfile
    >>> from torchdec.runs import locked
    >>> with tempfile.TemporaryDirectory() as folder, locked(folder + "/run"):
    ...     with locked(folder + "/other"):
    ...         pass
    """
    target = Path(path).resolve()
    missing = [folder for folder in target.parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    file = target.with_name(f".{target.name}.lock")
    lock = FileLock(file, fallback_to_soft=False)
    try:
        held = _acquire(lock, file, path)
        try:
            yield
        finally:
            if held:
                file.unlink(missing_ok=True)
                lock.release()
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):  # something was written there
                folder.rmdir()


def _acquire(lock: FileLock, file: Path, shown: str | Path) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = _holder(file)
        raise RunError(
            f"{shown} is being written by {holder}; wait for that, or name another path. Should that process be "
            f"gone, remove {file}."
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return False
    with contextlib.suppress(OSError):  # a full disk is met, and told, by the writing itself
        since = datetime.now().astimezone().isoformat(" ", "seconds")
        file.write_text(f"process {os.getpid()} on {platform.node()} since {since}", encoding="utf-8")
    return True


def _holder(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8") or "another process"
    except (OSError, ValueError):
        return "another process"
