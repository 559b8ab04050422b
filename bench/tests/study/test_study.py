"""Studies: every case once, whatever happens on the way."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from torchdec.runs import RunError
from torchdec_bench.baselines import LDMGI, nearest_rows
from torchdec_bench.datasets import load
from torchdec_bench.study import Case, Plan, PlanError, results, run
from torchdec_bench.study._measure import measure
from torchdec_bench.study._methods import METHODS
from torchdec_bench.study._run import missing

SHORT = {"max_steps": 40, "hidden": (16, 24), "embedding_dim": 3}
OF_NEIGHBORS = {"max_epochs": 5, "hidden": (16, 24), "embedding_dim": 3}


@pytest.fixture
def plan(tmp_path):
    return Plan("Two", tmp_path / "two.jsonl", (Case("digits", "kmeans", 0), Case("digits", "kmeans", 1)))


def test_each_case_leaves_a_line_and_is_not_done_again(plan, monkeypatch):
    first = run(plan)
    assert next(first).error == ""
    first.close()  # as if it were killed here
    assert [case.seed for case in missing(plan)] == [1]
    assert [outcome.case.seed for outcome in run(plan)] == [1]
    monkeypatch.setattr("torchdec_bench.study._measure.measure", lambda _: pytest.fail("measured again"))
    assert list(run(plan)) == []
    for (record, pictures), case in zip(results(plan), plan.cases, strict=True):
        assert record["case"] == json.loads(json.dumps(case.plain()))
        assert record["score"]["acc"] > 0.6
        assert record["source"] == load("digits").source
        assert pictures == {}


def test_a_case_that_fails_leaves_no_line_and_the_others_go_on(plan):
    broken = replace(plan, cases=(Case("digits", "ldmgi", settings={"weight": -1.0}), *plan.cases))
    outcomes = list(run(broken))
    assert [bool(outcome.error) for outcome in outcomes] == [True, False, False]
    assert "'weight'" in outcomes[0].error
    assert missing(broken) == [broken.cases[0]]


def stub(case):
    """Measure nothing; the place of a line in its file must not depend on when it came."""
    return {"case": case.plain(), "seed": case.seed}, {"z": np.full(3, case.seed)} if case.pictures else {}


def test_lines_are_sorted_by_name_and_those_of_another_plan_stay(plan, monkeypatch):
    monkeypatch.setattr("torchdec_bench.study._measure.measure", stub)
    seeds = [Case("digits", "kmeans", seed) for seed in (11, 2, 1)]
    list(run(replace(plan, cases=tuple(seeds[:2]))))
    before = plan.file.read_text().splitlines()
    list(run(replace(plan, cases=tuple(seeds[2:]))))
    lines = plan.file.read_text().splitlines()
    assert [json.loads(line)["seed"] for line in lines] == [1, 11, 2]
    assert lines[1:] == before
    assert [record["seed"] for record, _ in results(replace(plan, cases=tuple(seeds)))] == [11, 2, 1]


def test_pictures_lie_in_a_folder_beside_the_results_and_come_back_with_them(plan, monkeypatch):
    monkeypatch.setattr("torchdec_bench.study._measure.measure", stub)
    drawn = replace(plan, cases=(plan.cases[0], replace(plan.cases[1], pictures=True)))
    list(run(drawn))
    assert sorted(path.name for path in plan.file.parent.rglob("*")) == ["digits-kmeans-1.npz", "two", "two.jsonl"]
    (_, none), (_, pictures) = results(drawn)
    assert none == {}
    np.testing.assert_array_equal(pictures["z"], [1, 1, 1])


def test_a_second_study_into_the_same_file_is_refused_and_loses_nothing(plan, monkeypatch):
    monkeypatch.setattr("torchdec_bench.study._measure.measure", stub)
    first = run(plan)
    next(first)
    with pytest.raises(RunError, match=r"two\.jsonl is being written by process"):
        list(run(plan))
    assert len(list(first)) == 1
    assert len(results(plan)) == 2
    assert [path.name for path in plan.file.parent.iterdir()] == ["two.jsonl"]


@pytest.mark.parametrize(
    "line",
    [
        *(b'{"case": {"data": "digits", "meth', b"", b"3", b"{}", b'{"case": 3}', b"[" * 100_000, b"\xff"),
        *(b'{"case": {"data": "digits"}}', b'{"case": {"data": 1, "method": "kmeans"}}'),
        b'{"case": {"data": "digits", "method": "kmeans", "settings": 3}}',
    ],
)
def test_a_line_that_is_no_result_is_named_and_the_file_stays(plan, monkeypatch, line):
    monkeypatch.setattr("torchdec_bench.study._measure.measure", stub)
    next(run(plan))
    content = plan.file.read_bytes() + line + b"\n"
    plan.file.write_bytes(content)
    for read in (results, missing, lambda plan: list(run(plan))):
        with pytest.raises(PlanError, match=r"two\.jsonl: line 2 is no result of a case"):
            read(plan)
    assert plan.file.read_bytes() == content


def test_a_result_has_the_updates_of_the_fit_and_no_history(plan):
    settings = {"max_iter": 2, "tol": 0}
    result, _ = measure(Case("digits", "dec", n_rows=300, settings=settings, stage_1=SHORT))
    assert result["updates"] == 2
    assert "history" not in result


def test_cases_that_share_a_training_come_one_after_the_other(tmp_path):
    cases = [Case("digits", method, seed) for method in ("ae", "kmeans", "dec", "idec") for seed in (0, 1)]
    ordered = missing(Plan("Mixed", tmp_path / "mixed.jsonl", tuple(cases)))
    assert sorted(ordered, key=str) == sorted(cases, key=str)
    assert [(case.method, case.seed) for case in ordered] == [
        ("ae", 0),
        ("dec", 0),
        ("idec", 0),
        ("ae", 1),
        ("dec", 1),
        ("idec", 1),
        ("kmeans", 0),
        ("kmeans", 1),
    ]


def test_methods_on_near_rows_share_one_search(monkeypatch):
    searched = []

    def search(rows, n_neighbors):
        searched.append(n_neighbors)
        return nearest_rows(rows, n_neighbors)

    monkeypatch.setattr("torchdec_bench.baselines.nearest_rows", search)
    cases = [Case("digits", method, n_rows=301) for method in ("ldmgi", "sec", "seclocal")]
    together = [measure(case)[0] for case in cases]
    assert searched == [4]
    x = load("digits").x.astype(np.float32)
    rows = x[np.sort(np.random.default_rng(0).permutation(len(x))[:301])]
    sizes = sorted(np.bincount(LDMGI(10, random_state=0).fit_predict(rows)).tolist(), reverse=True)
    assert together[0]["sizes"] == sizes
    larger = replace(cases[0], settings={"clique_size": 7})
    assert measure(larger)[0]["settings"]["clique_size"] == 7
    assert searched == [4, 6]


def test_kmeans_takes_sparse_rows_whose_columns_are_numbered_in_64_bits(monkeypatch):
    digits = load("digits")
    x = csr_array(digits.x)
    x.indices, x.indptr = x.indices.astype(np.int64), x.indptr.astype(np.int64)
    sparse_digits = replace(digits, x=x, title="sparse digits")
    monkeypatch.setattr("torchdec_bench.study._measure.load", lambda _: sparse_digits)
    assert measure(Case("sparse-digits", "kmeans"))[0]["score"]["acc"] > 0.6


@pytest.mark.parametrize("method", ["aesec", "nobackprop", "dec", "neighbors", "pictures", "augmented"])
def test_methods_on_a_learnt_code_are_better_than_chance(method):
    settings = {} if method in ("aesec", "nobackprop") else {"max_iter": 1}
    stage_1 = OF_NEIGHBORS if method in ("neighbors", "pictures", "augmented") else SHORT
    result, _ = measure(Case("digits", method, n_rows=300, settings=settings, stage_1=stage_1))
    assert 0.2 < result["score"]["acc"] <= 1
    assert sum(result["sizes"]) == 300


@pytest.mark.parametrize("method", ["ldmgi", "sec", "seclocal"])
def test_the_baselines_find_digits(method):
    assert measure(Case("digits", method))[0]["score"]["acc"] > 0.75


def test_classes_are_thinned_out_from_the_last_to_the_first():
    result, _ = measure(Case("digits", "kmeans", r_min=0.1))
    counts = np.bincount(load("digits").y)
    shares = np.linspace(0.1, 1, 10)
    assert sum(result["sizes"]) == sum(round(s * c) for s, c in zip(shares, counts, strict=True))


def test_rows_that_are_held_out_are_scored_with_the_generalizability():
    case = Case("digits", "dec", n_rows=400, hold_out=0.25, settings={"max_iter": 1}, stage_1=SHORT)
    result, _ = measure(case)
    held_out = result["held_out"]
    assert sum(result["sizes"]) == 300
    assert 0.5 < held_out["generalizability"] < 2
    assert 0 < held_out["nmi"] < 1


def test_pictures_are_small_arrays_of_the_fitted_model():
    case = Case("digits", "dec", n_rows=400, pictures=True, settings={"max_iter": 1}, stage_1=SHORT)
    _, pictures = measure(case)
    assert pictures["exemplars"].shape == (10, 10, 64)
    assert pictures["tenths"].shape == (10, 64)
    assert pictures["code"].shape == (400, 3)
    assert pictures["gradient"].shape == pictures["confidence"].shape
    assert (pictures["gradient"] >= 0).all()


def test_the_gradient_in_the_picture_is_that_of_the_loss():
    from torchdec_bench.study._pictures import _gradients

    class Model:
        cluster_centers_ = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
        center_clusters_ = np.arange(4, dtype=np.int32)
        alpha = 2.0

    code = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    apart = code[:, None] - Model.cluster_centers_
    kernel = 1 / (1 + np.square(apart).sum(axis=2) / 2)
    q = kernel**1.5 / (kernel**1.5).sum(axis=1, keepdims=True)
    p = q**2 / q.sum(axis=0)
    p /= p.sum(axis=1, keepdims=True)
    expected = np.linalg.norm(1.5 * ((kernel * (p - q))[:, :, None] * apart).sum(axis=1), axis=1)  # equation 4
    confidence, length = _gradients(Model, code, 2)
    np.testing.assert_allclose(length, expected, rtol=1e-4)
    np.testing.assert_allclose(confidence, q[:, 2], rtol=1e-5)


def test_unknown_names_are_answered_with_the_known():
    with pytest.raises(ValueError, match="no method 'magic'; there are kmeans, "):
        measure(Case("digits", "magic"))
    with pytest.raises(ValueError, match="hold_out needs a method that can predict"):
        measure(Case("digits", "ldmgi", n_rows=200, hold_out=0.5))


def test_every_method_has_a_title_of_its_own():
    titles = [method.title for method in METHODS.values()]
    assert len(set(titles)) == len(titles)
