"""Public names are strings that resolve, are documented, and their examples run."""

import doctest
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import torchdec

PACKAGES = [
    "torchdec",
    "torchdec.augment",
    "torchdec.clusters",
    "torchdec.rows",
    "torchdec.metrics",
    "torchdec.scoring",
]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_a_string_that_resolves(package: str) -> None:
    module = import_module(package)
    assert sorted(set(module.__all__)) == sorted(module.__all__)
    for name in module.__all__:
        assert isinstance(name, str)
        assert getattr(module, name) is not None


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_a_docstring(package: str) -> None:
    module = import_module(package)
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert len((value.__doc__ or "").strip()) > 40, name


@pytest.mark.parametrize("name", ["DEC", "Autoencoder", "NeighborEncoder"])
def test_every_parameter_is_documented_with_its_default_and_constrained(name: str) -> None:
    estimator = getattr(torchdec, name)
    signature = inspect.signature(estimator.__init__).parameters
    names = [parameter for parameter in signature if parameter != "self"]
    assert set(names) == set(estimator._parameter_constraints)
    for parameter in names:
        line = next(line for line in estimator.__doc__.splitlines() if line.strip().startswith(f"{parameter} : "))
        default = signature[parameter].default
        if not isinstance(default, tuple):
            text = line.split("default=")[1].strip().strip('"').replace("_", "")
            assert text == str(default) or float(text) == float(default), parameter


@pytest.mark.parametrize(
    "module",
    [
        "torchdec._checkpoint",
        "torchdec._dec",
        "torchdec._display",
        "torchdec._autoencoder",
        "torchdec._neighbors",
        "torchdec._export",
        "torchdec._model_file",
        "torchdec.augment",
        "torchdec.clusters._align",
        "torchdec.clusters._change",
        "torchdec.clusters._choose",
        "torchdec.clusters._describe",
        "torchdec.clusters._drift",
        "torchdec.clusters._edits",
        "torchdec.clusters._refine",
        "torchdec.clusters._update",
        "torchdec.metrics",
        "torchdec.rows._convert",
        "torchdec.rows._files",
        "torchdec.rows._finite",
        "torchdec.rows._protocol",
        "torchdec.scoring",
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


def test_an_unknown_name_is_an_attribute_error_that_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match="it has DEC, Autoencoder"):
        _ = torchdec.Dec


def test_torch_is_not_imported_where_numbers_and_files_are_enough() -> None:
    modules = ("torchdec", "torchdec.rows", "torchdec.metrics", "torchdec.runs", "torchdec.cli")
    code = "\n".join(f"import sys, {module}; assert 'torch' not in sys.modules, {module!r}" for module in modules)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr


def test_the_package_has_no_assert_and_no_print() -> None:
    import ast

    for path in Path(torchdec.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.Assert), path
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id
            assert called not in {"print", "eval", "exec", "exit"}, path
