import json

import numpy as np
import pytest

from torchdec.runs import read_run


def test_a_number_of_clusters_is_recommended_with_its_reason(cli, data):
    choice = json.loads(cli.ok("choose-k", data, "--from", 2, "--to", 5, "--json").stdout)
    assert choice["candidates"][0]["n_clusters"] == 2
    shown = cli.ok("choose-k", data, "--from", 2, "--to", 5).stdout
    assert choice["reason"] in shown
    line = next(line for line in shown.splitlines() if "recommended" in line)
    assert line.split()[0] == str(choice["n_clusters"])


def test_mistakes_are_one_line(cli, data):
    for arguments, message in (
        (("--from", 5, "--to", 2), "--from 5 is more than --to 2"),
        (("--to", 40), "--to goes up to 40, but the clusters are sought in each half of the 60 rows; try 30 or"),
        (("--from", 31), "--from 31 is more than --to 30."),
        (("--from", 3, "--resolution", "fine"), "--resolution chooses among all numbers; leave --from and"),
    ):
        result = cli("choose-k", data, *arguments)
        assert result.exit_code == 2
        assert message in result.stderr
        assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("k", "options"),
    [("auto", ()), ("coarse", ("--resolution", "coarse")), ("7-20", ("--from", 7, "--to", 20))],
)
def test_fit_takes_the_number_that_choose_k_recommends_and_says_why(cli, data, tmp_path, k, options):
    choice = json.loads(cli.ok("choose-k", data, "--seed", 4, *options, "--json").stdout)
    shown = cli.ok("fit", data, "-k", k, "-o", tmp_path / "run", "--seed", 4, "--quiet").stdout
    assert read_run(tmp_path / "run").choice == choice
    assert len(read_run(tmp_path / "run").cluster_sizes) == choice["n_clusters"]
    assert choice["reason"] in shown
    assert choice["reason"] in cli.ok("info", tmp_path / "run").stdout


def test_the_representation_that_fit_is_asked_for_can_be_chosen_by(cli, data, tmp_path):
    options = ("--representation", "autoencoder")
    choice = json.loads(cli.ok("choose-k", data, "--from", 2, "--to", 3, *options, "--json").stdout)
    cli.ok("fit", data, "-k", "2-3", "-o", tmp_path / "run", "--quiet", *options)
    assert read_run(tmp_path / "run").choice == choice


def test_fit_chooses_among_several_numbers(cli, data, tmp_path):
    cli.ok("fit", data, "-k", "4,3", "-o", tmp_path / "run", "--quiet")
    choice = read_run(tmp_path / "run").choice
    assert choice["reason"].startswith("Of 3 and 4 clusters, ")


@pytest.mark.parametrize("k", ["5-2", "0-3", "2-", "-3", "2-x", "many", "2.5", "3,", "3,0", "3, 5", "2-3,5"])
def test_what_is_no_number_of_clusters_is_refused(cli, data, tmp_path, k):
    result = cli("fit", data, f"-k{k}", "-o", tmp_path / "run")
    assert result.exit_code == 2
    assert (
        f"{k!r} isn't a number of clusters; give 1 or more, a range such as 2-12, several such as 3,5"
        in result.stderr
    )


@pytest.mark.parametrize(("k", "n", "message"), [
    ("2-40", 60, "-k/--clusters goes up to 40, but the clusters are sought in each half of the 60 rows; try 30"),
    ("auto", 3, "n_samples=3 is too few to choose a number of clusters by; give 4 rows or more"),
])  # fmt: skip
def test_a_range_beyond_the_rows_is_refused_by_fit(cli, data, tmp_path, k, n, message):
    np.save(tmp_path / "x.npy", np.load(data)[:n])
    result = cli("fit", tmp_path / "x.npy", "-k", k, "-o", tmp_path / "run")
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_g_stands_in_the_table_where_rows_are_held_out(cli, data):
    arguments = ("choose-k", data, "--from", 2, "--to", 3, "--hold-out", 0.2)
    candidates = json.loads(cli.ok(*arguments, "--json").stdout)["candidates"]
    shown = cli.ok(*arguments).stdout
    for candidate in candidates:
        assert f"{candidate['generalizability']:.3f}" in shown


def test_rows_that_hold_nothing_do_not_count_for_how_many_are_tried(cli, data, tmp_path):
    x = np.load(data)[:12]
    x[[2, 7]] = np.nan
    np.save(tmp_path / "x.npy", x)
    choice = json.loads(cli.ok("choose-k", tmp_path / "x.npy", "--json").stdout)
    assert choice["reason"].startswith("Of 1 to 5 clusters, ")
    assert "--to goes up to 6" in cli("choose-k", tmp_path / "x.npy", "--to", 6).stderr
