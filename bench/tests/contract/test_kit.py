"""The kit: public names that resolve and are documented, examples that run, commands that start without torch."""

import doctest
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

PACKAGES = ["torchdec_bench.baselines", "torchdec_bench.datasets", "torchdec_bench.study"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_resolves_and_has_a_docstring(package: str) -> None:
    module = import_module(package)
    assert sorted(set(module.__all__)) == sorted(module.__all__)
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert len((value.__doc__ or "").strip()) > 40, name


@pytest.mark.parametrize(
    "module",
    [
        "torchdec_bench.baselines._graphs",
        "torchdec_bench.baselines._ldmgi",
        "torchdec_bench.baselines._sec",
        "torchdec_bench.datasets._generated",
        "torchdec_bench.datasets._load",
        "torchdec_bench.study._plan",
    ],
)
def test_every_example_in_a_docstring_runs_and_leaves_nothing_behind(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(import_module(module), optionflags=doctest.ELLIPSIS)
    assert tried > 0
    assert failed == 0
    assert list(tmp_path.iterdir()) == []


def test_torch_is_not_imported_where_numbers_and_files_are_enough() -> None:
    code = "import sys, torchdec_bench.datasets, torchdec_bench.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_kit_is_a_command() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "torchdec_bench", "--help"], capture_output=True, check=True, text=True
    )
    assert "Usage: torchdec-bench" in shown.stdout
    assert "study" in shown.stdout
