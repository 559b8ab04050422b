"""A folder as rows: what kind of files it holds, and in which order."""

from collections.abc import Sequence
from pathlib import Path

from torchdec.prepare._images import Images
from torchdec.rows._csr_parts import CsrPartRows
from torchdec.rows._images import SUFFIXES, read_images
from torchdec.rows._inside import files_inside
from torchdec.rows._parquet import ParquetRows
from torchdec.rows._protocol import Rows, RowsError
from torchdec.rows._reading import Reading


def read_folder(folder: Path, reading: Reading, prepared: Images | None) -> Rows:
    """Read a folder of files of one kind; see `torchdec.rows.read_rows`."""
    found = {
        what: files_inside(folder, suffixes)
        for what, suffixes in {".parquet": (".parquet",), ".npz": (".npz",), "images": SUFFIXES}.items()
    }
    kinds = [what for what, paths in found.items() if paths]
    if not kinds:
        raise RowsError(
            f"{folder}: is a directory without .parquet, .npz or images ({', '.join(SUFFIXES)}); give "
            "one, or a file"
        )
    if len(kinds) > 1:
        mixed = ", ".join(f"{len(found[what])} {what} ({found[what][0].name})" for what in kinds)
        raise RowsError(f"{folder}: holds files of several kinds: {mixed}; keep one kind in a folder")
    paths = found[kinds[0]]
    if kinds[0] != "images":
        _refuse_empty(paths)
    if kinds[0] == ".parquet":
        return ParquetRows(paths)
    return CsrPartRows(paths) if kinds[0] == ".npz" else read_images(folder, paths, reading, prepared)


def _refuse_empty(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.stat().st_size == 0:
            raise RowsError(f"{path}: is empty (0 bytes); write it again, or take it away")
