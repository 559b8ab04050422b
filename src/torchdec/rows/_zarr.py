"""A Zarr array as rows, read some chunks at a time."""

from pathlib import Path
from typing import Any

from torchdec.rows._blocks import SlicedRows
from torchdec.rows._convert import refuse_unusable
from torchdec.rows._protocol import RowsError, tell

# Values to read at once: 32 MB of float32.
_BLOCK_VALUES = 1 << 23
# Of Zarr's second format, which lets a file name any codec that is installed: among them is one that unpickles.
_HARMLESS = {"blosc", "bz2", "gzip", "lz4", "lzma", "vlen-utf8", "zlib", "zstd"}
# What an array or a group of Zarr has in its folder, in one format or the other.
_METADATA = ("zarr.json", ".zarray", ".zgroup")


def is_zarr(path: Path) -> bool:
    """Tell whether a folder holds Zarr: by its suffix, or as an array or a group inside one."""
    return path.is_dir() and (path.suffix.lower() == ".zarr" or _has_metadata(path))


def open_zarr(folder: Path) -> Any:
    """Open an array or a group."""
    try:
        import zarr
    except ImportError:
        raise RowsError(f"{folder}: .zarr needs zarr; try pip install 'torchdec[zarr]'") from None
    return zarr.open(folder, mode="r")


def is_anndata(folder: Path) -> bool:
    """Tell whether a folder is an AnnData that was written as Zarr."""
    return _has_metadata(folder) and open_zarr(folder).attrs.get("encoding-type") == "anndata"


def _has_metadata(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _METADATA)


def read_zarr(folder: Path) -> SlicedRows:
    """Open a 2-D array of Zarr; see `torchdec.rows.read_rows`."""
    opened = open_zarr(folder)
    around = next((above for above in folder.parents if is_anndata(above)), None)
    if hasattr(opened, "keys"):
        _refuse_group(opened, folder, around)
    refuse_code(opened, folder)
    refuse_unusable(opened.shape, opened.dtype, str(folder))
    if around is not None:
        tell(
            f"{folder}: is taken as it stands; give {around}, the AnnData that it is a part of, to have the names "
            "of cells and genes, and the logarithms of counts"
        )
    # Whole chunks, so that none is decoded twice on the way through.
    rows_a_chunk = opened.chunks[0]
    n_chunks = max(1, _BLOCK_VALUES // max(1, rows_a_chunk * opened.shape[1]))
    return SlicedRows(opened, rows_a_chunk * n_chunks)


def _refuse_group(group: Any, folder: Path, around: Path | None) -> None:
    if around is not None:
        inside = folder.relative_to(around).parts
        layer = f" with layer={inside[1]!r} (--layer {inside[1]})" if inside[0] == "layers" and inside[1:] else ""
        raise RowsError(f"{folder}: is a group within the AnnData {around}; give that folder{layer}")
    arrays = [name for name, member in group.members(max_depth=None) if not hasattr(member, "keys")]
    shown = ", ".join(sorted(arrays)[:8]) or "none"
    raise RowsError(f"{folder}: is a group; give the path of one of the arrays in it ({shown})")


def refuse_code(stored: Any, path: Path) -> None:
    """Refuse arrays of Zarr, or groups of them, that name a codec which could run code; HDF5 names none."""
    if hasattr(stored, "keys"):
        for name in stored.keys():  # noqa: SIM118 - groups of Zarr are no dicts
            refuse_code(stored[name], path)
        return
    metadata = getattr(stored, "metadata", None)
    if metadata is None or metadata.zarr_format > 2:
        return
    codecs = [*(metadata.filters or ()), *([metadata.compressor] if metadata.compressor else [])]
    unknown = [codec.codec_id for codec in codecs if codec.codec_id not in _HARMLESS]
    if unknown:
        raise RowsError(
            f"{path}: is encoded by {', '.join(map(repr, unknown))}, which is not decoded here; write it again"
        )
