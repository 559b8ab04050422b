"""What the README says was measured is what the files of results say."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("experiments", "benchmarks", "trust")]

import accuracy  # noqa: E402
import block_shuffle  # noqa: E402
import changed_rows  # noqa: E402
import choose_k  # noqa: E402
import edits  # noqa: E402
import graph_space  # noqa: E402
import own_data  # noqa: E402
import page as trust_page  # noqa: E402
import reproduction  # noqa: E402
import table as benchmark_tables  # noqa: E402

from torchdec.study import Case, read_plan, results  # noqa: E402
from torchdec.study._methods import METHODS  # noqa: E402


@pytest.mark.parametrize("path", accuracy.TABLES, ids=lambda path: path.name)
def test_a_table_is_made_from_the_run_files(path: Path) -> None:
    text = path.read_text()
    assert accuracy.with_table(text, accuracy.TABLES[path]) == text


def test_the_table_of_graph_spaces_is_made_from_its_file() -> None:
    text = graph_space.DOCS.read_text()
    assert graph_space.with_table(text) == text


def test_the_table_of_changed_rows_is_made_from_its_file() -> None:
    text = changed_rows.DOCS.read_text()
    assert changed_rows.with_table(text) == text


def test_the_table_of_chosen_numbers_is_made_from_its_file() -> None:
    text = choose_k.DOCS.read_text()
    assert choose_k.with_table(text) == text


def test_the_table_of_block_shuffles_is_made_from_its_file() -> None:
    text = block_shuffle.DOCS.read_text()
    assert block_shuffle.with_table(text) == text


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


def test_the_table_of_settings_is_made_from_the_run_files() -> None:
    text = accuracy.ABLATION_PAGE.read_text()
    assert accuracy.with_ablation(text) == text


@pytest.mark.parametrize("plan", sorted(accuracy.HERE.glob("*.toml")), ids=lambda plan: plan.stem)
def test_every_run_file_is_that_of_its_case(plan: Path) -> None:
    read = read_plan(plan)
    for record, _ in results(read):
        case = Case(**record["case"])
        assert case in read.cases
        assert record["method"] == METHODS[case.method].title
        assert 0 < record["score"]["acc"] <= 1
        assert record["versions"]["torch"]


def test_every_run_file_belongs_to_a_plan() -> None:
    plans = [read_plan(plan) for plan in accuracy.HERE.glob("*.toml")]
    wanted = {plan.runs / f"{case.name}.json" for plan in plans for case in plan.cases}
    files = set((accuracy.HERE / "runs").rglob("*.json"))
    assert files
    assert files <= wanted, files - wanted


def test_the_page_of_the_paper_is_made_from_the_run_files() -> None:
    text = reproduction.PAGE.read_text()
    assert reproduction.with_tables(text) == text


def test_the_counts_of_the_trust_page_are_made_from_their_files() -> None:
    text = trust_page.DOCS.read_text()
    assert trust_page.with_counts(text) == text
