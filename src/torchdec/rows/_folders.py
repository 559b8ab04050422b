"""A folder as rows: what kind of files it holds, none of which lies outside it, and in which order."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from torchdec.prepare._features import Features
from torchdec.prepare._images import Images
from torchdec.prepare._mixed import Mixed
from torchdec.prepare._roles import first_of
from torchdec.rows._csr_parts import CsrPartRows
from torchdec.rows._images import SUFFIXES, read_images
from torchdec.rows._parquet import ParquetRows
from torchdec.rows._protocol import Rows, RowsError, tell
from torchdec.rows._reading import Prepared, Reading

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
    thumbnails and deleted files that systems keep, and tables under names that begin with an underscore, which is
    told.

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


def read_folder(folder: Path, reading: Reading, prepared: Prepared | None) -> Rows:
    """Read a folder of files of one kind; see `torchdec.rows.read_rows`."""
    found = {
        what: files_inside(folder, suffixes)
        for what, suffixes in {".parquet": (".parquet",), ".npz": (".npz",), "images": SUFFIXES}.items()
    }
    kinds = [what for what, paths in found.items() if paths]
    if not kinds:
        others = _others(folder, (), hidden=".")
        raise RowsError(
            f"{folder}: is a directory without .parquet, .npz or images ({', '.join(SUFFIXES)})"
            f"{f', of {others}' if others else ''}; give one, or a file"
        )
    if len(kinds) > 1:
        mixed = ", ".join(f"{len(found[what])} {what} ({found[what][0].name})" for what in kinds)
        raise RowsError(f"{folder}: holds files of several kinds: {mixed}; keep one kind in a folder")
    paths = found[kinds[0]]
    _tell_left_out(folder, kinds[0], paths)
    if kinds[0] != "images":
        _refuse_empty(paths)
    if kinds[0] == ".parquet":
        _tell_partitions(folder, paths)
        return ParquetRows(paths, reading, prepared if isinstance(prepared, Features | Mixed) else None, folder)
    if kinds[0] == ".npz":
        return CsrPartRows(paths, folder)
    return read_images(folder, paths, reading, prepared if isinstance(prepared, Images) else None)


def _tell_partitions(folder: Path, paths: Sequence[Path]) -> None:
    """Tell that a folder named as `year=2020` holds a column that is not read."""
    parts = [part for path in paths for part in path.relative_to(folder).parts[:-1] if "=" in part]
    names = list(dict.fromkeys(part.partition("=")[0] for part in parts))
    if names:
        tell(f"{folder}: folders such as {parts[0]} name {first_of(names)}, left out of the columns")


def _tell_left_out(folder: Path, kind: str, paths: Sequence[Path]) -> None:
    others = _others(folder, paths, hidden="." if kind == "images" else "._")
    if others and kind == "images":
        tell(
            f"{folder}: files of other suffixes than those of pictures are left out: {others}; save pictures "
            "among them as .png or .jpg"
        )
    elif others:
        tell(f"{folder}: files without the suffix {kind} are left out: {others}; rename those that are {kind} too")


def _others(folder: Path, paths: Sequence[Path], *, hidden: str) -> str:
    """Count the files that are not among the paths by their suffixes; those under hidden names go unspoken."""
    taken = set(paths)
    counts = Counter(
        path.suffix.lower() or "without a suffix"
        for path in folder.rglob("*")
        if path not in taken
        and not any(part[0] in hidden or part in OF_SYSTEMS for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    return ", ".join(
        f"{count:,} {suffix}" for suffix, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def _refuse_empty(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.stat().st_size == 0:
            raise RowsError(f"{path}: is empty (0 bytes); write it again, or take it away")
