"""A mistake of a user is one line that names the argument and its value; exit code 2; it leaves nothing."""

import json
import shutil
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clustered_rows import blobs, tree

from torchdec.cli._errors import naming

X, Y = blobs()


def _with(value):
    x = X.copy()
    x[4, 2] = value
    return x


def _save(folder, name, array):
    np.save(folder / name, array)
    return folder / name


def _text(folder, name, text):
    (folder / name).write_text(text)
    return folder / name


def _some_file(folder):
    path = folder / "occupied"
    path.write_text("a file")
    return path


def _some_folder(folder):
    path = folder / "occupied"
    path.mkdir()
    (path / "thesis.tex").write_text("years of work")
    return path


def _edited_model(run, folder, edit):
    """Copy the model file with another header."""
    contents = (run / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", contents[:8])[0]
    header = json.loads(contents[8 : 8 + size])
    edit(header)
    text = json.dumps(header).encode()
    path = folder / "edited.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + contents[8 + size :])
    return path


def _of_version(version):
    def edit(header):
        own = json.loads(header["__metadata__"]["torchdec"])
        header["__metadata__"]["torchdec"] = json.dumps({**own, "version": version})

    return edit


def _foreign(header):
    del header["__metadata__"]


def _truncated(run, folder):
    path = folder / "truncated.safetensors"
    path.write_bytes((run / "model.safetensors").read_bytes()[:-100])
    return path


def _copy_of(run, folder, without=None, damaged=None):
    copy = folder / "copy"
    shutil.copytree(run, copy)
    if without:
        (copy / without).unlink()
    if damaged:
        (copy / damaged).write_bytes((copy / damaged).read_bytes()[:10])
    return copy


# Each case: the arguments, made from a run, good rows and an empty folder; and words of the line.
FIT = {
    "a missing file": (lambda f: (f / "no.npy", "-k", 3), ["DATA", "no.npy"]),
    "a directory for data": (lambda f: (_some_folder(f), "-k", 3), ["DATA", "directory"]),
    "a column of a folder": (lambda f: (_some_folder(f), "-k", 3, "--text-column", "post"), ["DATA", "'post'"]),
    "an unknown suffix": (lambda f: (_text(f, "x.doc", "1"), "-k", 3), ["DATA", "x.doc", ".csv"]),
    "an empty file": (lambda f: (_text(f, "x.csv", ""), "-k", 3), ["DATA", "x.csv", "empty"]),
    "a header alone": (lambda f: (_text(f, "x.csv", "a,b\n"), "-k", 3), ["DATA", "x.csv", "empty"]),
    "a damaged file": (lambda f: (_text(f, "x.npy", "no array"), "-k", 3), ["DATA", "x.npy"]),
    "one dimension": (lambda f: (_save(f, "x.npy", X[0]), "-k", 3), ["DATA", "x.npy", "(8,)"]),
    "pickled objects": (lambda f: (_save(f, "x.npy", np.array([[{}]])), "-k", 1), ["DATA", "x.npy"]),
    "text columns": (
        lambda f: (_text(f, "x.csv", "a,name\n1,Ann\n1,Ann\n"), "-k", 2),
        ["DATA", "x.csv", "'name' is the same in all rows"],
    ),
    "NaN": (lambda f: (_save(f, "x.npy", _with(np.nan)), "-k", 3), ["DATA", "x.npy", "1 NaN", "row 4"]),
    "infinity": (lambda f: (_save(f, "x.npy", _with(np.inf)), "-k", 3), ["DATA", "x.npy", "1 inf", "row 4"]),
    "equal rows": (lambda f: (_save(f, "x.npy", np.ones((9, 2))), "-k", 3), ["DATA", "x.npy", "all equal"]),
    "more clusters than rows": (lambda f: (_save(f, "x.npy", X), "-k", 61), ["--clusters", "61", "60 rows"]),
    "no cluster": (lambda f: (_save(f, "x.npy", X), "-k", 0), ["--clusters", "0"]),
    "a word for a number": (lambda f: (_save(f, "x.npy", X), "-k", "three"), ["--clusters", "'three'"]),
    "no -k": (lambda f: (_save(f, "x.npy", X),), ["--clusters"]),
    "an unknown representation": (
        lambda f: (_save(f, "x.npy", X), "-k", 3, "--representation", "vae"),
        ["--representation': 'vae' is not", "autoencoder"],
    ),
    "a negative weight": (
        lambda f: (_save(f, "x.npy", X), "-k", 3, "--reconstruction-weight", "-1"),
        ["--reconstruction-weight", "-1"],
    ),
    "a weight that is no number": (
        lambda f: (_save(f, "x.npy", X), "-k", 3, "--reconstruction-weight", "nan"),
        ["reconstruction", "nan"],
    ),
    "a negative seed": (lambda f: (_save(f, "x.npy", X), "-k", 3, "--seed", "-1"), ["--seed", "-1"]),
    "an unknown device": (
        lambda f: (_save(f, "x.npy", X), "-k", 3, "--device", "abacus"),
        ["device", "abacus"],
    ),
    "an unknown option": (lambda f: (_save(f, "x.npy", X), "-k", 3, "--epochs", "5"), ["--epochs"]),
}


def _assert_one_line(result, words, folder, before):
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("torchdec: ")
    for word in words:
        assert str(word) in lines[0]
    assert tree(folder) == before


@pytest.mark.parametrize(("arguments", "words"), FIT.values(), ids=FIT.keys())
def test_a_mistake_at_fit(cli, tmp_path, arguments, words):
    args = arguments(tmp_path)
    before = tree(tmp_path)
    result = cli("fit", *args, "-o", tmp_path / "out", "--quiet")
    _assert_one_line(result, words, tmp_path, before)


OUT = {
    "a run without --force": (lambda run, f: (_copy_of(run, f),), ["--out", "copy", "--force"]),
    "a file": (lambda run, f: (_some_file(f), "--force"), ["--out", "occupied"]),
    "a folder of other things": (lambda run, f: (_some_folder(f), "--force"), ["--out", "occupied"]),
    "a file as parent": (lambda run, f: (_some_file(f) / "out",), ["--out", "occupied"]),
    "a folder that nobody can write": (lambda run, f: ("/proc/out",), ["--out", "/proc/out"]),
}


@pytest.mark.parametrize(("arguments", "words"), OUT.values(), ids=OUT.keys())
@pytest.mark.parametrize("command", ["fit", "demo"])
def test_an_output_that_cannot_be_made_is_told_before_the_work(
    cli, run, data, tmp_path, monkeypatch, command, arguments, words
):
    monkeypatch.setattr("torchdec.cli._job._train", pytest.fail)
    args = arguments(run, tmp_path)
    before = tree(tmp_path)
    command_args = ("fit", data, "-k", 3) if command == "fit" else ("demo",)
    result = cli(*command_args, "-o", *args)
    _assert_one_line(result, words, tmp_path, before)


PREDICT = {
    "rows of another width": (
        lambda run, x, f: (run, _save(f, "x.npy", X[:, :7])),
        ["DATA", "x.npy", "7", "8"],
    ),
    "NaN": (lambda run, x, f: (run, _save(f, "x.npy", _with(np.nan))), ["DATA", "x.npy", "1 NaN", "row 4"]),
    "missing rows": (lambda run, x, f: (run, f / "no.npy"), ["DATA", "no.npy"]),
    "a missing model": (lambda run, x, f: (f / "no.safetensors", x), ["MODEL", "no.safetensors"]),
    "a folder that is no run": (lambda run, x, f: (f, x), ["MODEL", "run.json"]),
    "rows for a model": (lambda run, x, f: (x, x), ["MODEL", "x.npy"]),
    "a truncated model": (lambda run, x, f: (_truncated(run, f), x), ["MODEL", "truncated"]),
    "tensors of others": (lambda run, x, f: (_edited_model(run, f, _foreign), x), ["MODEL", "edited"]),
    "a newer model": (
        lambda run, x, f: (_edited_model(run, f, _of_version(999)), x),
        ["MODEL", "edited", "999"],
    ),
    "a run without its model": (
        lambda run, x, f: (_copy_of(run, f, without="model.safetensors"), x),
        ["MODEL", "copy"],
    ),
    "an unknown device": (lambda run, x, f: (run, x, "--device", "abacus"), ["device", "abacus"]),
}


@pytest.mark.parametrize(("arguments", "words"), PREDICT.values(), ids=PREDICT.keys())
def test_a_mistake_at_predict(cli, run, data, tmp_path, arguments, words):
    args = arguments(run, data, tmp_path)
    before = tree(tmp_path)
    result = cli("predict", *args, "-o", tmp_path / "new.parquet")
    _assert_one_line(result, words, tmp_path, before)


PREDICT_OUT = {
    "an existing file": (lambda f: (_some_file(f),), ["--out", "occupied", "--force"]),
    "a directory": (lambda f: (_some_folder(f), "--force"), ["--out", "occupied"]),
    "a file as parent": (lambda f: (_some_file(f) / "new.parquet",), ["--out", "occupied"]),
    "another kind of file": (lambda f: (f / "new.txt",), ["--out", "new.txt", ".parquet"]),
}


@pytest.mark.parametrize(("arguments", "words"), PREDICT_OUT.values(), ids=PREDICT_OUT.keys())
def test_a_prediction_that_cannot_be_written(cli, run, data, tmp_path, arguments, words):
    args = arguments(tmp_path)
    before = tree(tmp_path)
    _assert_one_line(cli("predict", run, data, "-o", *args), words, tmp_path, before)


@pytest.mark.parametrize("name", ["x.npy", "copy/model.safetensors", "copy/assignments.parquet"])
def test_predict_never_overwrites_what_it_reads(cli, run, tmp_path, name):
    path, copy = _save(tmp_path, "x.npy", X), _copy_of(run, tmp_path)
    before = tree(tmp_path)
    result = cli("predict", copy, path, "-o", tmp_path / name, "--force")
    _assert_one_line(result, ["--out", name, "is the input"], tmp_path, before)


def test_a_reader_of_a_pipe_who_went_away_is_no_mistake():
    with pytest.raises(BrokenPipeError), naming("PATH"):
        raise BrokenPipeError


def test_nothing_is_written_into_the_folder_that_is_read(cli, run, tmp_path):
    pq.write_table(pa.table({f"f{i}": X[:, i] for i in range(X.shape[1])}), tmp_path / "part.parquet")
    before = tree(tmp_path)
    for command in (
        ("fit", tmp_path, "-k", 3, "-o", tmp_path / "out"),
        ("predict", run, tmp_path, "-o", tmp_path / "new.parquet"),
    ):
        _assert_one_line(cli(*command), ["--out", "the folder that is read"], tmp_path, before)


@pytest.mark.parametrize("option", [("--force",), ("--text-column", "post")])
def test_what_a_folder_of_files_does_not_heed_is_said(cli, run, tmp_path, option):
    result = cli("predict", run, tmp_path, "-o", tmp_path / "new", *option)
    _assert_one_line(result, [option[0], "leave it out"], tmp_path, tree(tmp_path))


def _npz(folder, **arrays):
    np.savez(folder / "y.npz", **arrays)
    return folder / "y.npz"


LABELS = {
    "too few": (lambda f: (_save(f, "y.npy", Y[:59]),), ["LABELS", "y.npy", "59", "60"]),
    "a missing file": (lambda f: (f / "no.npy",), ["LABELS", "no.npy"]),
    "an unknown suffix": (lambda f: (_text(f, "y.xlsx", "1"),), ["LABELS", "y.xlsx", ".csv"]),
    "two dimensions": (lambda f: (_save(f, "y.npy", X),), ["LABELS", "y.npy", "(60, 8)"]),
    "no labels": (lambda f: (_save(f, "y.npy", Y[:0]),), ["LABELS", "y.npy", "(0,)"]),
    "fractions": (lambda f: (_save(f, "y.npy", Y + 0.5),), ["LABELS", "y.npy", "0.5"]),
    "NaN": (lambda f: (_save(f, "y.npy", np.array([np.nan])),), ["LABELS", "y.npy", "row 0"]),
    "complex numbers": (lambda f: (_save(f, "y.npy", Y + 1j),), ["LABELS", "y.npy", "complex"]),
    "pickled objects": (lambda f: (_save(f, "y.npy", np.array([{}])),), ["LABELS", "y.npy"]),
    "an empty .npy": (lambda f: (_text(f, "y.npy", ""),), ["LABELS", "y.npy"]),
    "a damaged .npz": (lambda f: (_text(f, "y.npz", "PK\x03\x04 no"),), ["LABELS", "y.npz"]),
    "an archive called .npy": (lambda f: (_npz(f, y=Y).rename(f / "y.npy"),), ["LABELS", "y.npy"]),
    "an array called .npz": (lambda f: (_save(f, "y.npy", Y).rename(f / "y.npz"),), ["LABELS", "y.npz"]),
    "an .npz without y": (lambda f: (_npz(f, z=Y),), ["LABELS", "y.npz", "holds the arrays z"]),
    "an empty .csv": (lambda f: (_text(f, "y.csv", ""),), ["LABELS", "y.csv", "empty"]),
    "a header alone": (lambda f: (_text(f, "y.csv", "y\n"),), ["LABELS", "y.csv", "no labels"]),
    "a gap": (lambda f: (_text(f, "y.csv", "y,z\n1,2\n,2\n"),), ["LABELS", "y.csv", "row 1"]),
    "a short line": (lambda f: (_text(f, "y.csv", "a,y\n1,2\n3\n"),), ["LABELS", "y.csv", "line 3 has 1 cell"]),
    "columns without a choice": (
        lambda f: (_text(f, "y.csv", "a,b\n1,2\n"),),
        ["LABELS", "y.csv", "--column"],
    ),
    "an absent column": (
        lambda f: (_text(f, "y.csv", "a,b\n1,2\n"), "--column", "c"),
        ["LABELS", "y.csv", "'c'", "a, b"],
    ),
    "a column of an .npy": (
        lambda f: (_save(f, "y.npy", Y), "--column", "c"),
        ["LABELS", "y.npy", "--column"],
    ),
}


@pytest.mark.parametrize(("arguments", "words"), LABELS.values(), ids=LABELS.keys())
def test_labels_that_cannot_be_compared(cli, run, tmp_path, arguments, words):
    args = arguments(tmp_path)
    before = tree(tmp_path)
    _assert_one_line(cli("score", run, *args), words, tmp_path, before)


RUNS = {
    "nothing": (lambda run, f: f / "no", ["no: there is no such file or folder"]),
    "a folder of other things": (lambda run, f: _some_folder(f), ["occupied", "run.json"]),
    "a damaged record": (lambda run, f: _copy_of(run, f, damaged="run.json"), ["run.json"]),
    "a damaged table": (
        lambda run, f: _copy_of(run, f, damaged="assignments.parquet"),
        ["assignments.parquet"],
    ),
    "no table": (lambda run, f: _copy_of(run, f, without="assignments.parquet"), ["assignments.parquet"]),
}


@pytest.mark.parametrize(("path", "words"), RUNS.values(), ids=RUNS.keys())
def test_a_run_that_cannot_be_scored(cli, run, data, tmp_path, path, words):
    directory = path(run, tmp_path)
    before = tree(tmp_path)
    result = cli("score", directory, data.with_name("y.npy"))
    _assert_one_line(result, ["DIR", *words], tmp_path, before)


INFO = {
    "nothing": (lambda run, f: f / "no", ["no"]),
    "a folder of other things": (lambda run, f: _some_folder(f), ["occupied", "run.json"]),
    "a file of another kind": (lambda run, f: _some_file(f), ["occupied"]),
    "a truncated model": (lambda run, f: _truncated(run, f), ["truncated"]),
    "a newer model": (lambda run, f: _edited_model(run, f, _of_version(999)), ["edited", "999"]),
}


@pytest.mark.parametrize(("path", "words"), INFO.values(), ids=INFO.keys())
def test_a_path_that_nothing_is_known_about(cli, run, tmp_path, path, words):
    argument = path(run, tmp_path)
    before = tree(tmp_path)
    _assert_one_line(cli("info", argument), ["PATH", *words], tmp_path, before)


def test_an_unknown_command_is_answered_with_a_near_one(cli, tmp_path):
    _assert_one_line(cli("scor"), ["scor", "score"], tmp_path, {})
