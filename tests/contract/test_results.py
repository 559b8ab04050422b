"""What the README says was measured is what the files of results say."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "experiments"), str(ROOT / "benchmarks")]

import choose_k  # noqa: E402
import edits  # noqa: E402
import graph_space  # noqa: E402
import measure  # noqa: E402
import own_data  # noqa: E402
import table as benchmark_tables  # noqa: E402


@pytest.mark.parametrize("path", measure.TABLES, ids=lambda path: path.name)
def test_a_table_is_made_from_the_run_files(path: Path) -> None:
    text = path.read_text()
    assert measure.with_table(text, measure.RUNS.glob("*.json"), measure.TABLES[path]) == text


def test_the_table_of_graph_spaces_is_made_from_its_file() -> None:
    text = graph_space.DOCS.read_text()
    assert graph_space.with_table(text) == text


def test_the_table_of_chosen_numbers_is_made_from_its_file() -> None:
    text = choose_k.DOCS.read_text()
    assert choose_k.with_table(text) == text


def test_the_table_of_edits_is_made_from_its_file() -> None:
    text = edits.DOCS.read_text()
    assert edits.with_table(text) == text


def test_the_table_of_own_data_is_made_from_its_file() -> None:
    text = own_data.DOCS.read_text()
    assert own_data.with_table(text) == text


@pytest.mark.parametrize("page", ["performance.md", "scale.md"])
def test_the_tables_of_benchmarks_are_made_from_their_files(page: str) -> None:
    text = (benchmark_tables.DOCS / page).read_text()
    assert benchmark_tables.with_tables(text) == text


def test_every_run_file_names_its_case_its_versions_and_its_score() -> None:
    files = list(measure.RUNS.glob("*.json"))
    assert files
    for file in files:
        dataset, method, seed = file.stem.split("-")
        result = measure.json.loads(file.read_text())
        assert result["dataset"] == measure.DATASETS[dataset].title
        assert result["method"] == measure.METHODS[method][0]
        assert result["settings"] == getattr(measure.METHODS[method][1], "settings", {})
        assert result["seed"] == int(seed)
        assert 0 < result["score"]["acc"] <= 1
        assert result["versions"]["torch"]
