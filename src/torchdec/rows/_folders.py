"""A folder as rows: what kind of files it holds, and in which order."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from torchdec.prepare._features import Features
from torchdec.prepare._images import Images
from torchdec.prepare._mixed import Mixed
from torchdec.prepare._roles import first_of
from torchdec.rows._csr_parts import CsrPartRows
from torchdec.rows._images import SUFFIXES, read_images
from torchdec.rows._inside import OF_SYSTEMS, files_inside
from torchdec.rows._parquet import ParquetRows
from torchdec.rows._protocol import Rows, RowsError, tell
from torchdec.rows._reading import Prepared, Reading


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
