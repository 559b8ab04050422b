import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from clustered_rows import blobs
from pyarrow import csv

from torchdec import load


@pytest.mark.parametrize("name", ["", "model.safetensors"])
def test_predict_finds_the_clusters_of_the_fit_again(cli, run, data, tmp_path, name):
    out = tmp_path / "deep" / "new.parquet"
    result = cli.ok("predict", run / name, data, "-o", out)
    table = pq.read_table(out)
    assert table.equals(pq.read_table(run / "assignments.parquet"))
    assert str(out) in result.stdout
    assert [path.name for path in out.parent.iterdir()] == ["new.parquet"]


def test_predict_takes_any_number_of_rows(cli, run, data, tmp_path):
    x = np.load(data)
    np.save(tmp_path / "many.npy", np.tile(x, (100, 1)))
    np.save(tmp_path / "one.npy", x[:1])
    for name, n_rows in (("many", 6000), ("one", 1)):
        cli.ok("predict", run, tmp_path / f"{name}.npy", "-o", tmp_path / f"{name}.parquet")
        table = pq.read_table(tmp_path / f"{name}.parquet")
        np.testing.assert_array_equal(table["row"], np.arange(n_rows))
    expected = pq.read_table(run / "assignments.parquet")["cluster"].to_numpy()
    many = pq.read_table(tmp_path / "many.parquet")["cluster"].to_numpy()
    np.testing.assert_array_equal(many, np.tile(expected, 100))


def test_predict_writes_csv_with_the_columns_of_parquet(cli, run, data, tmp_path):
    for name in ("new.csv", "new.parquet"):
        cli.ok("predict", run, data, "-o", tmp_path / name, "--reject", 0.2)
    assert (tmp_path / "new.csv").read_text().startswith('"row","cluster","confidence"\n0,')
    table = pq.read_table(tmp_path / "new.parquet")
    assert csv.read_csv(tmp_path / "new.csv").cast(table.schema).equals(table)
    result = cli("predict", run, data, "-o", tmp_path / "new.xls")
    assert result.exit_code == 2
    assert "name a file that ends in .parquet, .csv or .xlsx." in result.stderr


def test_force_replaces_an_older_file(cli, run, data, tmp_path):
    out = tmp_path / "new.parquet"
    out.write_text("older")
    cli.ok("predict", run, data, "-o", out, "--force")
    assert pq.read_table(out).num_rows == 60


def test_columns_are_found_by_name_and_missing_ones_named(cli, tmp_path):
    rows = [(f"r{i}", i % 3 * 5 + i / 100, i % 3 * 5 - i / 90) for i in range(30)]
    (tmp_path / "a.csv").write_text("id,width,height\n" + "".join(f"{i},{w},{h}\n" for i, w, h in rows))
    (tmp_path / "b.csv").write_text("height,width,id\n" + "".join(f"{h},{w},{i}\n" for i, w, h in rows))
    (tmp_path / "c.csv").write_text("height,depth\n" + "".join(f"{h},{w}\n" for _, w, h in rows))
    fitted = cli.ok("fit", tmp_path / "a.csv", "-k", 3, "-o", tmp_path / "out", "--quiet")
    assert "torchdec: note: " in fitted.stderr
    assert "column 'id' is named like an id and is left out" in fitted.stderr
    cli.ok("predict", tmp_path / "out", tmp_path / "b.csv", "-o", tmp_path / "new.parquet")
    table = pq.read_table(tmp_path / "new.parquet")
    assert table.column_names == ["row", "cluster", "confidence", "name", "id"]
    assert table.drop_columns("name").equals(pq.read_table(tmp_path / "out" / "assignments.parquet"))
    result = cli("predict", tmp_path / "out", tmp_path / "c.csv", "-o", tmp_path / "no.parquet")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"torchdec: DATA: {tmp_path / 'c.csv'}: lacks column 'width'")
    assert not (tmp_path / "no.parquet").exists()


def test_scores_stand_beside_the_assignments(cli, run, data, tmp_path):
    rows = np.load(data)
    rows[3] += 50
    np.save(tmp_path / "new.npy", rows)
    cli.ok("predict", run, tmp_path / "new.npy", "--scores", "-o", tmp_path / "new.parquet")
    written = pq.read_table(tmp_path / "new.parquet")
    assert written.column_names == ["row", "cluster", "confidence", "outlier_score"]
    scores = written["outlier_score"].to_numpy()
    np.testing.assert_array_equal(scores, load(run / "model.safetensors").outlier_scores(rows))
    assert scores[3] > 1 > np.median(scores)


def test_ids_called_as_the_scores_keep_their_place(cli, tmp_path):
    lines = [f"r{i},{i % 3 * 5 + i / 100},{i % 3 * 5 - i / 90}\n" for i in range(30)]
    (tmp_path / "a.csv").write_text("outlier_score,width,height\n" + "".join(lines))
    cli.ok("fit", tmp_path / "a.csv", "-k", 3, "--id", "outlier_score", "-o", tmp_path / "out", "--quiet")
    cli.ok("predict", tmp_path / "out", tmp_path / "a.csv", "--scores", "-o", tmp_path / "new.parquet")
    table = pq.read_table(tmp_path / "new.parquet")
    assert table.column_names[-2:] == ["outlier_score", "id_outlier_score"]
    assert table["id_outlier_score"][7].as_py() == "r7"


def test_an_array_after_a_table_is_taken_by_place_and_told_or_refused(cli, tmp_path):
    x = blobs()[0][:, :3]
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    frame.to_csv(tmp_path / "numbers.csv", index=False)
    frame.mask(frame.index.to_numpy()[:, None] == [[3, 4, 5]]).to_csv(tmp_path / "gaps.csv", index=False)
    for name in ("numbers", "gaps", "x"):
        data = tmp_path / ("x.npy" if name == "x" else f"{name}.csv")
        cli.ok("fit", data, "-k", 3, "-o", tmp_path / name, "--quiet")
    for name in ("x.npy", "x.npz"):
        for command in (
            ["predict", "-o", tmp_path / f"{name}.parquet"],
            ["drift"],
            ["update", "-o", tmp_path / name[2:]],
        ):
            told = cli.ok(command[0], tmp_path / "numbers", tmp_path / name, *command[1:]).stderr
            assert f"{name} has no column names, so its columns are matched by position to 'a', 'b', 'c'" in told
            assert told.count("by position") == 1
        found = pq.read_table(tmp_path / f"{name}.parquet")["cluster"]
        assert found.equals(pq.read_table(tmp_path / "numbers" / "assignments.parquet")["cluster"])
        # Numbers in units of a deviation, as a table with gaps becomes, can't be told from others.
        refused = cli("predict", tmp_path / "gaps", tmp_path / name, "-o", tmp_path / "no.parquet")
        assert (refused.exit_code, "has no column names, but" in refused.stderr) == (2, True)
    told = cli.ok("predict", tmp_path / "x", tmp_path / "numbers.csv", "-o", tmp_path / "n.parquet").stderr
    assert "numbers.csv: the fit had no column names, so the 3 columns are matched by position" in told
    refused = cli("predict", tmp_path / "x", tmp_path / "gaps.csv", "-o", tmp_path / "no.parquet")
    assert (refused.exit_code, "holds gaps, kinds, texts or cells, but" in refused.stderr) == (2, True)


def test_ids_keep_their_digits_in_every_table_that_is_written(cli, tmp_path):
    x = blobs()[0][:, :3]
    frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(
        customer_id=[f"{10**19 + i}" for i in range(60)],
        order_id=[f"{10**17 + i}" for i in range(60)],
        till=[f"{i % 7:03}" for i in range(60)],
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    cli.ok("fit", tmp_path / "t.csv", "--id", "till", "-k", 3, "-o", tmp_path / "run", "--quiet")
    for name, options in (("p.csv", []), ("p.xlsx", []), ("j.csv", ["--join"]), ("j.xlsx", ["--join"])):
        cli.ok("predict", tmp_path / "run", tmp_path / "t.csv", "-o", tmp_path / name, *options)
        read = pd.read_csv if name.endswith("csv") else pd.read_excel
        written = read(tmp_path / name, dtype=str)
        for column in ("customer_id", "order_id", "till"):
            assert written[column].tolist() == frame[column].tolist()
    kept = pq.read_table(tmp_path / "run" / "assignments.parquet")
    assert kept["customer_id"].to_pylist() == frame["customer_id"].tolist()
    cli.ok("export-table", tmp_path / "run", "-o", tmp_path / "e.xlsx")
    assert (
        pd.read_excel(tmp_path / "e.xlsx", sheet_name=None, dtype=str)["rows"]["till"].tolist()
        == frame["till"].tolist()
    )
