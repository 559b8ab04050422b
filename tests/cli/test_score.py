import json

import numpy as np
import pytest

from torchdec.metrics import ari, clustering_accuracy, nmi
from torchdec.runs import read_assignments

NAMES = np.array(["ant", "bee", "cat"])


@pytest.fixture(scope="module")
def labels():
    """Return labels that are not quite the clusters."""
    y = np.arange(60) % 3
    y[:10] = 0
    return y


def _npy(path, y):
    np.save(path.with_suffix(".npy"), y)


def _npz(path, y):
    # x cannot be loaded without pickle: it must not be read.
    np.savez(path.with_suffix(".npz"), y=y, x=np.array([{}], dtype=object))


def _csv(path, lines):
    path.with_suffix(".csv").write_text("\n".join(lines) + "\n")


WAYS = {
    "integers": lambda path, y: _npy(path, y),
    "floats": lambda path, y: _npy(path, y.astype(np.float64)),
    "one column": lambda path, y: _npy(path, y[:, None]),
    "text": lambda path, y: _npy(path, NAMES[y]),
    "bytes": lambda path, y: _npy(path, NAMES[y].astype("S")),
    "npz": _npz,
    "csv of numbers without a header": lambda path, y: _csv(path, map(str, y)),
    "csv of names with any header": lambda path, y: _csv(path, ["animal", *NAMES[y]]),
    "csv with a column y": lambda path, y: _csv(path, ["x,y", *(f"{i},{NAMES[c]}" for i, c in enumerate(y))]),
    "csv with a column label": lambda path, y: _csv(path, ["label,x", *(f'"{c}", 7' for c in y)]),
    "csv with a byte order mark": lambda path, y: _csv(path, ["\ufefflabel,x", *(f"{c},7" for c in y)]),
}


@pytest.mark.parametrize("save", WAYS.values(), ids=WAYS.keys())
def test_labels_of_every_kind_give_the_same_score(cli, run, labels, tmp_path, save):
    save(tmp_path / "labels", labels)
    path = next(tmp_path.iterdir())
    result = json.loads(cli.ok("score", run, path, "--json").stdout)
    clusters = read_assignments(run)
    assert result == {
        "rows": 60,
        "clusters": 3,
        "classes": 3,
        "acc": clustering_accuracy(labels, clusters),
        "nmi": nmi(labels, clusters),
        "ari": ari(labels, clusters),
        "in_no_cluster": 0,
        "of_the_others": None,
    }
    assert 0 < result["acc"] < 1


def test_a_column_is_chosen_by_name(cli, run, labels, tmp_path):
    lines = ["y,truth", *(f"{i},{c}" for i, c in enumerate(labels))]
    _csv(tmp_path / "labels", lines)
    args = ("score", run, tmp_path / "labels.csv", "--json")
    assert json.loads(cli.ok(*args).stdout)["classes"] == 60
    assert json.loads(cli.ok(*args, "--column", "truth").stdout)["classes"] == 3


def test_the_three_numbers_are_printed_on_one_line(cli, run, data):
    line = cli.ok("score", run, data.with_name("y.npy")).stdout
    clusters = read_assignments(run)
    y = np.load(data.with_name("y.npy"))
    acc, mutual, rand = (metric(y, clusters) for metric in (clustering_accuracy, nmi, ari))
    assert line == f"ACC {acc:.4f}   NMI {mutual:.4f}   ARI {rand:.4f}\n"


@pytest.mark.parametrize("options", [(), ("--column", "species")])
@pytest.mark.parametrize("lines", [("id;species", "{};{}"), ("id\tspecies", "{}\t{}"), ("id;size", "{};0,{}")])
def test_other_marks_between_columns_are_named(cli, run, labels, tmp_path, lines, options):
    header, line = lines
    _csv(tmp_path / "labels", [header, *(line.format(i, c) for i, c in enumerate(labels))])
    result = cli("score", run, tmp_path / "labels.csv", *options)
    assert result.exit_code == 2
    assert f"has {header[2]!r} between its columns; write it with commas between them." in result.stderr


def test_a_label_or_a_heading_may_hold_any_mark(cli, run, labels, tmp_path):
    _csv(tmp_path / "labels", ["genre;first", *np.array(["a;b", "c", "d"])[labels]])
    assert json.loads(cli.ok("score", run, tmp_path / "labels.csv", "--json").stdout)["classes"] == 3


@pytest.mark.parametrize(("above", "n", "hint"), [((), 60, True), ((), 59, False), (("label",), 58, False)])
def test_a_first_label_that_was_taken_for_a_header_is_told(cli, run, labels, tmp_path, above, n, hint):
    _csv(tmp_path / "labels", [*above, *NAMES[labels[:n]]])
    result = cli("score", run, tmp_path / "labels.csv")
    assert result.exit_code == 2
    assert ("If its first line is a label, write a heading above it" in result.stderr) == hint
