"""What the README says was measured is what the files of results say."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "experiments"))

import measure  # noqa: E402


def test_the_readmes_table_is_made_from_the_run_files() -> None:
    text = (ROOT / "README.md").read_text()
    assert measure.with_table(text, measure.RUNS.glob("*.json")) == text


def test_every_run_file_names_its_command_its_versions_and_its_score() -> None:
    files = list(measure.RUNS.glob("*.json"))
    assert files
    for file in files:
        name, representation, seed = file.stem.rsplit("-", 2)
        result = measure.json.loads(file.read_text())
        assert name in measure.DATASETS
        assert f"--seed {seed} --representation {representation}" in result["command"]
        assert 0 < result["score"]["acc"] <= 1
        assert result["run"]["versions"]["torch"]
