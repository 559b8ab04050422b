"""Pictures of kinds that Pillow reads but does not write, byte by byte."""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# SampleFormat of TIFF.
_FORMATS = {"u": 1, "i": 2, "f": 3}


def save_tiff(path: Path, pages: Sequence[NDArray], **tags: int) -> None:
    """Write arrays (height, width) as the pages of a TIFF; a tag such as t254=1 is that of the last page."""
    content, at_next = b"II*\0\0\0\0\0", 4
    for number, page in enumerate(pages):
        data = page.tobytes()
        fields = {
            256: page.shape[1], 257: page.shape[0], 258: 8 * page.itemsize, 259: 1, 262: 1,
            273: len(content), 277: 1, 278: page.shape[0], 279: len(data), 339: _FORMATS[page.dtype.kind],
        }  # fmt: skip
        fields |= {int(tag[1:]): value for tag, value in tags.items() if number == len(pages) - 1}
        content += data + bytes(len(data) % 2)
        content = content[:at_next] + struct.pack("<I", len(content)) + content[at_next + 4 :]
        content += struct.pack("<H", len(fields))
        content += b"".join(struct.pack("<HHII", tag, 4, 1, fields[tag]) for tag in sorted(fields))
        at_next = len(content)
        content += bytes(4)
    path.write_bytes(content)


def save_png(path: Path, size: tuple[int, int], bits: int, kind: int, lines: Sequence[bytes], key: bytes) -> None:
    """Write the lines of a PNG of this colour type, one of whose colours is transparent."""
    header = struct.pack(">IIBBBBB", *size, bits, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + line for line in lines))
    chunks = ((b"IHDR", header), (b"tRNS", key), (b"IDAT", data), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            for name, body in chunks
        )
    )


def first_row(rows) -> NDArray[np.float32]:
    """Return the values of row 0."""
    return rows.take(np.array([0]))[0]
