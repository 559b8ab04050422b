"""Plans: what a file says, and what is said of one that is wrong."""

import re

import pytest

from torchdec_bench.study import PlanError, read_plan

HEAD = 'title = "A plan"\n'
CASE = '[[case]]\ndata = "digits"\nmethod = "kmeans"\n'


@pytest.fixture
def plan(tmp_path):
    def write(text):
        path = tmp_path / "plan.toml"
        path.write_text(text)
        return path

    return write


def test_lists_become_all_combinations(plan):
    text = (
        CASE.replace('"kmeans"', '["ldmgi", "sec"]')
        + "seed = [0, 1]\nsettings = { weight = [1.0, 9.0], n_init = 3 }\n"
    )
    read = read_plan(plan(HEAD + text))
    assert read.title == "A plan"
    assert len(read.cases) == 8
    assert len({case.name for case in read.cases}) == 8
    assert {case.settings["weight"] for case in read.cases} == {1.0, 9.0}
    assert read.file == plan("").with_name("plan.jsonl")


def test_a_name_tells_what_is_not_at_its_default(plan):
    text = "n_rows = 100\nr_min = 0.3\nhold_out = 0.5\nn_clusters = 4\nstage_1 = { max_steps = 9 }\n"
    (case,) = read_plan(plan(HEAD + CASE + text)).cases
    assert case.name == "digits-kmeans-0-n_rows=100-r_min=0.3-n_clusters=4-hold_out=0.5-max_steps=9"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "is no TOML"),
        (CASE, "the key 'title' is missing"),
        (HEAD + 'runs = "runs"\n' + CASE, "the key 'runs' is unknown; there are case, title"),
        (HEAD, "the key 'case' is missing"),
        (HEAD + '[case]\ndata = "digits"\n', r"write \[\[case\]\]"),
        (HEAD + CASE + "sedes = 3\n", "the key 'sedes' is unknown; there are data, "),
        (HEAD + '[[case]]\nmethod = "kmeans"\n', "the key 'data' is missing"),
        (HEAD + CASE + 'seed = "zero"\n', "seed = 'zero' is no int"),
        (HEAD + CASE + "seed = true\n", "seed = True is no int"),
        (HEAD + CASE + "r_min = 1.5\n", "r_min = 1.5 is no share"),
        (HEAD + CASE + "settings = 4\n", "settings isn't a table"),
        (HEAD + CASE + CASE, "digits-kmeans-0 is there twice"),
        (HEAD + CASE.replace("digits", "../x"), "cannot be a file's name"),
        (HEAD.replace('"A plan"', "3") + CASE, "title is no text"),
    ],
)
def test_what_is_wrong_is_named(plan, text, message):
    with pytest.raises(PlanError, match=message) as caught:
        read_plan(plan(text))
    assert re.search(r"plan\.toml", str(caught.value))


@pytest.mark.parametrize("name", ["plan.jsonl", "plan"])
def test_a_plan_has_a_name_of_its_own_beside_its_results(tmp_path, name):
    (tmp_path / name).write_text(HEAD + CASE)
    with pytest.raises(PlanError, match=rf"{name}: has the suffix .* ends in \.toml"):
        read_plan(tmp_path / name)
