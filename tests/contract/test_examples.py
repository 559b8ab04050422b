"""Every example runs as it is written, on a smaller net."""

import contextlib
import importlib
import io
import runpy
import sys
from pathlib import Path

import pytest

from torchdec import NeighborEncoder
from torchdec._starts import PRESETS

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
NEEDS = {
    "02_umap_hdbscan": ["umap"],
    "03_anndata": ["scanpy"],
    "04_bertopic": ["bertopic"],
    "05_dataframes": ["polars"],
    "08_duckdb": ["duckdb"],
}


@pytest.fixture(autouse=True)
def _global_generators_do_not_move() -> None:
    """Stand in for the guard of the other tests: other tools draw from NumPy's global generator."""


def _import_or_skip(module: str) -> None:
    try:
        importlib.import_module(module)
    except Exception as error:  # a package of another package may be of another build, which raises what it likes
        pytest.skip(f"{module} cannot be imported here: {error}")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore")  # of other tools
def test_an_example_runs_and_leaves_nothing_behind(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_digits: None
) -> None:
    for module in NEEDS.get(path.stem, []):
        _import_or_skip(module)
    monkeypatch.setitem(PRESETS, "neighbors", lambda: NeighborEncoder((16, 24), max_epochs=8))
    monkeypatch.chdir(tmp_path)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_path(str(path))
    assert len(printed.getvalue().splitlines()) > 2
    assert list(tmp_path.iterdir()) == []


def test_an_example_imports_nothing_that_is_not_declared() -> None:
    import ast

    declared = {"torchdec", "sklearn", "scipy", "numpy", "pandas", "pyarrow", *sys.stdlib_module_names}
    for path in EXAMPLES:
        imported = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [getattr(node, "module", None)]
            )
            if name
        }
        assert imported - declared <= {*NEEDS.get(path.stem, []), "anndata"}, path.name
