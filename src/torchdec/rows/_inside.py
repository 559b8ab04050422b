"""The files of a folder, none of which lies outside it."""

from collections.abc import Sequence
from pathlib import Path

from torchdec.rows._protocol import RowsError


def files_inside(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the files below a folder that have one of the suffixes, in the order of their paths.

    Hidden ones, and those in hidden folders, are left out: unfinished files of other programs lie there.

    Raises
    ------
    RowsError
        If one is a link that leads out of the folder.
    """
    home = folder.resolve()
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not path.is_dir()
    )
    for path in paths:
        if not path.resolve().is_relative_to(home):
            raise RowsError(f"{path}: is a link that leads out of {folder}; copy the file there")
    return paths
