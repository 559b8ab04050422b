import json

PLAN = """
title = "Digits"
runs = "runs"
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
    assert json.loads((tmp_path / "runs" / "digits-kmeans-1.json").read_text())["seed"] == 1


def test_results_go_where_out_says(cli, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN)
    assert cli.ok("study", plan, "-o", tmp_path / "there", "--quiet").stderr == ""
    assert len(list((tmp_path / "there").iterdir())) == 2


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
