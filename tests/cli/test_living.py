import json

import numpy as np
import pytest

from torchdec.runs import read_assignments, read_run


@pytest.fixture
def week(data, tmp_path):
    """Return a file of the rows of the run, of which a third are now of a new kind."""
    rows = np.load(data)
    new = np.random.default_rng(0).normal([16, -8] * 4, 1, size=(30, 8))
    np.save(tmp_path / "week.npy", np.concatenate([rows, new]).astype(np.float32))
    return tmp_path / "week.npy"


def test_drift_is_told_by_the_exit_code_in_text_and_in_json(cli, run, data, week):
    calm = cli.ok("drift", run, data)
    assert calm.stdout.startswith("No drift: 60 rows")
    moved = cli("drift", run, week)
    assert moved.exit_code == 3
    assert moved.stdout.startswith("Drift: ")
    assert "  rows far out: " in moved.stdout
    told = cli("drift", run, week, "--json")
    assert told.exit_code == 3
    found = json.loads(told.stdout)
    assert (found["drifted"], found["n_rows"], found["shifts"][0]["drifted"]) == (True, 90, True)


def test_rows_that_cannot_be_compared_are_one_line(cli, run, tmp_path):
    np.save(tmp_path / "narrow.npy", np.zeros((5, 3), np.float32))
    result = cli("drift", run, tmp_path / "narrow.npy")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "narrow.npy" in result.stderr


def test_an_update_makes_a_run_of_the_new_rows(cli, run, week, tmp_path):
    result = cli.ok("update", run, week, "-o", tmp_path / "updated")
    assert "New clusters: 3." in result.stdout
    assert f"Of the rows of {run}, 0.00% would change cluster." in result.stdout
    record = read_run(tmp_path / "updated")
    assert (record.data.name, record.data.shape) == ("week.npy", (90, 8))
    assert record.edits[-1] == {"edit": "update", "rows": 90, "opened": [3], "refused": [], "changed": 0.0}
    assert (read_assignments(tmp_path / "updated")[60:] == 3).all()
    np.testing.assert_array_equal(read_assignments(tmp_path / "updated")[:60], read_assignments(run))
    assert "update, rows 90" in cli.ok("info", tmp_path / "updated").stdout
