"""`torchdec fit --checkpoint-every` and `--resume`, killed for real."""

import multiprocessing
import os
import random
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from clustered_rows import blobs
from safetensors.torch import load_file

from torchdec import Autoencoder, _starts
from torchdec._core import training
from torchdec.cli import _app, _job
from torchdec.runs import read_run

# A process for each fit; torch is imported once, by the process that they are forked from.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["torchdec._dec", "torchdec._model_file", "torchdec.cli._app"])


def fit(arguments: tuple[str, ...], stderr: Connection) -> None:
    """Fit long enough to be cut short, with records closer together than usual; pages have tests of their own."""
    training.RECORD_EVERY = 20
    _starts.PRESETS["autoencoder"] = lambda: Autoencoder((64,), 3, max_epochs=None, max_steps=1500)
    _job._report = lambda *_: None
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(stderr.fileno(), 2)
    sys.argv = ["torchdec", "fit", *arguments]
    _app.main()


class Fit:
    """The command in a process of its own."""

    def __init__(self, data: Path, out: Path, *options: str) -> None:
        self._end, writing = PROCESSES.Pipe(duplex=False)
        arguments = (str(data), "-k", "3", "--representation", "autoencoder", "-o", str(out), *options)
        self.process = PROCESSES.Process(target=fit, args=(arguments, writing))
        self.process.start()
        writing.close()
        self.stderr = open(self._end.fileno(), closefd=False)  # noqa: SIM115

    def ended(self) -> tuple[int, str]:
        """Wait, and return the exit code and what is left of what it said."""
        said = self.stderr.read()
        self.process.join()
        return self.process.exitcode, said


def wait_for_progress(path: Path, fit: Fit, seconds: float) -> None:
    """Wait until the fit has written a checkpoint, and that long from then."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    while fit.process.is_alive() and not (path.exists() and path.stat().st_mtime_ns > before):
        time.sleep(0.01)
    time.sleep(seconds)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    np.save(folder / "x.npy", np.tile(blobs()[0], (10, 1)))
    return folder / "x.npy"


@pytest.fixture(scope="module")
def uninterrupted(rows, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "run"
    assert Fit(rows, out, "--quiet").ended() == (0, "")
    return out


def assert_same_run(out: Path, expected: Path) -> None:
    ours, theirs = load_file(out / "model.safetensors"), load_file(expected / "model.safetensors")
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name], equal_nan=True) for name in ours)
    ours, theirs = ([{**r, "seconds": 0} for r in read_run(path).history] for path in (out, expected))
    assert ours == theirs
    assert (out / "assignments.parquet").read_bytes() == (expected / "assignments.parquet").read_bytes()


def test_a_fit_killed_at_random_moments_ends_in_the_same_bits(rows, uninterrupted, tmp_path):
    """TORCHDEC_KILLS sets how often; two by default."""
    out, draw = tmp_path / "run", random.Random(0)
    checkpoint = tmp_path / "run.checkpoint"
    kills = 0
    while kills < int(os.environ.get("TORCHDEC_KILLS", "2")):
        fit = Fit(rows, out, "--quiet", "--checkpoint-every", "0.01", "--resume")
        wait_for_progress(checkpoint, fit, draw.uniform(0, 1))
        fit.process.kill()
        if fit.ended()[0] == 0:  # it was faster: begin again
            assert_same_run(out, uninterrupted)
            out.rename(tmp_path / f"run-{kills}")
        else:
            kills += 1
    if not out.exists():
        assert Fit(rows, out, "--quiet", "--resume").ended() == (0, "")
    assert_same_run(out, uninterrupted)
    assert not checkpoint.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_writes_a_checkpoint_and_says_how_to_go_on(number, rows, uninterrupted, tmp_path):
    out = tmp_path / "run"
    fit = Fit(rows, out, "--checkpoint-every", "1000")
    for line in fit.stderr:
        if line.startswith("pretraining"):
            break
    os.kill(fit.process.pid, number)
    code, said = fit.ended()
    assert code == 128 + number
    expected = f"interrupted by {number.name}; {out}.checkpoint keeps the fit; go on with --resume."
    assert said.splitlines()[-1] == f"torchdec: {expected}"
    assert [path.name for path in tmp_path.iterdir()] == ["run.checkpoint"]
    if number == signal.SIGTERM:
        assert Fit(rows, out, "--quiet", "--resume").ended() == (0, "")
        assert_same_run(out, uninterrupted)


@pytest.mark.parametrize("options", [["--checkpoint-every", 60], [], ["--force"]])
def test_a_checkpoint_is_neither_overwritten_nor_passed_over_by_a_new_fit(options, cli, rows, tmp_path):
    (tmp_path / "run.checkpoint").write_text("precious")
    result = cli("fit", rows, "-k", 3, "-o", tmp_path / "run", *options)
    assert result.exit_code == 2
    assert "go on from it with --resume, or remove it" in result.stderr
    assert (tmp_path / "run.checkpoint").read_text() == "precious"


def test_resume_without_a_checkpoint_begins_and_leaves_none(cli, data, tmp_path):
    cli.ok("fit", data, "-k", 3, "-o", tmp_path / "run", "--resume", "--quiet")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_checkpoint_of_another_fit_is_one_line(cli, data, tmp_path, monkeypatch):
    def stop(*args, **kwargs):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("torchdec._starts.place_centers", stop)
        with pytest.raises(ZeroDivisionError):
            cli("fit", data, "-k", 3, "-o", tmp_path / "run", "--checkpoint-every", 60)
    result = cli("fit", data, "-k", 3, "-o", tmp_path / "run", "--resume", "--seed", 7)
    assert result.exit_code == 2
    assert "other parameters: random_state was 0 and is 7" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert (tmp_path / "run.checkpoint").exists()
