"""Small files in the formats of the publishers."""

import bz2
import gzip
import io
import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


def svmlight(x: np.ndarray, labels: np.ndarray) -> bytes:
    lines = [
        f"{label} " + " ".join(f"{column}:{value}" for column, value in enumerate(row, 1))
        for row, label in zip(x, labels, strict=True)
    ]
    return bz2.compress("\n".join(lines).encode())


def tar(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def stl10(rng: np.random.Generator) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Return an archive of 4 + 3 images, and the images and labels that are in it."""
    images = rng.integers(0, 256, (7, 96, 96, 3), dtype=np.uint8)
    labels = np.array([0, 1, 2, 9, 0, 4, 9])
    stored = images.transpose(0, 3, 2, 1)
    members = {
        "../outside.bin": b"never written",
        "stl10_binary/unlabeled_X.bin": bytes(3 * 96 * 96),
        "stl10_binary/test_X.bin": stored[4:].tobytes(),
        "stl10_binary/test_y.bin": (labels[4:] + 1).astype(np.uint8).tobytes(),
        "stl10_binary/train_X.bin": stored[:4].tobytes(),
        "stl10_binary/train_y.bin": (labels[:4] + 1).astype(np.uint8).tobytes(),
    }
    return tar(members), images, labels


def rcv1(folder: Path) -> dict[int, tuple[str, str]]:
    """Write the six files of RCV1-v2 and return root topic and stems of the documents that count."""
    documents = {
        2286: ("CCAT", "recov recov recov excit"),
        2287: ("GCAT", "bring\nmexic excit"),
        2288: ("MCAT", "recov bring"),
        26150: ("ECAT", "mexic mexic"),
        26151: ("CCAT", "excit bring bring"),
    }
    left_out = {2289: "bring bring", 2290: "mexic"}  # with two root topics, and with none
    topics = [f"{topic} {number} 1" for number, (topic, _) in documents.items()]
    topics += ["C15 2286 1", "CCAT 2289 1", "ECAT 2289 1", "C15 2290 1"]
    write(folder / "rcv1-v2.topics.qrels.gz", gzip.compress("\n".join(topics).encode()))
    texts = {number: stems for number, (_, stems) in documents.items()} | left_out
    parts = {"test_pt0": [2286, 2289], "test_pt1": [2287], "test_pt2": [2290, 2288], "test_pt3": [26150]}
    for part, numbers in {**parts, "train": [26151]}.items():
        text = "".join(f".I {number}\n.W\n{texts[number]}\n\n" for number in numbers)
        write(folder / f"lyrl2004_tokens_{part}.dat.gz", gzip.compress(text.encode()))
    return documents


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
