"""What is published: the wheel holds the package and nothing else, the sdist its tests and documents too."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import torchdec

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_the_wheel_holds_every_file_of_the_package_and_its_licence_and_nothing_else(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        about = next(name for name in names if name.endswith("/METADATA")).removesuffix("METADATA")
        commands = wheel.read(about + "entry_points.txt").decode()
    files = [path for path in (ROOT / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    expected = {path.relative_to(ROOT / "src").as_posix() for path in files}
    assert {"torchdec/py.typed", "torchdec/report/page.html.j2"} <= expected
    assert names == expected | {
        about + name for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    assert "torchdec = torchdec.cli:main" in commands


def test_the_sdist_is_small_and_holds_what_the_tests_need_without_the_kit_and_what_was_made(built: Path) -> None:
    top = f"torchdec-{torchdec.__version__}/"
    file = next(built.glob("*.tar.gz"))
    with tarfile.open(file) as sdist:
        names = {name.removeprefix(top) for name in sdist.getnames()}
    wanted = ["LICENSE", "README.md", "conftest.py", "constraints.txt", "pyproject.toml", "src/torchdec/py.typed"]
    assert set(wanted) <= names
    tested = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")}
    assert tested <= names
    assert file.stat().st_size < 1_000_000
    made = ("bench", ".venv", "__pycache__", ".hypothesis", "site", "demo-run")
    assert not [name for name in names if any(f"/{part}/" in f"/{name}/" for part in made)]


def test_the_conda_recipe_asks_for_what_the_package_asks_for() -> None:
    yaml = pytest.importorskip("yaml")
    recipe = yaml.safe_load((ROOT / "recipe" / "recipe.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # See the recipe; pytorch is what conda calls torch.
    wanted = {line.replace(">=", " >=") for line in project["dependencies"]} - {"stopwordsiso >=0.7"}
    wanted |= {"python >=${{ python_min }}", "setuptools <81", "stopwordsiso >=0.6.1"}
    assert {line.replace("pytorch", "torch") for line in recipe["requirements"]["run"]} == wanted
    assert recipe["context"]["version"] == torchdec.__version__
