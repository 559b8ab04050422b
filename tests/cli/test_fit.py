import json
import warnings
from contextlib import contextmanager

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.exceptions import ConvergenceWarning

from torchdec import _dec
from torchdec._core.records import Centroids, Epoch, Update
from torchdec._model_file import load
from torchdec._starts import PRESETS
from torchdec.cli import _job
from torchdec.cli._options import Precision, Representation
from torchdec.runs import read_assignments, read_run

FILES = ["assignments.parquet", "embedding.npy", "model.safetensors", "run.json"]


def test_a_run_is_the_four_files_and_a_report(run):
    assert sorted(path.name for path in run.iterdir()) == sorted([*FILES, "report.html"])
    assert sorted(read_run(run).files) == FILES


def test_the_files_hold_what_the_model_says_of_the_rows(run, data):
    model, x = load(run / "model.safetensors"), np.load(data)
    table = pq.read_table(run / "assignments.parquet")
    np.testing.assert_array_equal(table["row"], np.arange(60))
    np.testing.assert_array_equal(table["cluster"], model.predict(x))
    np.testing.assert_array_equal(table["confidence"], model.predict_proba(x).max(axis=1))
    embedding = np.load(run / "embedding.npy", allow_pickle=False)
    assert embedding.dtype == np.float32
    np.testing.assert_array_equal(embedding, model.transform(x))


def test_the_record_tells_the_whole_story(run, data):
    record = read_run(run)
    clusters = read_assignments(run)
    assert record.cluster_sizes == tuple(np.bincount(clusters, minlength=3).tolist())
    confidence = pq.read_table(run / "assignments.parquet")["confidence"].to_numpy()
    expected = [confidence[clusters == cluster].mean() for cluster in range(3)]
    np.testing.assert_allclose(record.cluster_confidences, expected, rtol=1e-5)
    assert (record.data.name, record.data.shape) == ("x.npy", (60, 8))
    assert record.parameters["n_clusters"] == 3
    assert record.parameters["random_state"] == 0
    kinds = [entry["record"] for entry in record.history]
    assert kinds == sorted(kinds, key=["Epoch", "Centroids", "Update"].index)
    assert set(kinds) == {"Epoch", "Centroids", "Update"}
    assert record.stop_reason in ("CONVERGED", "MAX_ITER")
    parts = [record.seconds[stage] for stage in ("representation", "centroids", "self-training")]
    assert all(part >= 0 for part in parts)
    assert sum(parts) <= record.seconds["total"] + 0.01


def test_the_summary_names_clusters_and_paths(cli, data, tmp_path):
    result = cli.ok("fit", data, "-k", 3, "-o", tmp_path / "out")
    for heading in ("cluster", "rows", "fraction", "mean confidence"):
        assert heading in result.stdout
    record = read_run(tmp_path / "out")
    pairs = zip(record.cluster_sizes, record.cluster_confidences, strict=True)
    for cluster, (size, confidence) in enumerate(pairs):
        row = [str(cluster), str(size), f"{size / 60:.1%}", f"{confidence:.3f}"]
        assert row in [line.split() for line in result.stdout.splitlines()]
    for name in FILES:
        assert str(tmp_path / "out" / name) in result.stdout


def test_json_is_one_object_and_all_of_stdout(cli, data, tmp_path):
    result = cli.ok("fit", data, "-k", 3, "-o", tmp_path / "out", "--json")
    contents = json.loads(result.stdout)
    assert contents["directory"] == str(tmp_path / "out")
    assert contents["cluster_sizes"] == list(read_run(tmp_path / "out").cluster_sizes)
    assert "history" not in contents
    assert "embedding: " in result.stderr


def test_rows_that_belong_nowhere_are_left_out_where_it_is_asked_for(cli, data, tmp_path):
    rows = np.load(data)
    scatter = np.random.default_rng(0).uniform(-60, 60, (6, rows.shape[1]))
    np.save(tmp_path / "both.npy", np.vstack([scatter, rows]).astype(rows.dtype))
    result = cli.ok("fit", tmp_path / "both.npy", "-k", 3, "--noise", "auto", "-o", tmp_path / "out", "--quiet")
    clusters = pq.read_table(tmp_path / "out" / "assignments.parquet")["cluster"].to_numpy()
    assert (clusters[:6] == -1).all()
    n_out = (clusters == -1).sum()
    assert n_out <= 9
    told = f"{n_out} of {len(rows) + 6} rows lie far from all others"
    assert f"note: {told} and are in no cluster (-1)" in result.stderr
    assert f"{told}, or hold nothing, and are in no cluster (-1)." in result.stdout
    assert f"{told}, or hold nothing, and are in no cluster" in (tmp_path / "out" / "report.html").read_text()
    cli.ok("merge", tmp_path / "out", 0, 1, "-o", tmp_path / "merged")
    merged = pq.read_table(tmp_path / "merged" / "assignments.parquet")["cluster"].to_numpy()
    np.testing.assert_array_equal(merged == -1, clusters == -1)
    assert "must be auto or a fraction" in cli("fit", data, "-k", 3, "--noise", "2", "-o", tmp_path / "x").stderr


def test_quiet_shows_no_progress(cli, data, tmp_path):
    result = cli.ok("fit", data, "-k", 3, "-o", tmp_path / "out", "--quiet")
    assert "embedding: " not in result.stderr
    assert "mean confidence" in result.stdout


def test_the_same_seed_gives_the_same_run_and_another_seed_another(cli, data, run, tmp_path):
    for seed in (0, 1):
        cli.ok("fit", data, "-k", 3, "-o", tmp_path / str(seed), "--seed", seed, "--quiet")
    model = (run / "model.safetensors").read_bytes()
    assert (tmp_path / "0" / "model.safetensors").read_bytes() == model
    assert not np.array_equal(np.load(tmp_path / "1" / "embedding.npy"), np.load(run / "embedding.npy"))


def test_options_reach_the_estimator(cli, data, tmp_path):
    options = [
        "--reconstruction-weight",
        0.5,
        "--seed",
        7,
        "--device",
        "cpu",
        "--precision",
        "float32",
    ]
    cli.ok("fit", data, "-k", 4, "-o", tmp_path / "out", "--representation", "autoencoder", *options)
    parameters = read_run(tmp_path / "out").parameters
    expected = {
        "n_clusters": 4,
        "representation": "autoencoder",
        "reconstruction_weight": 0.5,
        "random_state": 7,
        "device": "cpu",
        "precision": "float32",
    }
    assert {name: parameters[name] for name in expected} == expected


def test_images_are_augmented_in_the_shape_given_or_read(cli, data, tmp_path):
    augment = ("--augment", "shift-rotate")
    cli.ok("fit", data, "-k", 3, *augment, "--image-shape", "2x4", "-o", tmp_path / "given")
    assert "image_shape=(2, 4)" in read_run(tmp_path / "given").parameters["augment"]
    np.savez(tmp_path / "x.npz", x=np.load(data), image_shape=np.array([2, 2, 2]))
    cli.ok("fit", tmp_path / "x.npz", "-k", 3, *augment, "-o", tmp_path / "read")
    assert "image_shape=(2, 2, 2)" in read_run(tmp_path / "read").parameters["augment"]


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((), "does not tell the shape"),
        (("--image-shape", "8"), "a shape of images"),
        (("--image-shape", "3x3"), "9 values"),
    ],
)
def test_a_missing_or_wrong_shape_of_images_is_one_line(cli, data, tmp_path, shape, says):
    result = cli("fit", data, "-k", 3, "--augment", "shift-rotate", *shape, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "--image-shape" in result.stderr
    assert says in result.stderr


def test_every_choice_of_an_option_is_one_that_the_estimator_knows():
    assert {str(choice) for choice in Representation} == set(PRESETS)
    for precision in Precision:
        _dec.DEC(precision=precision.value)._validate_params()


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_other_kinds_of_files_are_read_too(cli, data, tmp_path, suffix):
    x = np.load(data)
    path = tmp_path / f"x{suffix}"
    if suffix == ".csv":
        np.savetxt(path, x, delimiter=",", header=",".join("abcdefgh"), comments="")
    else:
        np.savez(path, x=x)
    cli.ok("fit", path, "-k", 3, "-o", tmp_path / "out", "--quiet")
    names = getattr(load(tmp_path / "out" / "model.safetensors"), "feature_names_in_", None)
    assert (names is not None and "".join(names)) == ("abcdefgh" if suffix == ".csv" else False)


def test_force_replaces_a_run(cli, data, run, tmp_path):
    out = tmp_path / "out"
    cli.ok("fit", data, "-k", 3, "-o", out, "--quiet")
    cli.ok("fit", data, "-k", 2, "-o", out, "--quiet", "--force")
    assert len(read_run(out).cluster_sizes) == 2


def test_warnings_of_the_library_become_lines_and_are_recorded(cli, data, tmp_path, monkeypatch):
    iter_fit = _dec.DEC.iter_fit

    def warning_fit(self, X, checkpoint):
        warnings.warn("The clusters\nare odd.", ConvergenceWarning, stacklevel=1)
        warnings.warn("The clusters are odd.", ConvergenceWarning, stacklevel=1)
        warnings.warn("for developers", DeprecationWarning, stacklevel=1)
        yield from iter_fit(self, X)

    monkeypatch.setattr(_dec.DEC, "iter_fit", warning_fit)
    result = cli.ok("fit", data, "-k", 3, "-o", tmp_path / "out", "--quiet")
    lines = [line for line in result.stderr.splitlines() if "odd" in line or "developers" in line]
    assert lines == ["torchdec: warning: The clusters are odd."]
    recorded = read_run(tmp_path / "out").warnings
    assert "The clusters are odd." in recorded
    assert "for developers" not in recorded


def _interrupt_at(monkeypatch, kind, number=0):
    """Press Ctrl-C when the record with this number of its kind is shown."""

    @contextmanager
    def progress(quiet, max_updates):
        seen = []

        def show(record):
            seen.append(isinstance(record, kind))
            if isinstance(record, kind) and sum(seen) > number:
                raise KeyboardInterrupt

        yield show

    monkeypatch.setattr(_job, "progress", progress)


@pytest.mark.parametrize("kind", [Epoch, Centroids])
def test_an_interruption_before_self_training_writes_nothing(cli, data, tmp_path, monkeypatch, kind):
    _interrupt_at(monkeypatch, kind)
    result = cli("fit", data, "-k", 3, "-o", tmp_path / "out")
    assert result.exit_code == 130
    assert result.stderr == "torchdec: interrupted; nothing was written.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [0, 1])
def test_an_interruption_of_self_training_keeps_the_run_as_it_was_then(cli, data, tmp_path, monkeypatch, number):
    _interrupt_at(monkeypatch, Update, number)
    out = tmp_path / "out"
    result = cli("fit", data, "-k", 3, "-o", out)
    assert result.exit_code == 130
    assert result.stdout == ""
    expected = f"torchdec: interrupted after update {number}; the run as it was then is in {out}."
    assert result.stderr.splitlines()[-1] == expected
    record = read_run(out)
    assert record.stop_reason == "INTERRUPTED"
    assert record.history[-1]["number"] == number
    clusters = load(out / "model.safetensors").predict(np.load(data))
    np.testing.assert_array_equal(read_assignments(out), clusters)


@pytest.mark.parametrize("checkpoint", [(), ("--checkpoint-every", "600")])
def test_an_interruption_of_the_page_keeps_the_run(cli, data, tmp_path, monkeypatch, checkpoint):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("torchdec.cli._job.write_report", interrupt)
    result = cli("fit", data, "-k", 3, "-o", tmp_path / "out", "--quiet", *checkpoint)
    assert result.exit_code == 130
    assert f"the run is in {tmp_path / 'out'}, without its page: try torchdec report" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    cli.ok("info", tmp_path / "out")


def test_an_interruption_of_the_writing_leaves_nothing(cli, data, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("torchdec.runs._record.write_record", interrupt)
    result = cli("fit", data, "-k", 3, "-o", tmp_path / "out", "--quiet")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "torchdec: interrupted; nothing was written."
    assert list(tmp_path.iterdir()) == []


def test_a_bug_keeps_its_traceback(cli, data, tmp_path, monkeypatch):
    def bug(self, X, checkpoint):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(_dec.DEC, "iter_fit", bug)
    with pytest.raises(ZeroDivisionError):
        cli("fit", data, "-k", 3, "-o", tmp_path / "out")


def test_a_loss_that_is_not_finite_is_one_line(cli, data, tmp_path, monkeypatch):
    def diverge(self, X, checkpoint):
        raise FloatingPointError("The loss of self-training is nan.")

    monkeypatch.setattr(_dec.DEC, "iter_fit", diverge)
    result = cli("fit", data, "-k", 3, "-o", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (2, "torchdec: The loss of self-training is nan.\n")
