"""Cut writes short in forked processes, and print as JSON what each left behind.

    python faults.py FOLDER COUNT

Each writer is called once without a fault, from the state `old` of the folder to the state `new`. Then it is
called again and again from `old`, with each of these faults:

- killed (SIGKILL) before its i-th step, for every i: a step is a line of the modules that publish files, or a call
  that opens a file for writing, renames, makes or removes;
- killed as soon as a file grows beyond b bytes, for several b;
- refused by the disk beyond b bytes (EFBIG, which a full disk's ENOSPC resembles).

Of all these, COUNT of each writer are tried, evenly spaced. Hidden names are what a killed process may leave; all
else has to be `old` or `new`, whole. The next writing removes the hidden ones, but for a whole run that only lacks
its name.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torchdec import Checkpoint, load, save
from torchdec._core.journal import State
from torchdec._export import export_onnx
from torchdec.cli._app import app
from torchdec.runs import _publish

PUBLISHING = {_publish.__file__}
CHANGES = {"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR
BYTES = (0, 1, 100, 1_000, 4_096, 10_000)


def command(*arguments: Any) -> None:
    app([str(argument) for argument in arguments], prog_name="torchdec", standalone_mode=False)


def write_checkpoint(folder: Path) -> None:
    Checkpoint(folder / "out" / "fit.checkpoint")._write(State(results={"z": torch.arange(3000.0)}), {})


# Each writes into folder/out from folder/run, a run, and folder/x.npy, its rows.
WRITERS: dict[str, Callable[[Path], None]] = {
    "model file": lambda f: save(load(f / "run" / "model.safetensors"), f / "out" / "m.safetensors"),
    "ONNX file": lambda f: export_onnx(load(f / "run" / "model.safetensors"), f / "out" / "m.onnx", force=True),
    "checkpoint": write_checkpoint,
    "assignments": lambda f: command("predict", f / "run", f / "x.npy", "-o", f / "out" / "a.parquet", "--force"),
    "run directory": lambda f: command("rename", f / "run", 0, "new", "-o", f / "out" / "run", "--force"),
}
if not find_spec("onnxscript"):
    del WRITERS["ONNX file"]


def reports(script: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """Run a script of this kind, and return what it tells of each writer.

    TORCHDEC_FAULTS is the number of faults of each writer; by default a few, evenly spaced.
    """
    done = subprocess.run(
        [sys.executable, script, folder, os.environ.get("TORCHDEC_FAULTS", "12")],
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def checked(report: dict[str, Any]) -> int:
    """Check what is told of a writer, and return how many faults were tried."""
    assert report["broken"] == []
    assert report["litter"] == []
    assert report["steps"] > 10
    assert report["killed"] > 5
    assert report["old"] > 5
    assert report["old"] + report["new"] == report["faults"]
    return int(report["faults"])


def cut_short(write: Callable[[Path], None], folder: Path, count: int) -> dict[str, Any]:
    """Try so many faults of a writer, and tell what they left."""
    out, old = folder / "out", folder / "old"
    before = entries(old)

    def attempt(fault: Callable[[], None]) -> tuple[int, dict[str, Any]]:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(old, out, symlinks=True)
        return in_fork(lambda: (fault(), write(folder))), entries(out)

    # Imports take seconds: here once, instead of in every fork.
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(old, out, symlinks=True)
    with contextlib.redirect_stdout(None):
        write(folder)
    counter = folder / "steps"
    code, after = attempt(lambda: counting(counter))
    assert (code, visible(out)) == (0, sorted(after)), (code, visible(out), sorted(after))
    assert after != before
    report: dict[str, Any] = {"steps": len(counter.read_bytes()), "broken": [], "old": 0, "new": 0, "litter": []}
    faults: list[tuple[str, Callable[[], None], bool]] = [
        (f"killed at step {i}", lambda i=i: killing(i), True) for i in range(report["steps"])
    ]
    for size in BYTES:
        faults.append((f"killed beyond {size} bytes", lambda size=size: limiting(size, signal.SIG_DFL), True))
        faults.append((f"disk full beyond {size} bytes", lambda size=size: limiting(size, signal.SIG_IGN), False))
    chosen = {round(i) for i in np.linspace(0, len(faults) - 1, min(count, len(faults)))}
    killed = 0
    for name, fault, kills in (faults[i] for i in sorted(chosen)):
        code, found = attempt(fault)
        killed += code < 0
        for entry in {*before, *after, *found}:
            state = found.get(entry)
            if state not in (before.get(entry), after.get(entry)):
                report["broken"].append(f"{name}: {entry}")
        report["new" if found == after else "old"] += 1
        if not kills and (code < 0 or hidden(out)):
            report["litter"].append(f"{name}: exit {code}, {hidden(out)}")
        # What a fault has left must not stand in the way of the next attempt, which clears it away.
        if in_fork(lambda: write(folder)) != 0 or entries(out) != after:
            report["broken"].append(f"{name}: the next writing failed")
        # What is there already may not be written again: an empty folder may stay.
        if left := [
            entry for entry in hidden(out) if not entry.endswith(".complete") and any((out / entry).iterdir())
        ]:
            report["litter"].append(f"{name}: still there after the next writing, {left}")
    return {**report, "faults": len(chosen), "killed": killed}


def in_fork(function: Callable[[], Any]) -> int:
    """Call a function in a fork of this process and return its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        try:
            function()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def at_each_step(call: Callable[[], None]) -> None:
    """Call a function before each line of the publishing modules, and before each call that changes the disk."""

    def trace(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in PUBLISHING:
            return None
        if event == "line":
            call()
        return trace

    def audit(event: str, arguments: Any) -> None:
        if event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING):
            call()

    sys.addaudithook(audit)
    sys.settrace(trace)


def counting(counter: Path) -> None:
    descriptor = os.open(counter, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    at_each_step(lambda: os.write(descriptor, b"."))


def killing(step: int) -> None:
    left = [step]

    def count() -> None:
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    at_each_step(count)


def limiting(size: int, action: signal.Handlers) -> None:
    signal.signal(signal.SIGXFSZ, action)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def entries(folder: Path) -> dict[str, Any]:
    """Return what lies in a folder, but for hidden names: the bytes of a file, the entries of a directory."""
    return {
        path.name: entries(path) if path.is_dir() else path.read_bytes()
        for path in folder.iterdir()
        if not path.name.startswith(".")
    }


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def hidden(folder: Path) -> list[str]:
    return [name for name in visible(folder) if name.startswith(".")]


if __name__ == "__main__":
    found = {name: cut_short(write, Path(sys.argv[1]), int(sys.argv[2])) for name, write in WRITERS.items()}
    sys.stdout.write(json.dumps(found))
