import json

import numpy as np
import pytest
from typer.testing import CliRunner

from torchdec.cli._app import app


def test_a_number_of_clusters_is_recommended_with_its_reason(cli, data):
    choice = json.loads(cli.ok("choose-k", data, "--from", 2, "--to", 5, "--json").stdout)
    assert [candidate["n_clusters"] for candidate in choice["candidates"]] == [2, 3, 4, 5]
    shown = cli.ok("choose-k", data, "--from", 2, "--to", 5).stdout
    assert choice["reason"] in shown
    line = next(line for line in shown.splitlines() if "recommended" in line)
    assert line.split()[0] == str(choice["n_clusters"])


def test_few_rows_are_tried_with_half_as_many_clusters_at_most(cli, data, tmp_path):
    np.save(tmp_path / "few.npy", np.load(data)[:12])
    candidates = json.loads(cli.ok("choose-k", tmp_path / "few.npy", "--json").stdout)["candidates"]
    assert candidates[-1]["n_clusters"] == 6


@pytest.mark.parametrize(("encoding", "block"), [("utf-8", "█"), ("cp1252", "#"), ("ascii", "#")])
def test_the_bars_are_of_what_the_terminal_can_write(data, encoding, block):
    result = CliRunner(charset=encoding).invoke(app, ["choose-k", str(data), "--to", "3"])
    assert result.exit_code == 0, result.stderr
    assert f"{block} recommended" in result.stdout


def test_mistakes_are_one_line(cli, data):
    for arguments, message in (
        (("--from", 5, "--to", 2), "--from 5 is more than --to 2"),
        (("--to", 40), "--from 2 --to 40 exceeds 30, half of the rows of"),
        (("--from", 31), "--from 31 --to 20 exceeds 30, half of the rows of"),
    ):
        result = cli("choose-k", data, *arguments)
        assert result.exit_code == 2
        assert message in result.stderr
        assert result.stderr.count("\n") == 1


def test_g_stands_in_the_table_where_rows_are_held_out(cli, data):
    arguments = ("choose-k", data, "--from", 2, "--to", 3, "--hold-out", 0.2)
    candidates = json.loads(cli.ok(*arguments, "--json").stdout)["candidates"]
    shown = cli.ok(*arguments).stdout
    for candidate in candidates:
        assert f"{candidate['generalizability']:.3f}" in shown
