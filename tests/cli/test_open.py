"""Edits of a page: saved by the server of `torchdec open`, and replayed by `torchdec edit`."""

import html
import json
import threading
import urllib.error
import urllib.request

import numpy as np
import pyarrow.parquet as pq
import pytest

from torchdec.cli._page_server import PageServer
from torchdec.runs import read_assignments, read_run

PAGE = "<meta content=\"default-src 'none'\"><title>x</title>"
EDITS = [
    {"edit": "rename", "cluster": 2, "name": "third"},
    {"edit": "merge", "clusters": [0, 1]},
    {"edit": "move", "rows": [4], "into": 2},
    {"edit": "noise", "rows": [7]},
    {"edit": "note", "cluster": 2, "text": "look <again>"},
]


@pytest.fixture
def server(tmp_path):
    with PageServer(PAGE, tmp_path / "run", tmp_path / "edits.json", 0) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(url, body=None, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_page_is_served_and_its_edits_are_kept(server, tmp_path):
    status, page = ask(server.address)
    assert status == 200
    assert "default-src 'none'; connect-src 'self'" in page
    post = f"http://{server.host}" + page.split('name="save" content="')[1].split('"')[0]
    status, said = ask(post, json.dumps({"edits": EDITS}).encode())
    assert (status, "torchdec edit" in said) == (200, True)
    assert json.loads((tmp_path / "edits.json").read_text())["edits"] == EDITS
    assert html.escape(json.dumps(EDITS)) in ask(server.address)[1]  # opened again, it goes on from them
    assert ask(post, b"[1]")[0] == 400
    assert ask(post, b'{"edits": [NaN]}')[0] == 400
    assert ask(post, b"{}")[0] == 400
    assert json.loads((tmp_path / "edits.json").read_text())["edits"] == EDITS


def test_a_file_that_holds_no_edits_is_not_replaced(cli, run, tmp_path):
    (tmp_path / "mine.json").write_text('{"edits": [], "format": "other"}')
    done = cli("open", run, "--edits", tmp_path / "mine.json", "--no-browser")
    assert (done.exit_code, "holds no edits of a page" in done.stderr) == (2, True)


def test_nobody_else_gets_an_answer(server, tmp_path):
    assert server.server_address[0] == "127.0.0.1"
    assert ask(f"http://{server.host}/")[0] == 403
    assert ask(f"http://{server.host}/?token=guess")[0] == 403
    assert ask(server.address, Host="evil.example")[0] == 403
    assert ask(f"http://{server.host}/edits?token=guess", b'{"edits": []}')[0] == 403
    assert not (tmp_path / "edits.json").exists()


def test_edits_are_replayed_into_a_new_run_and_stay(cli, run, data, tmp_path):
    file = tmp_path / "edits.json"
    file.write_text(json.dumps({"edits": EDITS}))
    cli.ok("edit", run, file, "-o", tmp_path / "new")
    old, new = read_assignments(run), read_assignments(tmp_path / "new")
    expected = np.array([0, 0, 1])[old]
    expected[4], expected[7] = 1, -1
    np.testing.assert_array_equal(new, expected)
    assert read_run(tmp_path / "new").shown_names == ("", "third")
    confidence = pq.read_table(tmp_path / "new" / "assignments.parquet")["confidence"].to_numpy()
    assert confidence[7] == 0
    # Later edits keep what a person said of rows; the page shows notes, as text.
    cli.ok("rename", tmp_path / "new", "0=both", "-o", tmp_path / "newer")
    np.testing.assert_array_equal(read_assignments(tmp_path / "newer"), expected)
    cli.ok("report", tmp_path / "newer", data)
    assert "look &lt;again&gt;" in (tmp_path / "newer" / "report.html").read_text()


@pytest.mark.parametrize("text", ["", "[]", '{"edits": []}', '{"edits": 3}'])
def test_a_file_without_edits_is_one_line(cli, run, tmp_path, text):
    (tmp_path / "edits.json").write_text(text)
    result = cli("edit", run, tmp_path / "edits.json", "-o", tmp_path / "new")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "EDITS.json: " in result.stderr
    assert not (tmp_path / "new").exists()


def test_a_run_without_a_page_is_told_how_to_get_one(cli, run, tmp_path):
    result = cli("open", tmp_path, "--no-browser")
    assert (result.exit_code, "RUN: " in result.stderr) == (2, True)
