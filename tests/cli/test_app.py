import json
import os
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest
import typer
from clustered_rows import blobs

from torchdec import __version__
from torchdec.cli import main
from torchdec.cli._app import TASKS, app, name_of

COMMANDS = ("fit", "predict", "score", "info", "demo")
HEAVY = ("torch", "numpy", "scipy", "sklearn", "pyarrow", "pandas", "safetensors", "faiss")


def _environment():
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}


def _python(*args, **options):
    return subprocess.run(
        [sys.executable, *map(str, args)], env=_environment(), capture_output=True, text=True, **options
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "20000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "passive"}, None)],
)
def test_threads_spin_briefly_unless_it_is_said_otherwise(given, expected, monkeypatch):
    seen = []
    monkeypatch.setattr("torchdec.cli._app.app", lambda **_: seen.append(os.environ.get("GOMP_SPINCOUNT")))
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, given.get(name, ""))  # both are as before after the test
        if name not in given:
            monkeypatch.delenv(name)
    main()
    assert seen == [expected]


@pytest.mark.parametrize("args", [("--help",), ("--version",), *((command, "--help") for command in COMMANDS)])
def test_help_and_version_import_nothing_heavy(args):
    code = (
        "import sys, torchdec.cli\n"
        "try: torchdec.cli.main()\n"
        f"finally: print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    result = _python("-c", code, *args)
    assert (result.returncode, result.stderr) == (0, "[]\n")


@pytest.mark.parametrize("command", ["info", "summary", "open", "predict", "fit"])
def test_a_path_that_leads_nowhere_is_told_before_anything_heavy_is_imported(command, tmp_path):
    options = {"predict": ("x.npy", "-o", "p.csv"), "fit": ("-k", "3", "-o", "run")}.get(command, ())
    code = (
        "import sys, torchdec.cli\n"
        "try: torchdec.cli.main()\n"
        f"finally: print([name for name in {HEAVY} if name in sys.modules])"
    )
    result = _python("-c", code, command, "nothing-here", *options, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "[]\n")
    assert "nothing-here: there is no such file or folder; check the path" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_every_option(cli, command):
    text = cli.ok(command, "--help").stdout
    assert f"Usage: {command}" in text or f"{command} [OPTIONS]" in text
    lines = cli.ok("--help").stdout.splitlines()
    summary = next(line.split(maxsplit=1)[1] for line in lines if line.split()[:1] == [command])
    assert summary.endswith(".")
    assert not summary.endswith("...")


def test_no_argument_at_all_shows_the_help(cli):
    assert cli().output == cli("--help").output


def test_the_version_is_printed(cli):
    assert cli.ok("--version").output == f"torchdec {__version__}\n"


def test_main_takes_its_arguments_from_the_command_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["torchdec", "info", "nothing-here"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "nothing-here" in capsys.readouterr().err


@pytest.fixture
def rows(tmp_path):
    np.save(tmp_path / "x.npy", blobs()[0])
    return tmp_path / "x.npy"


def test_a_fit_with_the_default_network_works_in_a_pipe(rows, tmp_path):
    out = tmp_path / "out"
    result = _python("-m", "torchdec", "fit", rows, "-k", 3, "-o", out, "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["cluster_sizes"] == [20, 20, 20]
    assert "embedding: " in result.stderr
    assert "\x1b" not in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "x.npy"]


def test_a_mistake_has_no_traceback_in_a_real_process(tmp_path):
    result = _python("-m", "torchdec", "columns", tmp_path / "nothing.csv")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("torchdec: FILE: ")


def test_a_bug_has_a_traceback_in_a_real_process(tmp_path):
    code = (
        "import sys, torchdec.cli, torchdec.runs._record\n"
        "torchdec.runs._record.read_run = lambda path: 1 / 0\n"
        f"sys.argv = ['torchdec', 'info', {str(tmp_path)!r}]\n"
        "torchdec.cli.main()"
    )
    result = _python("-c", code)
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "ZeroDivisionError" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("stage", ["search", "embedding"])
def test_ctrl_c_during_pretraining_writes_nothing(stage, tmp_path):
    np.save(tmp_path / "x.npy", blobs(5000)[0])
    args = [sys.executable, "-m", "torchdec", "fit", tmp_path / "x.npy", "-k", "3", "-o", tmp_path / "out"]

    def heed() -> None:  # a shell's background jobs, and what they start, ignore SIGINT
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(args, env=_environment(), stdout=-1, stderr=-1, text=True, preexec_fn=heed) as process:
        seen = any(line.startswith(f"{stage}: ") for line in process.stderr)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=120)
    assert seen
    assert process.returncode == 130
    assert stdout == ""
    assert stderr.splitlines()[-1] == "torchdec: interrupted; nothing was written."
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


def test_every_command_is_listed_with_an_example_that_it_understands():
    group = typer.main.get_command(app)
    listed = [(name_of(function), example) for lines in TASKS.values() for function, _, example in lines]
    assert sorted(name for name, _ in listed) == sorted(group.commands)
    for name, example in listed:
        program, command, *arguments = shlex.split(example)
        assert (program, command) == ("torchdec", name)
        parser = group.commands[name].make_parser(typer.Context(group.commands[name]))
        values, left, _ = parser.parse_args(arguments)
        assert not left, example
        required = [parameter.name for parameter in group.commands[name].params if parameter.required]
        assert all(values.get(parameter) for parameter in required), example
