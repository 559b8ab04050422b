import json
import shutil

import pytest

from torchdec.runs import read_run


@pytest.fixture
def copy(run, tmp_path):
    """A run that a test may write into."""
    return shutil.copytree(run, tmp_path / "copy")


def test_stability_is_told_and_kept_until_clusters_change(cli, copy, data, tmp_path):
    shown = cli.ok("stability", copy, data, "-n", 1).stdout
    record = read_run(copy)
    assert len(record.stability) == len(record.cluster_sizes) == 3
    assert f"{record.stability[0]:.2f}" in shown
    assert sum(group["rows"] for group in record.reliability) == sum(record.cluster_sizes)
    assert f"{record.stability[0]:.2f}" in cli.ok("info", copy).stdout
    cli.ok("report", copy, data)
    assert f"(stability {min(record.stability):.2f} or more)" in (copy / "report.html").read_text()
    again = json.loads(cli.ok("stability", copy, data, "-n", 1, "--json").stdout)
    assert tuple(again["stability"]) == record.stability
    cli.ok("rename", copy, "1=red", "-o", tmp_path / "named")
    assert read_run(tmp_path / "named").stability == record.stability
    cli.ok("merge", copy, 0, 1, "-o", tmp_path / "merged")
    assert read_run(tmp_path / "merged").stability == ()
    assert read_run(tmp_path / "merged").levels[-1]["n_clusters"] == 2


def test_other_rows_leave_the_run_as_it_is(cli, copy, tmp_path):
    before = (copy / "run.json").read_bytes()
    (tmp_path / "other.csv").write_text("a,b\n1,2\n3,4\n")
    result = cli("stability", copy, tmp_path / "other.csv")
    assert result.exit_code == 2
    assert sum(not line.startswith("torchdec: note: ") for line in result.stderr.splitlines()) == 1
    assert (copy / "run.json").read_bytes() == before


def test_rows_are_assigned_to_groups_of_clusters(cli, run, data, tmp_path):
    assert (
        "rows in 2 of 2 clusters" in cli.ok("predict", run, data, "--groups", 2, "-o", tmp_path / "p.csv").stdout
    )
    result = cli("predict", run, data, "--groups", 9, "-o", tmp_path / "q.csv")
    assert result.exit_code == 2
    assert "n_clusters=9 isn't a cut of the tree of 3 clusters" in result.stderr
    assert not (tmp_path / "q.csv").exists()
