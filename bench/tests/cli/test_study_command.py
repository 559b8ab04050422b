import json

PLAN = """
title = "Digits"
[[case]]
data = "digits"
method = "kmeans"
seed = [0, 1]
"""


def test_a_plan_is_run_once_and_tells_how_far_it_is(cli, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN)
    first = cli.ok("study", plan)
    assert "Digits: 2 cases, 0 of them done" in first.stderr
    assert "2 of 2  digits-kmeans-1: " in first.stderr
    assert "2 cases, 2 of them done" in cli.ok("study", plan).stderr
    lines = (tmp_path / "plan.jsonl").read_text().splitlines()
    assert [json.loads(line)["seed"] for line in lines] == [0, 1]


def test_results_go_where_out_says(cli, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN)
    there = tmp_path / "there" / "results.jsonl"
    assert cli.ok("study", plan, "-o", there, "--quiet").stderr == ""
    assert len(there.read_text().splitlines()) == 2
    assert [path.name for path in there.parent.iterdir()] == ["results.jsonl"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan.toml", "there"]


def test_results_are_a_jsonl_file(cli, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN)
    result = cli("study", plan, "-o", tmp_path / "runs")
    assert result.exit_code == 2
    assert "ends in .jsonl" in result.stderr


def test_failed_cases_are_counted(cli, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN + "n_clusters = 5000\n")
    result = cli("study", plan)
    assert result.exit_code == 2
    assert "2 of 2 cases failed" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_plan_that_is_wrong_is_one_line(cli, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text("title = 3")
    result = cli("study", plan)
    assert result.exit_code == 2
    assert "PLAN: " in result.stderr
