"""How results reach the disk: all at once or not at all, and never over what is not theirs.

What is half written is a hidden folder beside the target, and nothing of it is left when its writer is gone.
"""

import contextlib
import ctypes
import errno
import os
import platform
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from torchdec.runs._record import REPORT, RunError, read_run

if os.name == "posix":
    import fcntl

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # of which libraries do not say where
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}  # of the file system


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
    except OSError as error:
        if error.errno in _FULL and error.filename is None:
            raise OSError(error.errno, os.strerror(error.errno), str(target)) from error
        raise
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


def check_directory(directory: str | Path, *, force: bool = False) -> None:
    """Check that a run can be written, before the hours that it takes to make one.

    With `force`, an empty directory, or a run and nothing else, may be replaced. Folders above it that do not
    exist are made later.

    Raises
    ------
    RunError
        If something is there that may not be replaced, or the folder above cannot be written.
    """
    target = _target(directory)
    if os.path.lexists(target):
        _check_replaceable(target, directory, force)
    check_place(directory)


def _target(path: str | Path) -> Path:
    """Return where a path leads; unlike `Path.resolve` it takes a link to itself, which the checks then refuse."""
    return Path(os.path.realpath(path))


def _check_replaceable(target: Path, shown: str | Path, force: bool) -> None:
    if not target.is_dir():
        raise RunError(f"{shown} exists and isn't a directory; name a new directory.")
    if target.is_mount():
        raise RunError(f"{shown} is a mount point, which cannot be replaced; name a directory inside it.")
    names = sorted(entry.name for entry in target.iterdir())
    if names:
        _check_only_a_run(target, shown, names)
    if not force:
        what = "holds a run" if names else "is an empty directory"
        raise RunError(f"{shown} exists and {what}; name a new directory, or replace it with force=True.")


def _check_only_a_run(target: Path, shown: str | Path, names: list[str]) -> None:
    try:
        own = {*read_run(target).files, REPORT}  # a report may be made at any time
    except RunError:
        raise RunError(
            f"{shown} exists and holds no run that this torchdec can read, so it is never replaced; "
            "name a new directory."
        ) from None
    # A report that was killed leaves half of a page.
    foreign = [name for name in names if name not in own and not is_partial(name, REPORT)]
    if foreign:
        raise RunError(
            f"{shown} holds a run and also {', '.join(foreign[:3])}, which no run wrote, so it is never "
            "replaced; move that away or name a new directory."
        )


def check_place(path: str | Path) -> None:
    """Check that something can be written where a path says, whatever is there.

    Raises
    ------
    RunError
        If the folder above cannot be written, or the path begins with ``~``, which no shell has expanded.
    """
    first, *others = Path(path).parts or ("",)
    if first == "~":
        home = Path.home().joinpath(*others)
        raise RunError(f"{path} begins with ~, which a shell expands only without quotes; write {home}.")
    parent = next(folder for folder in _target(path).parents if os.path.lexists(folder))
    try:
        # Permissions alone do not tell: a file system may be read-only or full.
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise RunError(
            f"{path} cannot be written ({error.strerror} in {parent}); name a path in a folder that you may "
            "write to."
        ) from None


def write_run_directory(directory: str | Path, write: Callable[[Path], None], *, force: bool = False) -> None:
    """Make a run directory appear complete or not at all.

    `write` is called once with a new, empty directory beside it, of a hidden name; what it writes there is flushed
    to the disk, and renamed. With `force` old and new run change their places in one step, where the system can do
    that, and the old one is deleted; elsewhere it is moved aside for the moment of the renaming.

    Raises
    ------
    RunError
        As `check_directory`, which is called before and after the writing; or if the directory cannot be renamed
        to its place. What is complete is then kept under its hidden name, which the message tells.
    """
    check_directory(directory, force=force)
    target = _target(directory)
    target.parent.mkdir(parents=True, exist_ok=True)
    with partial(target) as new:
        write(new)
        for path in new.rglob("*"):
            _settle(path, new)
        _flush(new)
        complete = new.rename(sibling(target, "complete"))
    try:
        # The writing takes hours where the training does: something may have appeared meanwhile.
        check_directory(directory, force=force)
        _move_into_place(complete, target)
    except (RunError, OSError) as error:
        raise RunError(f"The run is complete, but it stays in {complete}: {error}") from None
    _flush(target.parent)


def _move_into_place(new: Path, target: Path) -> None:
    if not os.path.lexists(target):
        new.rename(target)
        return
    if _exchange(new, target):
        discard(new, target)
        return
    old = sibling(target, "old")
    target.rename(old)
    try:
        new.rename(target)
    except BaseException:
        if not os.path.lexists(target):
            old.rename(target)
        raise
    discard(old, target)


def _exchange(first: Path, second: Path) -> bool:
    """Let two directories change their names in one step; return whether this system and its disk can."""
    if os.name != "posix":
        return False
    libc = ctypes.CDLL(None)
    old, new = os.fsencode(first), os.fsencode(second)
    if hasattr(libc, "renameat2"):  # Linux
        here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
        return bool(libc.renameat2(here, old, here, new, exchange) == 0)
    if hasattr(libc, "renamex_np"):  # macOS
        swap = 2  # RENAME_SWAP
        return bool(libc.renamex_np(old, new, swap) == 0)
    return False


def check_file(path: str | Path, *, force: bool = False) -> None:
    """Check that a file can be written, with `force` over one that is there, before the work of making it.

    Raises
    ------
    RunError
        If something is there that may not be replaced, or the folder above cannot be written.
    """
    target = _target(path)
    if target.is_dir():
        raise RunError(f"{path} is a directory; name a file.")
    if os.path.lexists(target) and not force:
        raise RunError(f"{path} exists; name a new file, or replace it with force=True.")
    check_place(path)


def write_file(path: str | Path, write: Callable[[Path], None], *, force: bool = False) -> None:
    """Make a file appear complete or not at all; with `force`, in place of one that is there, in one step.

    `write` is called once with the path of a file to make, of the final name and in a hidden folder beside it.

    Raises
    ------
    RunError
        As `check_file`, which is called before and after the writing.
    """
    check_file(path, force=force)
    target = _target(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with partial(target) as folder:
        new = folder / target.name
        write(new)
        _settle(new, folder)
        check_file(path, force=force)
        new.replace(target)
    _flush(target.parent)


def _settle(path: Path, folder: Path) -> None:
    """Flush a file or directory, and let a file be read by whoever may read the folder: safetensors forbids it."""
    if path.is_file():
        path.chmod(folder.stat().st_mode & 0o666)
    _flush(path)


def _flush(path: Path) -> None:
    """Force a file, or the entries of a directory, to the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a directory; it needs no flush there.
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Keep other processes from writing to a path for as long as it takes.

    The lock is a hidden file beside the path, ``.<name>.lock``. A process that is killed loses it, and the next
    one takes it over. Where the file system has no locks, there is none. Folders above the path that do not exist
    are made, and removed again if they stay empty.

    Raises
    ------
    RunError
        If another process holds the lock; the message names it.
    """
    target = _target(path)
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
