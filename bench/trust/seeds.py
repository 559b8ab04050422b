"""Make the files that fuzzing starts from: one or two valid ones of each kind, as small as they can be.

python bench/trust/seeds.py
"""

import io
import struct
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp
from parsers import CORPUS

from torchdec import DEC, Autoencoder, Checkpoint
from torchdec.cli._app import app


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        for kind, contents in seeds(Path(name)).items():
            (CORPUS / kind).mkdir(parents=True, exist_ok=True)
            for number, content in enumerate(contents):
                (CORPUS / kind / f"seed-{number}").write_bytes(content)


def seeds(folder: Path) -> dict[str, list[bytes]]:
    from torchdec._starts import PRESETS

    rows = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    np.save(folder / "x.npy", rows)
    PRESETS["autoencoder"] = lambda: Autoencoder((4,), 2, max_epochs=2)
    fit = ["fit", "x.npy", "-k", "2", "-o", "run", "--representation", "autoencoder", "--quiet"]
    app([str(folder / word) if word in ("x.npy", "run") else word for word in fit], standalone_mode=False)
    run = {path.name: path.read_bytes() for path in (folder / "run").iterdir()}
    for record in DEC(2, representation=Autoencoder((4,), 2, max_steps=60), random_state=0).iter_fit(
        rows, checkpoint=Checkpoint(folder / "fit.checkpoint")
    ):
        if type(record).__name__ == "Centroids":
            break
    csr = sp.csr_matrix(rows > 1, dtype=np.float32)
    case = '[[case]]\ndata = "digits"\nmethod = ["dec", "kmeans"]\nseed = [0, 1]\nr_min = 0.5\n'
    plan = f'title = "t"\n{case}'
    return {
        "model": [run["model.safetensors"]],
        "checkpoint": [(folder / "fit.checkpoint").read_bytes()],
        "run": [run["run.json"]],
        "assignments": [run["assignments.parquet"]],
        "embedding": [run["embedding.npy"]],
        "plan": [plan.encode()],
        "npy": [saved(np.save, rows), saved(np.save, np.asfortranarray(rows.astype(">i4")))],
        "npz": [
            saved(np.savez, x=rows),
            saved(np.savez, data=csr.data, indices=csr.indices, indptr=csr.indptr, shape=csr.shape),
        ],
        "csv": [b"a,b\n1,2\n3,4\n", b"1;2\n3;4\n"],
        "txt": ["one text\nanother, with Ü and \u202e\n".encode()],
        "parquet": [parquet(a=rows[:, 0], b=rows[:, 1]), parquet(z=list(rows))],
        "idx": [b"\0\0\x08\x03" + struct.pack(">III", 2, 2, 2) + bytes(8)],
        "topics": [b"CCAT 2286 1\nGCAT 2287 1\nC15 2286 1\n"],
        "tokens": [b".I 2286\n.W\nrecov recov\nexcit\n\n.I 2287\n.W\nstem\n"],
        "stl10": [archive({f"stl10_binary/{p}_{k}.bin": bytes(1) for p in ("train", "test") for k in "Xy"})],
        "newsgroups": [
            archive({"20news-bydate-train/sci.space/1": b"text", "20news-bydate-test/sci.med/2": b"t"})
        ],
    }


def saved(save: object, *arrays: object, **named: object) -> bytes:
    file = io.BytesIO()
    save(file, *arrays, **named)  # type: ignore[operator]
    return file.getvalue()


def parquet(**columns: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def archive(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


if __name__ == "__main__":
    main()
