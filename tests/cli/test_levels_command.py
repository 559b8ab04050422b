import csv
import json

import pytest

from torchdec._model_file import load


def test_the_tree_of_a_run_is_told_and_written(cli, run, tmp_path):
    named = tmp_path / "named"
    cli.ok("rename", run, "1=red", "-o", named)
    tree = load(named).tree_
    assert cli.ok("levels", named).stdout.splitlines()[-1] == "3 clusters: those of the model"
    shown = json.loads(cli.ok("levels", named, "--json").stdout)
    assert [level["n_clusters"] for level in shown["levels"]] == [level.n_clusters for level in tree.levels]
    assert [node["rows"] for node in shown["nodes"]][:3] == tree.sizes.tolist()
    for name in ("tree.csv", "tree.nwk", "tree.json"):
        assert str(tmp_path / name) in cli.ok("levels", named, "-o", tmp_path / name).stdout
    assert json.loads((tmp_path / "tree.json").read_text()) == shown
    assert (tmp_path / "tree.nwk").read_text() == tree.newick(["", "red", ""]) + "\n"
    with (tmp_path / "tree.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["name"] for line in lines] == ["", "red", "", "", ""]
    assert lines[-1]["parent"] == ""


@pytest.mark.parametrize(("name", "message"), [("tree.txt", "ends in .csv"), ("there.csv", "exists")])
def test_a_file_that_cannot_be_the_tree_is_named(name, message, cli, run, tmp_path):
    (tmp_path / "there.csv").write_text("")
    result = cli("levels", run, "-o", tmp_path / name)
    assert result.exit_code == 2
    assert message in result.stderr
