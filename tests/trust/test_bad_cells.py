"""Cells and Zarr arrays that are damaged or of another kind, and copies of cells that cannot be made."""

import shutil

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from typer.testing import CliRunner

from torchdec import Autoencoder
from torchdec.cli._app import app
from torchdec.rows import read_rows

anndata = pytest.importorskip("anndata")
h5py = pytest.importorskip("h5py")
zarr = pytest.importorskip("zarr")
pytestmark = [pytest.mark.bad_input, pytest.mark.usefixtures("strings_of_pandas_2")]

N = 60
GENES = [f"gene {number}" for number in range(8)]
COUNTS = np.random.default_rng(0).negative_binomial(1, 0.3, size=(N, len(GENES))).astype(np.float32)


def run(*arguments):
    """Run a command in this process; a bug is raised."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def write(path, x, genes=GENES, **options):
    cells = pd.DataFrame(index=[f"cell {number}" for number in range(x.shape[0])])
    anndata.AnnData(x, cells, pd.DataFrame(index=genes)).write_h5ad(path, **options)
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Return a folder with counts, as .h5ad and as .zarr, and a run of them."""
    from torchdec._starts import PRESETS

    folder = tmp_path_factory.mktemp("done")
    with pd.option_context("future.infer_string", False):
        write(folder / "x.h5ad", sp.csr_matrix(COUNTS))
    zarr.create_array(folder / "x.zarr", shape=COUNTS.shape, chunks=(16, 8), dtype="f4")[:] = COUNTS
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "autoencoder", lambda: Autoencoder((8,), 2, max_epochs=2))
        options = ("-k", 2, "--quiet", "--representation", "autoencoder")
        result = run("fit", folder / "x.h5ad", "-o", folder / "run", *options)
    assert result.exit_code == 0, result.stderr
    return folder


def refused(result, *words):
    assert result.exit_code == 2, result.output
    # Before it a note may say that numbers are taken for those that the fit made of its cells.
    assert len([line for line in result.stderr.splitlines() if not line.startswith("torchdec: note:")]) == 1
    for word in words:
        assert word in result.stderr
    return True


def changed(value, place=(3, 2)):
    x = COUNTS.copy()
    x[place] = value
    return x


OTHER_CELLS = {
    "NaN": (changed(np.nan), GENES),
    "infinity": (changed(np.inf), GENES),
    "minus one": (changed(-1), GENES),
    "a half": (changed(0.5), GENES),
    "logarithms": (np.log1p(COUNTS), GENES),
    "no cells": (COUNTS[:0], GENES),
    "no genes": (COUNTS[:, :0], []),
    "other genes": (COUNTS, [f"other {number}" for number in range(len(GENES))]),
    "one gene fewer": (COUNTS[:, 1:], GENES[1:]),
}


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix, sp.csc_matrix], ids=["dense", "csr", "csc"])
@pytest.mark.parametrize("name", OTHER_CELLS)
@pytest.mark.filterwarnings("ignore")
def test_cells_that_are_no_counts_of_the_same_genes_are_refused(name, kind, done, tmp_path):
    x, genes = OTHER_CELLS[name]
    write(tmp_path / "y.h5ad", kind(x), genes)
    for out in ("out.parquet", "out.h5ad"):
        assert refused(run("predict", done / "run", tmp_path / "y.h5ad", "-o", tmp_path / out), "y.h5ad")
    assert [path.name for path in tmp_path.iterdir()] == ["y.h5ad"]


SAME_CELLS = {
    "int64": (COUNTS.astype(np.int64), GENES),
    "float64": (COUNTS.astype(np.float64), GENES),
    "unsigned": (COUNTS.astype(np.uint16), GENES),
    "CSC": (sp.csc_matrix(COUNTS), GENES),
    "genes in another order": (COUNTS[:, ::-1].copy(), GENES[::-1]),
    "explicit zeros": (sp.csr_matrix((COUNTS.ravel(), np.tile(range(8), N), np.arange(N + 1) * 8), (N, 8)), GENES),
}


@pytest.mark.parametrize("name", SAME_CELLS)
def test_the_same_counts_give_the_same_rows(name, done, tmp_path):
    recipe = read_rows(done / "x.h5ad").preparation
    rows = read_rows(write(tmp_path / "y.h5ad", *SAME_CELLS[name]), preparation=recipe)
    np.testing.assert_allclose(next(rows.chunks(N)), next(read_rows(done / "x.h5ad").chunks(N)), rtol=1e-6)


COPIES = {
    "of what is no .h5ad": (lambda d, t: (d / "run", t / "x.zarr", "-o", t / "new.h5ad"), "x.zarr"),
    "over the cells": (lambda d, t: (d / "run", t / "x.h5ad", "-o", t / "x.h5ad", "--force"), "x.h5ad"),
    "over a link to the cells": (lambda d, t: (d / "run", t / "x.h5ad", "-o", t / "link.h5ad", "--force"), "link"),
    "over the model": (lambda d, t: (t / "m.h5ad", t / "x.h5ad", "-o", t / "m.h5ad", "--force"), "m.h5ad"),
    "over a file unasked": (lambda d, t: (d / "run", t / "x.h5ad", "-o", t / "there.h5ad"), "there.h5ad"),
    "over a folder": (lambda d, t: (d / "run", t / "x.h5ad", "-o", t / "folder.h5ad", "--force"), "folder.h5ad"),
    "into a file": (lambda d, t: (d / "run", t / "x.h5ad", "-o", t / "there.h5ad" / "new.h5ad"), "there.h5ad"),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_of_cells_that_cannot_be_made_leaves_all_as_it_was(name, done, tmp_path):
    shutil.copy(done / "x.h5ad", tmp_path)
    shutil.copytree(done / "x.zarr", tmp_path / "x.zarr")
    shutil.copy(done / "run" / "model.safetensors", tmp_path / "m.h5ad")
    (tmp_path / "there.h5ad").write_text("mine")
    (tmp_path / "folder.h5ad").mkdir()
    (tmp_path / "link.h5ad").symlink_to(tmp_path / "x.h5ad")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    arguments, word = COPIES[name]
    assert refused(run("predict", *arguments(done, tmp_path)), word)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def halved(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path):
    path.write_bytes(b"")


def zeroed(path):
    path.write_bytes(bytes(path.stat().st_size))


def filled_with_noise(path):
    path.write_bytes(np.random.default_rng(0).bytes(path.stat().st_size))


def a_folder(path):
    path.unlink()
    path.mkdir()


def a_link_to_itself(path):
    path.unlink()
    path.symlink_to(path)


DAMAGE = (halved, emptied, zeroed, filled_with_noise, a_link_to_itself)


@pytest.mark.parametrize(
    ("part", "damage"),
    [
        ("zarr.json", a_folder),  # a folder in place of a chunk reads as a chunk that was never written
        *[(part, damage) for part in ("zarr.json", "c/1/0") for damage in DAMAGE],
    ],
)
def test_a_damaged_zarr_is_one_line_that_names_it(part, damage, done, tmp_path):
    shutil.copytree(done / "x.zarr", tmp_path / "x.zarr")
    damage(tmp_path / "x.zarr" / part)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torchdec.rows._zarr._BLOCK_VALUES", 1)
        result = run("predict", done / "run", tmp_path / "x.zarr", "-o", tmp_path / "out.parquet")
    assert refused(result, "x.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["x.zarr"]


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "csr"])
def test_cells_of_which_a_part_is_damaged_are_one_line_that_names_them(kind, done, tmp_path):
    path = write(tmp_path / "y.h5ad", kind(COUNTS), compression="gzip")
    with h5py.File(path) as file:
        values = file["X"] if kind is np.asarray else file["X/data"]
        chunk = values.id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + chunk.size] = bytes(chunk.size)
    path.write_bytes(content)
    assert refused(run("predict", done / "run", path, "-o", tmp_path / "out.h5ad"), "y.h5ad")
    assert [path.name for path in tmp_path.iterdir()] == ["y.h5ad"]


ODD_ARRAYS = {
    "NaN": changed(np.nan),
    "infinity": changed(np.inf),
    "beyond float32": COUNTS.astype(np.float64) * 1e300,
    "one dimension": COUNTS[0],
    "three dimensions": COUNTS[None],
    "complex": COUNTS.astype(complex),
    "no rows": COUNTS[:0],
    "one column fewer": COUNTS[:, 1:],
    "dates": COUNTS.astype("datetime64[s]"),
}


@pytest.mark.parametrize("name", ODD_ARRAYS)
@pytest.mark.filterwarnings("ignore")
def test_a_zarr_of_other_values_is_one_line_that_names_it(name, done, tmp_path):
    x = ODD_ARRAYS[name]
    chunks = tuple(max(size, 1) for size in x.shape)
    zarr.create_array(tmp_path / "x.zarr", shape=x.shape, chunks=chunks, dtype=x.dtype)[...] = x
    assert refused(run("predict", done / "run", tmp_path / "x.zarr", "-o", tmp_path / "out.parquet"), "x.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["x.zarr"]
