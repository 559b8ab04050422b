"""A process that is killed while it writes, or whose disk is full, leaves the old file or the new one."""

import gc
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from faults import WRITERS, checked, reports

from small import blobs, small_dec
from torchdec import DEC, Autoencoder, Checkpoint, save
from torchdec.cli._app import app
from torchdec.runs import RunError, locked

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with rows, a run on them, and an older state of each thing that is written."""
    from torchdec._starts import PRESETS

    folder = tmp_path_factory.mktemp("made")
    np.save(folder / "x.npy", blobs(60, 6, 3)[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "autoencoder", lambda: Autoencoder((16,), 3, max_epochs=5))
        command = ["fit", folder / "x.npy", "-k", "3", "-o", folder / "run", "--quiet"]
        arguments = [str(argument) for argument in [*command, "--representation", "autoencoder"]]
        assert app(arguments, standalone_mode=False) is None
    old = folder / "old"
    old.mkdir()
    shutil.copytree(folder / "run", old / "run")
    for name in ("m.safetensors", "m.onnx", "fit.checkpoint", "a.parquet"):
        (old / name).write_bytes(b"old")
    return folder


@pytest.fixture(scope="module")
def told(made):
    """Return what is told of each writer."""
    return reports(Path(__file__).with_name("faults.py"), made)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_write_cut_short_leaves_old_or_new(writer, told, record_property):
    record_property("faults", checked(told[writer]))


@pytest.fixture
def small_disk(tmp_path):
    """Return the folder of a disk of 32 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_model_file_on_a_full_disk_stays_the_old_one(small_disk):
    model = small_dec(3).fit(blobs(60, 6, 3)[0])
    save(model, small_disk / "m.safetensors")
    before = (small_disk / "m.safetensors").read_bytes()
    (small_disk / "filler").write_bytes(b"0" * (32 - len(before) // 1024 - 4) * 1024)
    with pytest.raises(OSError, match=r"m\.safetensors"):
        save(model, small_disk / "m.safetensors")
    assert (small_disk / "m.safetensors").read_bytes() == before
    assert {path.name for path in small_disk.iterdir()} == {"m.safetensors", "filler"}


@pytest.mark.parametrize("name", ["p.csv", "p.xlsx", "p.parquet", "run"])
def test_a_full_disk_is_one_line_that_names_what_was_to_be_written(name, made, small_disk, capfd):
    (small_disk / "filler").write_bytes(b"0" * (32 - 4) * 1024)
    command = ["rename", made / "run", "0=x"] if name == "run" else ["predict", made / "run", made / "many.npy"]
    if name != "run":
        np.save(made / "many.npy", np.tile(np.load(made / "x.npy"), (40, 1)))
    assert app([*map(str, command), "-o", str(small_disk / name)], standalone_mode=False) == 2
    gc.collect()
    told = capfd.readouterr().err
    assert re.fullmatch(rf"torchdec: {small_disk}/.*{name}.*No space left on device.*\n", told), told
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_a_second_writer_is_refused_and_told_who_the_first_is(tmp_path):
    with locked(tmp_path / "run"):
        with pytest.raises(RunError, match=rf"run is being written by process {os.getpid()} on .* since .*remove"):
            locked(tmp_path / "run").__enter__()
        with locked(tmp_path / "another"):
            pass
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path / "run"):
        pass


def test_a_lock_goes_with_the_process_that_held_it(tmp_path):
    holder = "import os, sys; from torchdec.runs import locked\nwith locked(sys.argv[1]): os.kill(os.getpid(), 9)"
    killed = subprocess.run([sys.executable, "-c", holder, tmp_path / "run"], check=False)
    assert killed.returncode == -9
    assert (tmp_path / ".run.lock").exists()
    with locked(tmp_path / "run"):
        assert str(os.getpid()) in (tmp_path / ".run.lock").read_text()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_makes_the_folders_it_needs_and_takes_them_away_again(tmp_path):
    with locked(tmp_path / "a" / "b" / "run"):
        assert (tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_being_made_is_refused_before_the_training(made, tmp_path, capfd):
    with locked(tmp_path / "run"):
        assert (
            app(["fit", str(made / "x.npy"), "-k", "3", "-o", str(tmp_path / "run")], standalone_mode=False) == 2
        )
    assert "run is being written by process" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_has_one_writer(tmp_path):
    with locked(tmp_path / "fit.checkpoint"), pytest.raises(RunError, match="is being written by"):
        DEC(2, representation=Autoencoder((8,), 2), random_state=0).fit(
            blobs(60, 6, 2)[0], checkpoint=Checkpoint(tmp_path / "fit.checkpoint")
        )
