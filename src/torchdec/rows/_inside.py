"""The files of a folder, none of which lies outside it."""

import re
from collections.abc import Sequence
from pathlib import Path

from torchdec.rows._protocol import RowsError, tell

# Of tools that keep a table's current state in a log, beside files that are no part of it any more.
_LOGS = {
    "_delta_log": "Delta Lake",
    ".hoodie": "Hudi",
    ".hoodie_partition_metadata": "Hudi",
    "snapshot/LATEST": "Paimon",
}
# Folders of thumbnails and of what was deleted.
OF_SYSTEMS = ("@eaDir", "#recycle", "$RECYCLE.BIN")
_OF_ICEBERG = (".metadata.json", ".metadata.json.gz", "version-hint.text")
# Folders above the one to be read in which such a log is looked for.
_LEVELS_ABOVE = 4
# Suffixes of tables, of which Spark, Hive and Dask write unfinished ones and marks under names that begin with _.
_TABLES = (".parquet", ".npz")


def files_inside(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the files below a folder that have one of the suffixes, in the natural order of their paths.

    Hidden ones, and those in hidden folders, are left out: unfinished files of other programs lie there. So are
    thumbnails and deleted files that systems keep, and
    tables under names that begin with an underscore, which is told.

    Raises
    ------
    RowsError
        If one is a link that leads out of the folder, or the files are those of a table of Delta Lake or the like.
    """
    found = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes
        and not _begins(path.relative_to(folder), (".", *OF_SYSTEMS))
        and (path.is_file() or (path.is_symlink() and not path.is_dir()))  # a pipe would be waited for
    ]
    if found:
        _refuse_logs(folder, found)
    marked = [
        path for path in found if path.suffix.lower() in _TABLES and _begins(path.relative_to(folder), ("_",))
    ]
    if marked:
        first = marked[0].relative_to(folder).as_posix()
        tell(f"{folder}: {len(marked)} files under names that begin with _ are left out, such as {first}")
    paths = sorted(set(found) - set(marked), key=lambda path: natural(path.relative_to(folder)))
    _refuse_links(folder, paths)
    return paths


def natural(path: Path) -> list[list[tuple[bool, int, str]]]:
    """Return what sorts paths as people do: part.2 before part.10."""
    return [
        [(piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece) for piece in re.split(r"(\d+)", part)]
        for part in path.parts
    ]


def _begins(path: Path, marks: tuple[str, ...]) -> bool:
    return any(part.startswith(marks) for part in path.parts)


def _refuse_logs(folder: Path, found: Sequence[Path]) -> None:
    """Refuse tables whose files are not all of them part of it: only their log tells which are."""
    inside = {parent for path in found for parent in path.parents if parent.is_relative_to(folder)}
    # A part of a table, as `table/data` or `table/year=2020`, is as little to be read without its log.
    above = folder.resolve().parents[:_LEVELS_ABOVE]
    for place in (*sorted(inside), *above):
        tool = _tool_of(place)
        if tool is not None:
            what = f"{place}: is a table" if place in inside else f"{folder}: is part of {place.name}, a table"
            raise RowsError(
                f"{what} of {tool}, whose log says which of its files count; read it with a library of {tool} and "
                "write the rows as plain Parquet"
            )


def _tool_of(place: Path) -> str | None:
    """Return the tool that keeps a table in this folder, None where there is no sign of one."""
    tool = next((tool for name, tool in _LOGS.items() if (place / name).exists()), None)
    if tool is None and any(path.name.endswith(_OF_ICEBERG) for path in (place / "metadata").glob("*")):
        return "Iceberg"
    return tool


def _refuse_links(folder: Path, paths: Sequence[Path]) -> None:
    home = folder.resolve()
    for path in paths:
        if not path.resolve().is_relative_to(home):
            raise RowsError(f"{path}: is a link that leads out of {folder}; copy the file there")
