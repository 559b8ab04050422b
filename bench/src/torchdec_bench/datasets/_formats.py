"""The formats in which data sets are published. No archive is ever unpacked to the disk."""

import gzip
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from torchdec_bench.datasets._dataset import DatasetError

# What damaged bytes make the parsers raise.
_DAMAGED = (ValueError, KeyError, IndexError, EOFError, OSError, BadZipFile, zlib.error, tarfile.TarError)

Parts = dict[str, Any]

_ARRAYS = ("x", "y", "data", "indices", "indptr", "shape")
_POST = re.compile(r"20news-bydate-(train|test)/([\w.-]+)/(\d+)")
# The roots of RCV1's tree of topics, in the order of the classes of the DEC paper's code.
ROOT_TOPICS = ("CCAT", "GCAT", "MCAT", "ECAT")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn whatever damaged bytes make a parser raise into an error that names the file."""
    try:
        yield
    except DatasetError:
        raise
    except _DAMAGED as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise DatasetError(f"{path}: cannot be read ({reason}); take it away and fetch it again") from error


def read_npz(path: Path) -> Parts:
    """Return rows and labels of an `.npz`: array x, or CSR parts, and y. Nothing that was pickled is loaded."""
    # Opened here: numpy leaves the file open when the archive is damaged.
    with naming(path), path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        parts = {name: archive[name] for name in _ARRAYS if name in archive.files}
    if "x" not in parts and not set(_ARRAYS[2:]) <= set(parts):
        raise DatasetError(f"{path}: holds neither an array x nor the CSR parts {', '.join(_ARRAYS[2:])}")
    return parts


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of bytes in a gzipped idx file, the format of MNIST."""
    with naming(path), gzip.open(path) as file:
        content = file.read()
    n_axes = content[3] if content[:3] == b"\0\0\x08" and len(content) > 3 else 0
    shape = tuple(np.frombuffer(content, ">u4", n_axes, 4).tolist()) if len(content) >= 4 + 4 * n_axes else ()
    if not shape or len(content) != 4 + 4 * n_axes + int(np.prod(shape)):
        raise DatasetError(f"{path}: is no idx file of bytes, or is cut off ({len(content):,} bytes)")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def read_stl10(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the 13,000 labelled images of STL-10's archive as (n, 96, 96, 3), and their classes from 0."""
    wanted = [f"stl10_binary/{part}_{kind}.bin" for part in ("train", "test") for kind in "Xy"]
    found: dict[str, bytes] = {}
    with naming(path), tarfile.open(path, "r|gz") as archive:
        for member in archive:
            if member.name in wanted and member.isfile():
                found[member.name] = archive.extractfile(member).read()  # type: ignore[union-attr]
                if len(found) == len(wanted):
                    break
    if missing := [name for name in wanted if name not in found]:
        raise DatasetError(f"{path}: holds no {', '.join(missing)}")
    # Pixels are stored channel by channel, and in each channel column by column.
    with naming(path):
        images = np.frombuffer(found[wanted[0]] + found[wanted[2]], np.uint8).reshape(-1, 3, 96, 96)
    labels = np.frombuffer(found[wanted[1]] + found[wanted[3]], np.uint8).astype(np.int64) - 1
    return np.ascontiguousarray(images.transpose(0, 3, 2, 1)), labels


def read_newsgroups(path: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Return the posts of 20news-bydate's archive, training ones first, and their groups from 0."""
    found = []
    with naming(path), tarfile.open(path, "r:gz") as archive:
        for member in archive:
            post = _POST.fullmatch(member.name)
            if post and member.isfile():
                text = archive.extractfile(member).read().decode("latin-1")  # type: ignore[union-attr]
                found.append((post[1] != "train", post[2], int(post[3]), text))
    if not found:
        raise DatasetError(f"{path}: holds no posts of 20news-bydate")
    found.sort(key=lambda post: post[:3])
    groups = np.unique([group for _, group, _, _ in found], return_inverse=True)[1]
    return [text for *_, text in found], groups.astype(np.int64)


def read_root_topics(path: Path) -> dict[int, int]:
    """Return the class of each document of RCV1-v2's topics.qrels that has just one of the four root topics."""
    classes: dict[int, int] = {}
    several = set()
    with naming(path), gzip.open(path, "rt", encoding="ascii") as lines:
        for line in lines:
            topic, document, _ = line.split()
            if topic in ROOT_TOPICS:
                if int(document) in classes:
                    several.add(int(document))
                classes[int(document)] = ROOT_TOPICS.index(topic)
    if not classes:
        raise DatasetError(f"{path}: holds none of the topics {', '.join(ROOT_TOPICS)}")
    return {document: topic for document, topic in classes.items() if document not in several}


def read_tokens(paths: Iterable[Path]) -> Iterator[tuple[int, str]]:
    """Yield number and stems of each document in RCV1-v2's token files: ``.I number``, ``.W``, lines of stems."""
    for path in paths:
        document, stems = None, list[str]()
        with naming(path), gzip.open(path, "rt", encoding="latin-1") as lines:
            for line in lines:
                if line.startswith(".I "):
                    if document is not None:
                        yield document, " ".join(stems)
                    document, stems = int(line[3:]), []
                elif document is None:
                    raise DatasetError(f"{path}: does not begin with a document (.I and its number)")
                elif not line.startswith(".W"):
                    stems.append(line.strip())
        if document is None:
            raise DatasetError(f"{path}: holds no documents")
        yield document, " ".join(stems)
