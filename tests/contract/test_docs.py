"""The pages of the documentation: their code runs, they build without a warning, and they leave out no name."""

import ast
import contextlib
import html
import io
import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from torchdec import NeighborEncoder
from torchdec._starts import PRESETS
from torchdec.cli._app import app

ROOT = Path(__file__).parents[2]
# Python, and commands after "$ ". What is fenced as "py", or not named, is shown, but needs what a test has not:
# engines, several processes, own files.
BLOCKS = {
    path: re.findall(r"```(python|console)\n(.*?)```", path.read_text(), re.DOTALL)
    for path in [*ROOT.glob("docs/**/*.md"), ROOT / "bench" / "README.md"]
}
PACKAGES = [
    f"torchdec.{name}"
    for name in (
        "augment",
        "clusters",
        "metrics",
        "report",
        "rows",
        "scoring",
    )
]
KIT = ["torchdec_bench.baselines", "torchdec_bench.datasets", "torchdec_bench.study"]


@pytest.mark.filterwarnings("ignore:Stopped at max_iter", "ignore::torchdec.rows.RowsWarning")
@pytest.mark.parametrize("path", [path for path, blocks in BLOCKS.items() if blocks], ids=lambda path: path.name)
def test_the_blocks_of_a_page_run_in_order(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_digits: None
) -> None:
    monkeypatch.setitem(PRESETS, "neighbors", lambda: NeighborEncoder((16, 24), max_epochs=8))
    monkeypatch.chdir(tmp_path)
    if any("torchdec_bench" in block for _, block in BLOCKS[path]):
        pytest.importorskip("torchdec_bench")
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for language, block in BLOCKS[path]:
            if language == "python":
                exec(block, names)
            else:
                _run(block)
    assert len(printed.getvalue().splitlines()) >= sum(language == "python" for language, _ in BLOCKS[path])


def _run(block: str) -> None:
    for line in block.splitlines():
        assert line.startswith("$ torchdec "), line
        done = CliRunner().invoke(app, shlex.split(line)[2:], catch_exceptions=False)
        assert done.exit_code == 0, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs")
    pytest.importorskip("torchdec_bench")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", folder],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_the_reference_has_every_public_name(site: Path) -> None:
    shown = set(re.findall(r'id="(torchdec\.[\w.]+)"', (site / "reference/python/index.html").read_text()))
    wanted = {f"{package}.{name}" for package in PACKAGES for name in import_module(package).__all__}
    wanted |= {f"torchdec.{name}" for name in import_module("torchdec").__all__ if name != "__version__"}
    assert wanted <= shown, wanted - shown


def test_the_page_of_the_kit_has_its_names_and_commands(site: Path) -> None:
    page = (site / "reference/kit/index.html").read_text()
    shown = set(re.findall(r'id="(torchdec_bench\.[\w.]+)"', page))
    wanted = {f"{package}.{name}" for package in KIT for name in import_module(package).__all__}
    assert wanted <= shown, wanted - shown
    for name in ("data", "study"):
        assert f"Usage: torchdec-bench {name}" in page


def test_the_reference_has_the_help_of_every_command(site: Path) -> None:
    page = (site / "reference/commands/index.html").read_text()
    for name, command in get_command(app).commands.items():
        assert f'id="torchdec-{name}"' in page
        assert f"Usage: torchdec {name}" in page
        assert command.help.split(".")[0][:30] in page


def test_the_comparison_shows_every_example_but_the_quickstart(site: Path) -> None:
    page = (site / "comparison/index.html").read_text()
    shown = html.unescape(re.sub(r"<[^>]*>", "", page))
    examples = sorted(path for path in (ROOT / "examples").glob("*.py") if "quickstart" not in path.name)
    assert examples
    for path in examples:
        assert path.read_text().strip() in shown, path.name


def test_the_site_asks_nothing_of_another_server(site: Path) -> None:
    for page in site.rglob("*.html"):
        asked = re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text())
        assert asked == [], page.name


def _messages() -> str:
    """Return every string of the package, with what is put into it left out."""
    found = []
    for path in (ROOT / "src" / "torchdec").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(getattr(part, "value", "") for part in node.values if isinstance(part, ast.Constant))
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def test_every_message_that_is_explained_is_one() -> None:
    quoted = re.findall(r'\*\*"([^"]+)"\*\*', (ROOT / "docs" / "troubleshooting.md").read_text())
    messages = _messages()
    assert len(quoted) > 20
    assert [message for message in quoted if message not in messages] == []
