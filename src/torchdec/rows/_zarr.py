"""A Zarr array as rows, read some chunks at a time."""

from pathlib import Path
from typing import Any

from torchdec.rows._blocks import SlicedRows
from torchdec.rows._convert import refuse_unusable
from torchdec.rows._protocol import RowsError

# Values to read at once: 32 MB of float32.
_BLOCK_VALUES = 1 << 23
# Of Zarr's second format, which lets a file name any codec that is installed: among them is one that unpickles.
_HARMLESS = {"blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd"}


def read_zarr(folder: Path) -> SlicedRows:
    """Open a 2-D array of Zarr; see `torchdec.rows.read_rows`."""
    try:
        import zarr
    except ImportError:
        raise RowsError(f"{folder}: .zarr needs zarr; try pip install 'torchdec[zarr]'") from None
    opened = zarr.open(folder, mode="r")
    if isinstance(opened, zarr.Group):
        inside = ", ".join(sorted(name for name, _ in opened.arrays())[:8]) or "none"
        raise RowsError(f"{folder}: is a group; give the path of one of the arrays in it ({inside})")
    _refuse_code(opened.metadata, folder)
    refuse_unusable(opened.shape, opened.dtype, str(folder))
    # Whole chunks, so that none is decoded twice on the way through.
    rows_a_chunk = opened.chunks[0]
    n_chunks = max(1, _BLOCK_VALUES // max(1, rows_a_chunk * opened.shape[1]))
    return SlicedRows(opened, rows_a_chunk * n_chunks)


def _refuse_code(metadata: Any, folder: Path) -> None:
    if metadata.zarr_format > 2:
        return
    codecs = [*(metadata.filters or ()), *([metadata.compressor] if metadata.compressor else [])]
    unknown = [codec.codec_id for codec in codecs if codec.codec_id not in _HARMLESS]
    if unknown:
        raise RowsError(
            f"{folder}: is encoded by {', '.join(map(repr, unknown))}, which is not decoded here; write it anew"
        )
