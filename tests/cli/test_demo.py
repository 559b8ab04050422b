import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from torchdec.runs import read_run


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_that_the_demo_suggests_work(cli, here, few_digits):
    text = cli.ok("demo", "--quiet").stdout
    commands = [line.split()[1:] for line in text.splitlines() if line.startswith("  torchdec ")]
    assert [command[0] for command in commands] == ["score", "predict"]
    score = cli.ok(*commands[0]).stdout.strip()
    assert score in text
    cli.ok(*commands[1])
    cli.ok("info", "demo-run")


def test_the_demo_clusters_the_digits_and_keeps_the_labels_beside(cli, here):
    contents = json.loads(cli.ok("demo", "--json", "--quiet").stdout)
    digits = load_digits()
    np.testing.assert_array_equal(np.load("demo-run/labels.npy"), digits.target)
    np.testing.assert_array_equal(np.load("demo-run/rows.npy"), digits.data)
    record = read_run("demo-run")
    assert record.data.shape == (1797, 64)
    assert len(record.cluster_sizes) == 10
    assert record.parameters["random_state"] == 0
    assert contents["score"]["acc"] > 0.4
    assert contents["directory"] == "demo-run"


def test_the_demo_replaces_its_own_run_and_no_other(cli, here, few_digits):
    for k in (2, 3):
        cli.ok("demo", "-k", k, "--quiet")
        assert len(read_run("demo-run").cluster_sizes) == k
    cli.ok("demo", "-k", 2, "-o", "other", "--quiet")
    assert cli("demo", "-k", 2, "-o", "other", "--quiet").exit_code == 2


def test_the_demo_never_replaces_what_is_not_a_run(cli, here):
    (here / "demo-run").mkdir()
    (here / "demo-run" / "thesis.tex").write_text("years of work")
    result = cli("demo", "--force")
    assert result.exit_code == 2
    assert (here / "demo-run" / "thesis.tex").read_text() == "years of work"
