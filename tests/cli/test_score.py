import json
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
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


def _text(suffix, text, encoding="utf-8"):
    def write(path, y):
        path.with_suffix(suffix).write_bytes(text(NAMES[y]).encode(encoding))

    return write


def _parquet(**columns):
    """Write the labels as each column is made of them, by a function or as a constant."""

    def write(path, y):
        table = {name: make(y) if callable(make) else np.full(len(y), make) for name, make in columns.items()}
        pq.write_table(pa.table(table), path.with_suffix(".parquet"))

    return write


def _h5ad(name, make):
    def write(path, y):
        anndata = pytest.importorskip("anndata")
        with warnings.catch_warnings():  # anndata 0.12 writes no strings of pandas 3
            warnings.simplefilter("ignore", DeprecationWarning)
            with pd.option_context("future.infer_string", False):
                cells = pd.DataFrame({"n_counts": 1.5, name: make(y)}, index=[str(i) for i in range(len(y))])
                genes = pd.DataFrame(index=["a", "b"])
                anndata.AnnData(np.ones((len(y), 2), np.float32), cells, genes).write_h5ad(
                    path.with_suffix(".h5ad")
                )

    return write


def _table(mark, *header, end="\n"):
    """Join a number, a text and the label of each row by a mark."""
    return lambda names: end.join(
        [mark.join(header), *(mark.join([f"{i},5", '"a b"', name]) for i, name in enumerate(names))]
    )


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
    "csv of semicolons": _text(".csv", _table(";", "size", "what", "Species")),
    "csv of tabs": _text(".csv", _table("\t", "size", "what", " label ", end="\r\n")),
    "tsv": _text(".tsv", _table("\t", "size", "what", "Class_Label")),
    "csv of Windows": _text(".csv", lambda names: "größe;CLASS\n" + "\n".join(f"ä;{n}é" for n in names), "cp1252"),
    "csv of UTF-16": _text(".csv", _table("\t", "size", "what", "target"), "utf-16"),
    "csv of other names": _text(".csv", lambda names: "id,true label\n" + "\n".join(f"7,{n}" for n in names)),
    "lines": _text(".txt", "\n".join),
    "lines of Windows": _text(".txt", lambda names: "\r\n".join(names) + "\r\n"),
    "parquet": _parquet(x=1.5, label=lambda y: NAMES[y]),
    "parquet of one column": _parquet(kind=lambda y: y),
    "parquet beside an index": _parquet(kind=lambda y: y.astype(float), __index_level_0__=7),
    "parquet of categories": _parquet(x=1.5, y_true=lambda y: pa.array(NAMES[y]).dictionary_encode()),
    "parquet of small numbers": _parquet(x=1.5, Target=lambda y: pa.array(y, pa.int8())),
    "h5ad of text": _h5ad("cell_type", lambda y: NAMES[y].astype(object)),
    "h5ad of categories": _h5ad("Label", lambda y: pd.Categorical(y + 3)),
    "h5ad of nullable numbers": _h5ad("species", lambda y: pd.array(y, dtype="Int64")),
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
    lines = ["y,truth", *(f"{i // 2},{c}" for i, c in enumerate(labels))]
    _csv(tmp_path / "labels", lines)
    args = ("score", run, tmp_path / "labels.csv", "--json")
    assert json.loads(cli.ok(*args).stdout)["classes"] == 30
    assert json.loads(cli.ok(*args, "--column", "truth").stdout)["classes"] == 3


def test_the_three_numbers_are_printed_on_one_line(cli, run, data):
    line = cli.ok("score", run, data.with_name("y.npy")).stdout
    clusters = read_assignments(run)
    y = np.load(data.with_name("y.npy"))
    acc, mutual, rand = (metric(y, clusters) for metric in (clustering_accuracy, nmi, ari))
    assert line == f"ACC {acc:.4f}   NMI {mutual:.4f}   ARI {rand:.4f}\n"


@pytest.mark.parametrize("column", ["weight", "WEIGHT ", " weight"])
@pytest.mark.parametrize("save", [
    _text(".csv", _table(";", "weight", "what", "label")), _parquet(label=1, weight=lambda y: np.arange(len(y))),
    _h5ad("weight", lambda y: np.arange(len(y))),
], ids=["csv", "parquet", "h5ad"])  # fmt: skip
def test_any_column_can_be_asked_for(cli, run, labels, tmp_path, save, column):
    save(tmp_path / "labels", labels)
    path = next(tmp_path.iterdir())
    assert json.loads(cli.ok("score", run, path, "--json", "--column", column).stdout)["classes"] == 60
    result = cli("score", run, path, "--column", "height")
    assert result.exit_code == 2
    assert "has no column 'height' (it has " in result.stderr


def test_of_several_columns_that_may_be_labels_the_one_that_is_taken_is_told(cli, run, labels, tmp_path):
    _csv(tmp_path / "labels", ["cluster,class", *(f"{i},{c}" for i, c in enumerate(labels))])
    result = cli.ok("score", run, tmp_path / "labels.csv", "--json")
    assert json.loads(result.stdout)["classes"] == 3
    assert "note: the labels are the column 'class' of" in result.stderr
    assert "--column takes another, such as cluster" in result.stderr
    assert not cli.ok("score", run, tmp_path / "labels.csv", "--column", "class").stderr


def test_objects_are_never_unpickled_and_the_line_says_what_to_write(cli, run, labels, tmp_path):
    np.save(tmp_path / "y.npy", NAMES[labels].astype(object))
    np.savez(tmp_path / "y.npz", y=NAMES[labels].astype(object))
    for name, write in {"y.npy": "np.save(path, labels", "y.npz": "np.savez(path, y=labels"}.items():
        result = cli("score", run, tmp_path / name)
        assert result.exit_code == 2
        assert f"{write}.astype(str))" in result.stderr
        assert result.stderr.count("\n") == 1
    np.save(tmp_path / "y.npy", NAMES[labels].astype(object).astype(str))
    cli.ok("score", run, tmp_path / "y.npy")


@pytest.mark.parametrize("names", [["labels"], ["x", "target"], []])
def test_of_an_npz_without_y_the_line_says_what_is_read_and_how_to_write_it(names, cli, run, labels, tmp_path):
    np.savez(tmp_path / "y.npz", **dict.fromkeys(names, labels))
    result = cli("score", run, tmp_path / "y.npz")
    assert result.exit_code == 2
    assert (f"the arrays {', '.join(names)}" if names else "holds nothing") in result.stderr
    assert "the array y is read as the labels: np.savez(path, y=labels)" in result.stderr
    result = cli("score", run, tmp_path / "y.npz", "--column", "labels")
    assert "leave out --column and name the array of the labels y" in result.stderr


GAPS = {
    "npy": lambda path, y: _npy(path, np.where(y < 1, np.nan, y)),
    "text in npy": lambda path, y: _npy(path, np.where(y < 1, np.nan, y).astype(str)),
    "csv": lambda path, y: _csv(path, ["label,x", *(f"{c or ''},7" for c in y)]),
    "csv of one column": lambda path, y: _csv(path, ["label", *(str(c or "") for c in y)]),
    "lines": _text(".txt", lambda names: "\n".join(names).replace("ant", "")),
    "parquet": _parquet(label=lambda y: pa.array([int(c) or None for c in y])),
    "parquet of text": _parquet(label=lambda y: pa.array([str(c) if c else None for c in y])),
    "h5ad": _h5ad("label", lambda y: pd.Categorical(np.where(y < 1, np.nan, y))),
}


@pytest.mark.parametrize("save", GAPS.values(), ids=GAPS.keys())
def test_rows_without_a_label_are_counted_and_named(cli, run, tmp_path, save):
    y = np.arange(60) % 3
    save(tmp_path / "labels", y)
    result = cli("score", run, next(tmp_path.iterdir()))
    assert result.exit_code == 2
    assert "has no label in 20 of 60 rows (0, 3, 6, 9, 12, ...), counted from 0" in result.stderr


@pytest.mark.parametrize("values", [
    lambda y: pa.array([[1.0]] * len(y)), lambda y: pa.array(y, pa.timestamp("s")), lambda y: y + 0.5,
])  # fmt: skip
def test_what_is_no_label_is_refused_in_a_line(cli, run, labels, tmp_path, values):
    _parquet(label=values)(tmp_path / "labels", labels)
    result = cli("score", run, tmp_path / "labels.parquet")
    assert result.exit_code == 2
    assert "give whole numbers or text" in result.stderr
    assert result.stderr.count("\n") == 1


def test_labels_that_were_a_feature_of_the_fit_are_told(cli, data, labels, tmp_path):
    x = np.load(data)
    frame = pd.DataFrame(x, columns=[f"x{j}" for j in range(x.shape[1])]).assign(Group=labels * 3)
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame.rename(columns={"Group": "label"}).to_csv(tmp_path / "told.csv", index=False)
    cli.ok("fit", tmp_path / "told.csv", "-k", 3, "-o", tmp_path / "without", "--quiet")
    assert not cli.ok("score", tmp_path / "without", tmp_path / "told.csv").stderr
    cli.ok("fit", tmp_path / "x.csv", "-k", 3, "-o", tmp_path / "run", "--quiet", "--use", "Group")
    frame.rename(columns={"Group": "group "}).to_parquet(tmp_path / "y.parquet")
    for path, column in (("x.csv", "Group"), ("y.parquet", "group")):
        result = cli.ok("score", tmp_path / "run", tmp_path / path, "--column", column)
        assert "was a feature of the fit, so the clusters know the labels" in result.stderr
        assert result.stderr.count("\n") == 1
    (tmp_path / "other.csv").write_text("kind\n" + "\n".join(map(str, labels)))
    assert not cli.ok("score", tmp_path / "run", tmp_path / "other.csv").stderr
    (tmp_path / "run" / "model.safetensors").unlink()
    assert not cli.ok("score", tmp_path / "run", tmp_path / "x.csv", "--column", "Group").stderr


def test_a_label_or_a_heading_may_hold_any_mark(cli, run, labels, tmp_path):
    _csv(tmp_path / "labels", ["genre;first", *np.array(["a;b", "c", "d"])[labels]])
    assert json.loads(cli.ok("score", run, tmp_path / "labels.csv", "--json").stdout)["classes"] == 3


@pytest.mark.parametrize(("above", "n", "hint"), [((), 60, True), ((), 59, False), (("label",), 58, False)])
def test_a_first_label_that_was_taken_for_a_header_is_told(cli, run, labels, tmp_path, above, n, hint):
    _csv(tmp_path / "labels", [*above, *NAMES[labels[:n]]])
    result = cli("score", run, tmp_path / "labels.csv")
    assert result.exit_code == 2
    assert ("If its first line is a label, write a heading above it" in result.stderr) == hint


def test_labels_between_upright_bars_are_found(cli, run, labels, tmp_path):
    _csv(tmp_path / "labels", ["id|genre", *(f"{i}|{name}" for i, name in enumerate(NAMES[labels]))])
    found = cli.ok("score", run, tmp_path / "labels.csv", "--column", "genre", "--json").stdout
    assert json.loads(found)["classes"] == 3


@pytest.mark.parametrize("of_row", [str, "row {} of many words".format, "{}~x".format])
def test_labels_that_never_repeat_are_refused(cli, run, tmp_path, of_row):
    _csv(tmp_path / "labels", ["genre", *map(of_row, range(60))])
    result = cli("score", run, tmp_path / "labels.csv")
    assert result.exit_code == 2
    assert "has another label in each of its 60 rows" in result.stderr
    assert result.stderr.count("\n") == 1


def _lines(header, line, names="abc"):
    """Write a line for each of 60 rows, of its number and the name of its class."""
    return "\n".join([*header, *(line.format(i, name) for i, name in enumerate(list(names) * 20))])


SAID = {
    "blanks": (".csv", _lines(["id label"], "{} {}"), "utf-8", ()),
    "decimal commas": (".csv", _lines(["size;label"], "{},5;{}"), "utf-8", ()),
    "Excel's sep=": (".csv", _lines(["sep=;", "id;label"], "{};{}"), "utf-8", ()),
    "a title": (".csv", _lines(["Trees of 2020", "id;label"], "{};{}"), "utf-8", ()),
    "UTF-16 without a mark": (".csv", _lines(["id,label"], "{},{}"), "utf-16-le", ()),
    "UTF-8 with a mark": (".csv", _lines(["id,label"], "{},{}", "äbc"), "utf-8-sig", ()),
    "lines of UTF-16": (".txt", _lines([], "{1}", "äbc"), "utf-16", ()),
    "a mark that is named": (".csv", _lines(["id:label"], "{}:{}"), "utf-8", ("--delimiter", ":")),
    "a tab by its name": (".csv", _lines(["x y\tlabel"], "1 2\t{1}"), "utf-8", ("--delimiter", "tab")),
    "no header": (".csv", _lines([], "{1}"), "utf-8", ("--no-header",)),
    "a header of numbers": (".csv", _lines(["7"], "{1}", "123"), "utf-8", ("--header",)),
    "an encoding that is named": (".csv", _lines(["label"], "{1}", "жбc"), "cp1251", ("--encoding", "cp1251")),
    "groups with a number": (".csv", _lines(["label"], "group {1}", "123"), "utf-8", ()),
    "any mark in a label": (".csv", _lines(["genre"], "{1}", ["a;b", "c;d", "e;f"]), "utf-8", ()),
    "several words": (".csv", _lines(["cell type"], "{1} cell", ["T", "B", "mast"]), "utf-8", ()),
}  # fmt: skip


@pytest.mark.parametrize(("suffix", "text", "encoding", "said"), SAID.values(), ids=SAID.keys())
def test_labels_of_a_text_file_are_read_as_tables_are(cli, run, tmp_path, suffix, text, encoding, said):
    path = tmp_path / f"y{suffix}"
    path.write_bytes(text.encode(encoding))
    result = json.loads(cli.ok("score", run, path, "--json", *said).stdout)
    labels = np.arange(60) % 3
    assert (result["classes"], result["acc"]) == (3, clustering_accuracy(labels, read_assignments(run)))


@pytest.mark.parametrize(("text", "said", "expected"), [
    ("label,x\na,1\nb,2\nb,2,3\n", (), "line 4 has 3 cells between ',', and most lines 2"),
    ('label,x\n"a,1\nb,2\n', (), "a quotation mark opens a cell that runs on to line 3"),
    ("label\na\nb\n", ("--encoding", "utf-99"), "encoding 'utf-99' is not known"),
    ("label;x\na;1\n", ("--delimiter", "ab"), "delimiter='ab': give the character"),
    ("label,x\n\n\n", (), "holds a header and no labels"),
    ("label\na\n\nb\n", (), "has no label in row 1"),
])  # fmt: skip
def test_what_is_wrong_in_a_text_file_of_labels_is_said_in_a_line(cli, run, tmp_path, text, said, expected):
    (tmp_path / "y.csv").write_text(text)
    result = cli("score", run, tmp_path / "y.csv", *said)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1
