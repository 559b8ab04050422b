"""Files that are damaged, of another kind, or oddly named, at every reader and command."""

import os
import shutil
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from small import blobs
from torchdec import Autoencoder, load
from torchdec.cli._app import app
from torchdec.rows import read_rows
from torchdec.runs import read_assignments, read_run

pytestmark = pytest.mark.bad_input

X, Y = blobs(40, 5, 2)
TEXTS = "".join(f"the {('cat', 'dog')[i % 2]} sat {i} times\n" for i in range(40))


def run(*arguments):
    """Run a command in this process; a bug is raised."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def write(folder: Path, name: str) -> Path:
    """Write the rows as a file of the kind that its suffix says."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    match path.suffix:
        case ".npy":
            np.save(path, X)
        case ".npz":
            with path.open("wb") as file:
                np.savez(file, x=X)
        case ".csv":
            np.savetxt(path, X, delimiter=",")
        case ".txt":
            path.write_text(TEXTS)
        case ".parquet":
            pq.write_table(pa.table({f"c{j}": X[:, j] for j in range(5)}), path)
        case ".h5ad":
            anndata = pytest.importorskip("anndata")
            with warnings.catch_warnings():  # AnnData cannot write the strings of pandas 3 yet
                warnings.simplefilter("ignore", DeprecationWarning)
                with pd.option_context("future.infer_string", False):
                    cells = pd.DataFrame(index=[f"cell {i}" for i in range(len(X))])
                    genes = pd.DataFrame(index=[f"gene {j}" for j in range(X.shape[1])])
                    anndata.AnnData(X, cells, genes).write_h5ad(path)
    return path


SUFFIXES = (".npy", ".npz", ".csv", ".txt", ".parquet", ".h5ad")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Return a folder with rows of each kind and a run."""
    from torchdec._starts import PRESETS

    folder = tmp_path_factory.mktemp("done")
    for suffix in SUFFIXES:
        write(folder, f"x{suffix}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "autoencoder", lambda: Autoencoder((8,), 2, max_epochs=2))
        fit = (
            "fit",
            folder / "x.npy",
            "-k",
            2,
            "-o",
            folder / "run",
            "--quiet",
            "--representation",
            "autoencoder",
        )
        result = run(*fit)
    assert result.exit_code == 0, result.stderr
    return folder


def halved(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path):
    path.write_bytes(b"")


def headless(path):
    path.write_bytes(path.read_bytes()[10:])


def zeroed(path):
    path.write_bytes(bytes(path.stat().st_size))


def filled_with_noise(path):
    path.write_bytes(np.random.default_rng(0).bytes(path.stat().st_size))


def beginning_only(path):
    path.write_bytes(path.read_bytes()[:8])


def a_folder(path):
    path.unlink()
    path.mkdir()


def a_dangling_link(path):
    path.unlink()
    path.symlink_to(path.parent / "gone")


def a_link_to_itself(path):
    path.unlink()
    path.symlink_to(path)


def a_picture(path):
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))


DAMAGE = (
    halved, emptied, headless, zeroed, filled_with_noise, beginning_only, a_picture,
    a_folder, a_dangling_link, a_link_to_itself,
)  # fmt: skip
# Half a text is a text, and so is whatever has lines; half a table of text may end at a whole line.
FINE = {(".txt", halved), (".txt", headless), (".txt", beginning_only), (".csv", headless)}


def errors(result):
    """What is on stderr beside notes of how a file was read."""
    return [line for line in result.stderr.splitlines() if not line.startswith("torchdec: note: ")]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_rows_are_one_line_that_names_the_file(suffix, damage, done, tmp_path):
    path = shutil.copy(done / f"x{suffix}", tmp_path / f"rows{suffix}")
    damage(Path(path))
    before = sorted(tmp_path.rglob("*"))
    result = run("predict", done / "run", path, "-o", tmp_path / "out.parquet")
    if (suffix, damage) in FINE and result.exit_code == 0:
        return
    assert result.exit_code == 2, result.output
    assert len(errors(result)) == 1
    assert f"rows{suffix}" in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("other", SUFFIXES)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_named_as_another_kind_is_refused(suffix, other, done, tmp_path):
    if suffix == other or suffix == ".txt":  # what has lines is text
        return
    path = shutil.copy(done / f"x{other}", tmp_path / f"rows{suffix}")
    result = run("predict", done / "run", path, "-o", tmp_path / "out.parquet")
    assert result.exit_code == 2, result.output
    assert len(errors(result)) == 1
    assert f"rows{suffix}" in result.stderr


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", ["run.json", "model.safetensors", "assignments.parquet", "embedding.npy"])
def test_a_damaged_run_is_one_line_that_names_it(name, damage, done, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(done / "run", copy)
    damage(copy / name)
    commands = {
        "run.json": ("info", copy),
        "model.safetensors": ("predict", copy, done / "x.npy", "-o", tmp_path / "out.parquet"),
        "assignments.parquet": ("score", copy, write_labels(tmp_path)),
        "embedding.npy": ("rename", copy, 0, "new", "-o", tmp_path / "renamed"),
    }
    result = run(*commands[name])
    assert result.exit_code == 2, result.output
    assert len(result.stderr.splitlines()) == 1
    assert "copy" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "y.npy") == ["copy"]


def write_labels(folder):
    np.save(folder / "y.npy", Y)
    return folder / "y.npy"


ODD_NAMES = (
    "with spaces", "tab\tand\nnewline", "grin😀", "quo'te\"s", "-o", "--force", "per%20cent$HOME`x`", "ü" * 100,
    "..hidden", "semi;colon&amp;<b>", "\x1b[2Jescape", "right\u202eleft",
)  # fmt: skip


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_oddly_named_file_is_read(suffix, name, done, tmp_path):
    path = write(tmp_path, f"{name}{suffix}")
    expected = read_rows(done / f"x{suffix}")
    assert np.array_equal(next(read_rows(path).chunks(40)), next(expected.chunks(40)))


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_an_oddly_named_run_is_written_read_and_never_shown_raw(name, done, tmp_path):
    out = tmp_path / name / name
    shutil.copytree(done / "run", tmp_path / "run")
    renamed = run("rename", tmp_path / "run", 0, "first", "-o", out)
    assert renamed.exit_code == 0, renamed.stderr
    assert read_run(out).cluster_names[0] == "first"
    predicted = run("predict", out, done / "x.npy", "-o", tmp_path / f"{name}.parquet")
    assert predicted.exit_code == 0, predicted.stderr
    told = run("info", out)
    refused = run("predict", out, tmp_path / name / "no.npy", "-o", tmp_path / "out.parquet")
    assert refused.exit_code == 2
    for result in (renamed, predicted, told, refused):
        assert not {"\x1b", "\u202e", "\r"} & set(result.output)
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_name_that_is_no_unicode_is_read_or_refused_in_a_line(suffix, done, tmp_path):
    path = write(tmp_path, f"x{suffix}").rename(tmp_path / os.fsdecode(b"not" + b"\xff" + suffix.encode()))
    result = run("predict", done / "run", path, "-o", tmp_path / "out.parquet")
    assert result.exit_code == (2 if suffix in (".csv", ".parquet", ".txt", ".h5ad") else 0), result.output
    assert len(result.stderr.splitlines()) == (result.exit_code == 2)


HOSTILE = {
    "clear the screen": "\x1b[2J",
    "set the title": "\x1b]0;owned\x07",
    "fill the clipboard": "\x1b]52;c;b3duZWQ=\x07",
    "go back over the line": "good\rbad",
    "bell": "\x07",
    "nul": "a\0b",
    "read from right to left": "\u202egpj.exe",
    "eight-bit escape": "\x9b2J",
    "markup": "<script>alert(1)</script>",
    "markup of the terminal": "[red]red[/red] [link=http://x]x[/link]",
    "a formula": "=cmd|' /C calc'!A0",
    "many": "x" * 10_000,
}
CONTROL = set("\x1b\x07\r\0\u202e\x9b")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_of_a_cluster_does_nothing(name, done, tmp_path):
    renamed = run("rename", done / "run", 0, HOSTILE[name], "-o", tmp_path / "run")
    assert renamed.exit_code == 0, renamed.stderr
    for result in (renamed, run("info", tmp_path / "run"), run("summary", tmp_path / "run", done / "x.npy")):
        assert result.exit_code == 0, result.stderr
        assert not CONTROL & set(result.output)
    assert load(tmp_path / "run" / "model.safetensors").cluster_names_[0] == HOSTILE[name]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_column_does_nothing(name, done, tmp_path):
    from torchdec._starts import PRESETS

    columns = {f"c{j}": X[:, j] for j in range(4)} | {HOSTILE[name]: X[:, 4]}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "autoencoder", lambda: Autoencoder((8,), 2, max_epochs=2))
        patch.setattr("torchdec.cli._job._report", lambda *_: None)
        rows = tmp_path / "x.parquet"
        fitted = run("fit", rows, "-k", 2, "-o", tmp_path / "run", "--quiet", "--representation", "autoencoder")
    assert fitted.exit_code == 0, fitted.stderr
    shown = run("summary", tmp_path / "run", tmp_path / "x.parquet")
    refused = run("predict", tmp_path / "run", done / "x.parquet", "-o", tmp_path / "out.parquet")
    assert (shown.exit_code, refused.exit_code) == (0, 2)
    for result in (fitted, shown, refused):
        assert not CONTROL & set(result.output)
    assert load(tmp_path / "run" / "model.safetensors").feature_names_in_[4] == HOSTILE[name]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_label_does_nothing(name, done, tmp_path):
    pq.write_table(pa.table({"label": [HOSTILE[name] if y else "other" for y in Y]}), tmp_path / "y.parquet")
    (tmp_path / "y.txt").write_text("".join(f"{HOSTILE[name]!a}\n" if y else "other\n" for y in Y))
    result = run("score", done / "run", tmp_path / "y.txt")
    assert not CONTROL & set(result.output)
    assert result.exit_code in (0, 2)


def test_a_pipe_in_place_of_a_file_is_refused_at_once(done, tmp_path):
    os.mkfifo(tmp_path / "x.npy")
    command = [
        sys.executable,
        "-m",
        "torchdec",
        "predict",
        done / "run",
        tmp_path / "x.npy",
        "-o",
        tmp_path / "out.parquet",
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2, ended.stderr
    assert "x.npy" in ended.stderr


def test_a_file_that_still_grows_gives_the_rows_that_its_header_says(done, tmp_path):
    path = shutil.copy(done / "x.npy", tmp_path / "x.npy")

    def grow():
        for _ in range(50):
            with Path(path).open("ab") as file:
                file.write(bytes(4000))
            time.sleep(0.001)

    writer = threading.Thread(target=grow)
    writer.start()
    result = run("predict", done / "run", path, "-o", tmp_path / "out.parquet")
    writer.join()
    assert result.exit_code == 0, result.stderr
    assert pq.read_table(tmp_path / "out.parquet").num_rows == len(X)


INPUTS_AS_OUTPUTS = {
    "predict over its rows": lambda d, t: ("predict", d / "run", t / "x.npy", "-o", t / "x.npy", "--force"),
    "predict over a link to its rows": lambda d, t: (
        "predict", d / "run", t / "x.npy", "-o", t / "link", "--force"
    ),
    "predict over the model": lambda d, t: (
        "predict", t / "m.safetensors", t / "x.npy", "-o", t / "m.safetensors", "--force"
    ),
    "fit over its rows": lambda d, t: ("fit", t / "x.npy", "-k", 2, "-o", t / "x.npy", "--force"),
    "fit into a file": lambda d, t: ("fit", t / "x.npy", "-k", 2, "-o", t / "x.npy" / "run"),
    "rename over a folder of other things": lambda d, t: ("rename", d / "run", 0, "a", "-o", t, "--force"),
    "export over a folder": lambda d, t: ("export", d / "run", "-o", t, "--force"),
    "report over a folder": lambda d, t: ("report", d / "run", t / "x.npy", "-o", t, "--force"),
}  # fmt: skip


@pytest.mark.parametrize("name", INPUTS_AS_OUTPUTS)
def test_nothing_is_written_over_what_is_read_or_is_not_ours(name, done, tmp_path):
    shutil.copy(done / "x.npy", tmp_path)
    shutil.copy(done / "run" / "model.safetensors", tmp_path / "m.safetensors")
    (tmp_path / "link").symlink_to(tmp_path / "x.npy")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    result = run(*INPUTS_AS_OUTPUTS[name](done, tmp_path))
    assert result.exit_code == 2, result.output
    assert len(result.stderr.splitlines()) == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_that_is_read_can_be_replaced_by_its_own_edit(done, tmp_path):
    shutil.copytree(done / "run", tmp_path / "run")
    result = run("rename", tmp_path / "run", 0, "a", "-o", tmp_path / "run", "--force")
    assert result.exit_code == 0, result.stderr
    assert np.array_equal(read_assignments(tmp_path / "run"), read_assignments(done / "run"))
