"""Texts and rows that hold nothing, through every command."""

import json

import numpy as np
import pandas as pd
import pytest

TOPICS = [["cat", "dog", "cow", "sheep", "goat"], ["rocket", "orbit", "moon", "star"], ["bread", "cheese", "soup"]]
EMPTY = [3, 8, 30]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    random = np.random.default_rng(0)
    lines = [" ".join(random.choice(TOPICS[i % 3], 6)) for i in range(60)]
    for row, blank in zip(EMPTY, ["", " \u00a0", "of the"], strict=True):
        lines[row] = blank
    (folder / "texts.txt").write_text("\n".join(lines) + "\n")
    np.save(folder / "y.npy", np.arange(60) % 3)
    return folder / "texts.txt"


@pytest.fixture(scope="module")
def fit(cli, texts, tmp_path_factory):
    out = tmp_path_factory.mktemp("fit") / "run"
    return out, cli.ok("fit", texts, "-k", 3, "-o", out, "--quiet")


def test_a_fit_tells_which_rows_hold_nothing_and_its_files_have_them_in_no_cluster(fit):
    out, result = fit
    told = "3 of 60 rows hold nothing and are left out of the fit (rows 3, 8, 30, counted from 0)"
    assert f"torchdec: note: {told}" in result.stderr
    assert "3 of 60 rows hold nothing and are in no cluster (-1)." in result.stdout
    assert told in json.loads((out / "run.json").read_text())["warnings"]
    table = pd.read_parquet(out / "assignments.parquet")
    assert table.row[table.cluster == -1].tolist() == EMPTY
    assert table.confidence[EMPTY].tolist() == [0, 0, 0]
    assert np.flatnonzero(np.isnan(np.load(out / "embedding.npy")).all(axis=1)).tolist() == EMPTY


def test_the_page_has_them_in_a_line_and_not_on_the_map(cli, fit, texts, tmp_path):
    page = tmp_path / "page.html"
    cli.ok("report", fit[0], texts, "-o", page, "--labels", texts.with_name("y.npy"))
    content = page.read_text()
    assert "3 of 60 rows hold nothing and are in no cluster (-1): rows 3, 8, 30." in content
    data = json.loads(content.split('id="page-data">')[1].split("</script>")[0])
    assert len(data["map"]["text"]) == 57
    assert min(map(len, data["map"]["text"])) > 0


def test_a_score_counts_them_and_tells_that_of_the_others(cli, fit, texts):
    labels = texts.with_name("y.npy")
    lines = cli.ok("score", fit[0], labels).stdout.splitlines()
    assert lines[1].startswith(
        "3 of 60 rows are in no cluster (-1), and count as one of their own. The others alone"
    )
    result = json.loads(cli.ok("score", fit[0], labels, "--json").stdout)
    assert result["in_no_cluster"] == 3
    assert result["of_the_others"]["acc"] >= result["acc"]


def test_new_texts_without_a_known_word_are_in_no_cluster(cli, fit, tmp_path):
    (tmp_path / "new.txt").write_text("zzz qqq xyzzy\n\ncat dog cow\n")
    result = cli.ok("predict", fit[0], tmp_path / "new.txt", "-o", tmp_path / "new.parquet")
    assert "3 rows in 1 of 3 clusters, 2 in none (-1), of which 2 hold nothing" in result.stdout
    table = pd.read_parquet(tmp_path / "new.parquet")
    assert (table.cluster >= 0).tolist() == [False, False, True]


def test_a_run_with_them_is_edited_and_described(cli, fit, texts, tmp_path):
    out = fit[0]
    cli.ok("merge", out, 0, 1, "-o", tmp_path / "merged")
    cli.ok("rename", tmp_path / "merged", 0, "both", "-o", tmp_path / "named")
    cli.ok("split", tmp_path / "named", 0, texts, "-o", tmp_path / "split", "--updates", 1)
    for run in ("merged", "named", "split"):
        clusters = pd.read_parquet(tmp_path / run / "assignments.parquet").cluster
        assert np.flatnonzero(clusters < 0).tolist() == EMPTY
    clusters = json.loads(cli.ok("summary", out, texts, "--json").stdout)["clusters"]
    assert sum(cluster["size"] for cluster in clusters) == 57
    assert sum(cluster["share"] for cluster in clusters) == pytest.approx(1)


def test_a_folder_of_parquet_counts_them(cli, tmp_path, data):
    x = np.load(data)
    x[5] = np.nan
    (tmp_path / "parts").mkdir()
    pd.DataFrame(x, columns=list("abcdefgh")).to_parquet(tmp_path / "parts" / "0.parquet")
    cli.ok("fit", tmp_path / "parts", "-k", 3, "-o", tmp_path / "run", "--quiet")
    result = cli.ok("predict", tmp_path / "run", tmp_path / "parts", "-o", tmp_path / "new")
    assert "60 rows in 3 of 3 clusters, 1 in none (-1)" in result.stdout
