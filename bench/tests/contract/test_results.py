"""What the README says was measured is what the files of results say."""

import json
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2]
sys.path[:0] = [str(BENCH / folder) for folder in ("experiments", "trust", "benchmarks")]

import accuracy  # noqa: E402
import block_shuffle  # noqa: E402
import changed_rows  # noqa: E402
import choose_k  # noqa: E402
import comparison  # noqa: E402
import living  # noqa: E402
import mixed_tables  # noqa: E402
import novelty  # noqa: E402
import own_data  # noqa: E402
import page as trust_page  # noqa: E402
import partition  # noqa: E402
import reliability  # noqa: E402
import reproduction  # noqa: E402
import table as benchmark_tables  # noqa: E402

from torchdec_bench.study import Case, read_plan, results  # noqa: E402
from torchdec_bench.study._methods import METHODS  # noqa: E402


@pytest.mark.parametrize("path", [accuracy.README, accuracy.PAGE], ids=lambda path: path.name)
def test_a_table_is_made_from_the_results(path: Path) -> None:
    assert accuracy.with_table(path) == path.read_text()


def test_the_table_of_mixed_tables_is_made_from_its_file() -> None:
    text = mixed_tables.DOCS.read_text()
    assert mixed_tables.with_table(text) == text


def test_the_table_of_partitions_is_made_from_its_file() -> None:
    text = partition.DOCS.read_text()
    assert partition.with_table(text) == text


def test_the_table_of_changed_rows_is_made_from_its_file() -> None:
    text = changed_rows.DOCS.read_text()
    assert changed_rows.with_table(text) == text


def test_the_table_of_chosen_numbers_is_made_from_its_file() -> None:
    text = choose_k.DOCS.read_text()
    assert choose_k.with_table(text) == text


def test_the_tables_of_models_in_use_are_made_from_their_file() -> None:
    text = living.DOCS.read_text()
    assert living.with_tables(text) == text


def test_the_table_of_confidences_is_made_from_its_file() -> None:
    text = reliability.DOCS.read_text()
    assert reliability.with_table(text) == text


def test_the_tables_beside_others_are_made_from_their_file() -> None:
    text = comparison.DOCS.read_text()
    assert comparison.with_tables(text) == text


def test_the_table_of_block_shuffles_is_made_from_its_file() -> None:
    text = block_shuffle.DOCS.read_text()
    assert block_shuffle.with_table(text) == text


def test_the_table_of_own_data_is_made_from_its_file() -> None:
    text = own_data.DOCS.read_text()
    assert own_data.with_table(text) == text


@pytest.mark.parametrize("page", ["performance.md", "scale.md", "deploy.md"])
def test_the_tables_of_benchmarks_are_made_from_their_files(page: str) -> None:
    text = (benchmark_tables.DOCS / page).read_text()
    assert benchmark_tables.with_tables(text) == text


@pytest.mark.parametrize("plan", sorted(accuracy.HERE.glob("*.toml")), ids=lambda plan: plan.stem)
def test_every_result_is_that_of_a_case_of_its_plan(plan: Path) -> None:
    read = read_plan(plan)
    lines = read.file.read_text().splitlines()
    names = []
    for line in lines:
        record = json.loads(line)
        case = Case(**record["case"])
        assert case in read.cases
        assert record["method"] == METHODS[case.method].title
        assert 0 < record["score"]["acc"] <= 1
        assert record["versions"]["torch"]
        names.append(case.name)
    assert names == sorted(set(names))
    assert len(results(read)) == len(lines) > 0


def test_every_file_of_results_and_pictures_belongs_to_a_plan() -> None:
    plans = {plan.stem: read_plan(plan) for plan in accuracy.HERE.glob("*.toml")}
    assert {path.stem for path in accuracy.HERE.glob("*.jsonl")} == {*plans}
    for path in accuracy.HERE.rglob("*.npz"):
        assert path.stem in {case.name for case in plans[path.parent.name].cases if case.pictures}


def test_the_page_of_the_paper_is_made_from_the_results() -> None:
    text = reproduction.PAGE.read_text()
    assert reproduction.with_tables(text) == text


def test_the_counts_of_the_trust_page_are_made_from_their_files() -> None:
    text = trust_page.DOCS.read_text()
    assert trust_page.with_counts(text) == text


def test_the_table_of_new_classes_is_made_from_its_file() -> None:
    text = novelty.DOCS.read_text()
    assert novelty.with_table(text) == text
