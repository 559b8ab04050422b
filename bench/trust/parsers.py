"""What reads bytes that somebody else may have written, and how such bytes are mutated."""

import gzip
import json
import random
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from torchdec._checkpoint import Checkpoint
from torchdec._model_file import load
from torchdec.rows import read_rows
from torchdec.runs import read_run
from torchdec.runs._tables import read_assignments, read_embedding
from torchdec_bench.datasets._formats import read_idx, read_newsgroups, read_root_topics, read_stl10, read_tokens
from torchdec_bench.study import read_plan

CORPUS = Path(__file__).parent / "corpus"
# What the docstrings of all of them allow; whatever else leaves a parser is a finding.
DOCUMENTED = (ValueError, OSError)

# A parsed header: how to get it out of the bytes, and how to put another one in.
Header = tuple[Callable[[bytes], Any], Callable[[bytes, Any], bytes]]


@dataclass(frozen=True)
class Parser:
    """A function of a path.

    Attributes
    ----------
    file : str
        Name of the file that the bytes are written to.
    read : callable
        Called with its path.
    header : Header or None
        Where the bytes hold JSON, whose values can be mutated one at a time.
    packed : bool
        Whether the bytes are compressed by gzip first, so that mutations reach what lies inside.
    """

    file: str
    read: Callable[[Path], Any]
    header: Header | None = None
    packed: bool = False

    def __call__(self, content: bytes) -> bool:
        """Read bytes; return whether they were taken, or raise what is not documented."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / self.file
            path.write_bytes(gzip.compress(content, 1) if self.packed else content)
            try:
                self.read(path)
            except DOCUMENTED:
                return False
            return True


def _rows(path: Path) -> None:
    rows = read_rows(path)
    assert all(chunk.shape[1:] == rows.shape[1:] for chunk in rows.chunks(64))


def _checkpoint(path: Path) -> None:
    checkpoint = Checkpoint(path)
    checkpoint._check = lambda *_: None  # type: ignore[method-assign]  # any fit's
    checkpoint._read({})


def _model(path: Path) -> None:
    model = load(path)
    model.predict(np.zeros((2, model.n_features_in_), np.float32))


def _get_json(content: bytes) -> Any:
    return json.loads(content)


def _put_json(_: bytes, value: Any) -> bytes:
    return json.dumps(value).encode()


def _get_tensors_header(content: bytes) -> Any:
    """Return the header of safetensors, with the texts of its metadata as the JSON that they are."""
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = {key: json.loads(text) for key, text in header["__metadata__"].items()}
    return header


def _put_tensors_header(content: bytes, header: Any) -> bytes:
    (size,) = struct.unpack("<Q", content[:8])
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if isinstance(metadata, dict):
        header = {**header, "__metadata__": {key: json.dumps(value) for key, value in metadata.items()}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + size :]


_JSON: Header = (_get_json, _put_json)
_TENSORS: Header = (_get_tensors_header, _put_tensors_header)

PARSERS = {
    "model": Parser("model.safetensors", _model, _TENSORS),
    "checkpoint": Parser("fit.checkpoint", _checkpoint, _TENSORS),
    "run": Parser("run.json", lambda path: read_run(path.parent), _JSON),
    "assignments": Parser("assignments.parquet", lambda path: read_assignments(path.parent)),
    "embedding": Parser("embedding.npy", lambda path: read_embedding(path.parent)),
    "plan": Parser("plan.toml", read_plan),
    "npy": Parser("x.npy", _rows),
    "npz": Parser("x.npz", _rows),
    "csv": Parser("x.csv", _rows),
    "txt": Parser("x.txt", _rows),
    "parquet": Parser("x.parquet", _rows),
    "idx": Parser("x-ubyte.gz", read_idx, packed=True),
    "topics": Parser("topics.gz", read_root_topics, packed=True),
    "tokens": Parser("tokens.gz", lambda path: list(read_tokens([path])), packed=True),
    "stl10": Parser("stl10.tar.gz", read_stl10, packed=True),
    "newsgroups": Parser("20news.tar.gz", read_newsgroups, packed=True),
}

NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, 2**31, 2**63, 10**30, 1e308, float("nan"), float("inf")),
    *("", "x", "auto", "\x1b[2J", [], [0], [[]], [1, "x"], {}, {"x": 1}),
    *({"class": "DEC", "parameters": {}}, {"tensor": "9"}, {"class": "os", "fields": {}}),
)


def mutated(parser: Parser, content: bytes, draw: random.Random) -> bytes:
    """Return bytes with another header: a value replaced, taken away, doubled, or nested deeply."""
    get, put = parser.header or (None, None)
    if get is None or put is None or draw.random() < 0.2:
        place = draw.randrange(len(content) + 1)
        return content[:place] + draw.randbytes(draw.randrange(9)) + content[place + draw.randrange(9) :]
    try:
        header = get(content)
    except (ValueError, KeyError, TypeError, AttributeError, struct.error, RecursionError):
        return content
    places = list(_places(header))
    if not places:
        return content
    container, key = draw.choice(places)
    match draw.randrange(8):
        case 0:
            del container[key]
        case 1 if isinstance(container[key], list):
            container[key] = container[key] * 2
        case 2:
            for _ in range(draw.choice((1, 900))):
                container[key] = [container[key]]
        case _:
            container[key] = draw.choice(NASTY)
    try:
        return put(content, header)
    except (RecursionError, AttributeError):
        return content


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        yield value, key
        yield from _places(item)
