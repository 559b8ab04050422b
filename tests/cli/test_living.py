import csv
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from torchdec.clusters._change import recorded, renumbered
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


def test_a_page_shows_what_drifted_and_all_else(cli, run, week, tmp_path):
    page = tmp_path / "drift.html"
    moved = cli("drift", run, week, "--page", page, "--json")
    assert moved.exit_code == 3
    shifts = json.loads(moved.stdout)["shifts"]
    text = page.read_text()
    drifted, others = text.split('id="h-others"')
    n_drifted = sum(shift["drifted"] for shift in shifts)
    assert (drifted.count('<th scope="row">'), others.count('<th scope="row">')) == (
        n_drifted,
        len(shifts) - n_drifted,
    )
    assert "<h1>Drift of week.npy</h1>" in text
    far = next(shift for shift in shifts if shift["what"] == "far out" and shift["of"] is None)
    assert f'<td class="number">{far["written"][1]}</td>' in drifted
    assert "src=" not in text
    assert "href=" not in text
    refused = cli("drift", run, week, "--page", page)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "--page: " in refused.stderr
    assert cli("drift", run, week, "--page", page, "--force").exit_code == 3


def test_rows_that_cannot_be_compared_are_one_line(cli, run, tmp_path):
    np.save(tmp_path / "narrow.npy", np.zeros((5, 3), np.float32))
    result = cli("drift", run, tmp_path / "narrow.npy")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "narrow.npy" in result.stderr


def test_an_update_makes_a_run_of_the_new_rows(cli, run, week, tmp_path):
    result = cli.ok("update", run, week, "-o", tmp_path / "updated")
    assert "New clusters: 3." in result.stdout
    assert "Of the rows of the old run, 0.00% would change cluster." in result.stdout
    record = read_run(tmp_path / "updated")
    assert (record.data.name, record.data.shape) == ("week.npy", (90, 8))
    assert record.edits[-1] == {"edit": "update", "rows": 90, "opened": [3], "refused": [], "changed": 0.0}
    assert (read_assignments(tmp_path / "updated")[60:] == 3).all()
    np.testing.assert_array_equal(read_assignments(tmp_path / "updated")[:60], read_assignments(run))
    assert "update, rows 90" in cli.ok("info", tmp_path / "updated").stdout
    cli.ok("report", tmp_path / "updated", "--out", tmp_path / "updated.html")
    changed = (tmp_path / "updated.html").read_text().split('id="h-changes"')[1].split("</section>")[0]
    assert "<li>New clusters: 3.</li>" in changed


def test_an_update_tells_how_many_rows_of_the_old_run_would_change(cli, run, week, tmp_path, monkeypatch):
    def swap(model, *_, **__):
        swapped = renumbered(model, np.array([1, 0, 2], dtype=np.int32))
        return recorded(swapped, {"edit": "update", "opened": [], "refused": []})

    monkeypatch.setattr("torchdec.clusters._update.update", swap)
    cli.ok("update", run, week, "-o", tmp_path / "swapped")
    share = (read_assignments(run) < 2).mean()
    assert 0.5 < share < 1
    assert read_run(tmp_path / "swapped").edits[-1]["changed"] == pytest.approx(share)


@pytest.fixture(scope="module")
def regions(cli, tmp_path_factory):
    """Return a table of four groups whose kinds differ by group, and runs of three of them each."""
    folder = tmp_path_factory.mktemp("regions")
    groups = np.arange(400) % 4
    values = np.random.default_rng(0).normal(size=(400, 6)) + 12 * np.eye(4, 6)[groups]
    table = pd.DataFrame(values, columns=list("abcdef"))
    # Each region knows another level, and its numbers have other means.
    table["plan"] = np.array(["Free", "Basic", "Basic", "Pro"])[groups]
    table.to_csv(folder / "both.csv", index=False)
    for name, own in (("north", groups < 3), ("south", groups > 0)):
        table[own].to_csv(folder / f"{name}.csv", index=False)
        cli.ok("fit", folder / f"{name}.csv", "-k", 3, "-o", folder / name, "--quiet")
    return folder, groups


def test_a_run_takes_in_what_another_run_knows(cli, regions, tmp_path):
    folder, groups = regions
    south, north = (read_assignments(folder / name) for name in ("south", "north"))
    new = south[groups[groups > 0] == 3][0]
    cli.ok("rename", folder / "south", f"{new}=Pro users", "-o", tmp_path / "south")
    told = cli.ok(
        *("merge-models", folder / "north", tmp_path / "south", folder / "both.csv", "-o", tmp_path / "joined")
    )
    assert "New clusters: 3." in told.stdout
    record = read_run(tmp_path / "joined")
    assert (record.data.shape[0], record.cluster_names[3], record.edits[-1]["of"]) == (400, "Pro users", [new])
    assert "changed" not in record.edits[-1]
    labels = read_assignments(tmp_path / "joined")
    assert (labels[groups == 3] == 3).mean() > 0.9
    assert (labels[groups < 3] == north).mean() > 0.9


def test_a_name_of_two_clusters_and_other_columns_are_refused_and_nothing_is_written(cli, regions, run, tmp_path):
    folder, groups = regions
    new = read_assignments(folder / "south")[groups[groups > 0] == 3][0]
    cli.ok("rename", folder / "south", f"{new}=users", "-o", tmp_path / "south")
    cli.ok("rename", folder / "north", "0=users", "-o", tmp_path / "north")
    for other, message in (
        (tmp_path / "south", "both models have a cluster named 'users', of different rows; rename one."),
        (run, f"torchdec: OTHER {run}: DATA: "),
        (folder, "OTHER: "),
    ):
        refused = cli(*("merge-models", tmp_path / "north", other, folder / "both.csv", "-o", tmp_path / "joined"))
        assert refused.exit_code == 2
        assert message in refused.stderr
        assert not (tmp_path / "joined").exists()


@pytest.fixture(scope="module")
def named_rows(cli, tmp_path_factory):
    """Return a table whose rows have names, a run in which two of its three groups are merged, and the groups."""
    tmp_path = tmp_path_factory.mktemp("named")
    random = np.random.default_rng(0)
    groups = np.arange(90) % 3
    values = random.normal(size=(90, 4)) + 8 * np.eye(3, 4)[groups]
    lines = [f"C{i:03d}," + ",".join(f"{v:.3f}" for v in row) for i, row in enumerate(values)]
    (tmp_path / "t.csv").write_text("customer_id,a,b,c,d\n" + "\n".join(lines) + "\n")
    cli.ok("fit", tmp_path / "t.csv", "-k", 3, "-o", tmp_path / "fitted", "--quiet")
    cli.ok("merge", tmp_path / "fitted", 0, 1, "-o", tmp_path / "run")
    return tmp_path / "t.csv", tmp_path / "run", groups


def answer(path, questions, groups):
    """Fill in all questions, and ask the first once more."""
    lines = []
    for question in questions:
        a, b = (groups[int(question[side][1:])] for side in "ab")
        lines.append(f"{question['a']},{question['b']},{'yes' if a == b else 'no'}\n")
    path.write_text("a,b,same\n" + "".join(lines) + f"{questions[0]['a']},{questions[0]['b']},\n")


def test_questions_are_filled_in_and_refine_a_run(cli, named_rows, tmp_path):
    table, run, groups = named_rows
    assert cli.ok("ask", run, table, "-n", 2).stdout.startswith("a,b\nC0")
    cli.ok("ask", run, table, "-n", 8, "-o", tmp_path / "q.csv")
    questions = list(csv.DictReader((tmp_path / "q.csv").read_text().splitlines()))
    assert len(questions) == 8
    answer(tmp_path / "q.csv", questions, groups)
    cli.ok("ask", run, table, "-n", 4, "--answers", tmp_path / "q.csv", "-o", tmp_path / "next.csv")
    questions += csv.DictReader((tmp_path / "next.csv").read_text().splitlines())
    answer(tmp_path / "q.csv", questions, groups)
    (tmp_path / "names.csv").write_text("row,name\nC000,first\nC003,first\n")
    result = cli.ok(
        *("refine", run, table, "--answers", tmp_path / "q.csv", "--names", tmp_path / "names.csv"),
        *("-o", tmp_path / "better"),
    )
    assert " is split from 0: " in result.stdout
    assert "14 of 14 answers are kept." in result.stdout
    record = read_run(tmp_path / "better")
    assert len(record.cluster_sizes) == 3
    assert "first" in record.cluster_names
    assert record.cluster_names.index("first") == read_assignments(tmp_path / "better")[0]
    again = cli.ok("ask", run, table, "-n", 8, "--answers", tmp_path / "q.csv", "-o", tmp_path / "more.csv")
    assert "questions; fill in" in again.stdout
    more = {(line["a"], line["b"]) for line in csv.DictReader((tmp_path / "more.csv").read_text().splitlines())}
    assert not more & {(question["a"], question["b"]) for question in questions}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\nC000,C001\n", "has no column 'same'; it takes a, b, same."),
        ("a,b,same\nC000,C1,yes\n", "line 2: no row of DATA is called 'C1'"),
        ("a,b,same\nC000,C001,perhaps\n", "line 2: same is 'perhaps'; write yes or no"),
        ("a,b,same\nC000,C001\n", "line 2 has too few cells"),
        (
            "a,b,same\nC000,C001,yes\nC001,C000,no\n",
            "rows C001 and C000 are apart, but they are together by C001 = C000; take one",
        ),
        ("a,b,same\nC000,C001,\n", "together, apart and rows say nothing"),
    ],
)
def test_answers_that_make_no_sense_are_one_line_and_write_nothing(cli, named_rows, tmp_path, text, message):
    table, run, _ = named_rows
    (tmp_path / "q.csv").write_text(text)
    result = cli("refine", run, table, "--answers", tmp_path / "q.csv", "-o", tmp_path / "better")
    assert result.exit_code == 2
    assert message in result.stderr
    assert sum(not line.startswith("torchdec: note: ") for line in result.stderr.splitlines()) == 1
    assert not (tmp_path / "better").exists()


def test_the_command_of_the_container_serves_and_ends(run, data):
    page = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
    dockerfile = page.split("```dockerfile\n")[1].split("```")[0]
    command = json.loads(re.search(r"^CMD (.+)$", dockerfile, re.MULTILINE)[1])
    health = re.search(r'^HEALTHCHECK CMD python -c "(.+)"$', dockerfile, re.MULTILINE)[1]
    assert command[:2] == ["torchdec", "serve"]
    options = [{"/model": str(run), "0.0.0.0": "127.0.0.1"}.get(word, word) for word in command[1:]]
    server = subprocess.Popen(
        [sys.executable, "-m", "torchdec", *options, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    with server:
        try:
            url = re.search(r"http://[\d.:]+", server.stdout.readline())[0]
            assert (
                subprocess.run([sys.executable, "-c", health.replace("http://127.0.0.1:8000", url)]).returncode
                == 0
            )
            rows = json.dumps({"rows": np.load(data).tolist()}).encode()
            with urllib.request.urlopen(f"{url}/predict", rows) as answer:
                found = [each["cluster"] for each in json.load(answer)["predictions"]]
            assert found == read_assignments(run).tolist()
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0


def test_what_cannot_be_served_is_one_line(cli, run, data, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = cli("serve", run, "--port", port)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert f"--host 127.0.0.1 --port {port}: " in result.stderr
    assert "MODEL: " in cli("serve", data).stderr
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "pip install 'torchdec[serve]'" in cli("serve", run).stderr
