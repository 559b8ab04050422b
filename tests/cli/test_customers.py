"""A table of several kinds goes in as it is, and the answers have its ids, its names and its columns."""

import json

import numpy as np
import pandas as pd
import pytest

N = 150


@pytest.fixture
def table(tmp_path):
    random = np.random.default_rng(0)
    segment = np.arange(N) % 3
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{n:04}" for n in range(N)],
            "plan": np.array(["Free", "Basic", "Pro"])[segment],
            "spend": [f"${value:,.2f}" for value in np.exp(random.normal(np.array([2, 5, 8])[segment], 0.3))],
            "age": np.where(
                random.random(N) < 0.1, np.nan, random.normal(np.array([20, 40, 60])[segment], 3).round()
            ),
            "since": [f"{1 + n % 28:02}/{1 + n % 12:02}/2025" for n in range(N)],
        }
    )
    path = tmp_path / "customers.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def run(cli, table, tmp_path):
    cli.ok("fit", table, "-k", 3, "-o", tmp_path / "run", "--quiet")
    return tmp_path / "run"


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_assignments_have_ids_and_names_or_all_columns(cli, run, table, suffix, tmp_path):
    read = {".csv": pd.read_csv, ".xlsx": pd.read_excel, ".parquet": pd.read_parquet}[suffix]
    new = pd.read_csv(table)[::-1]
    new["note"] = "=1+1"
    new.to_csv(tmp_path / "new.csv", index=False)
    cli.ok("predict", run, tmp_path / "new.csv", "-o", tmp_path / f"out{suffix}")
    out = read(tmp_path / f"out{suffix}")
    assert list(out.columns) == ["row", "cluster", "confidence", "name", "customer_id"]
    assert out["customer_id"].tolist() == new["customer_id"].tolist()
    fitted = pd.read_parquet(run / "assignments.parquet").set_index("customer_id")["cluster"]
    assert out["cluster"].tolist() == fitted[out["customer_id"]].tolist()
    cli.ok("predict", run, tmp_path / "new.csv", "-o", tmp_path / f"all{suffix}", "--join")
    joined = read(tmp_path / f"all{suffix}")
    assert list(joined.columns) == ["row", "cluster", "confidence", "name", *new.columns]
    assert joined["spend"].tolist() == new["spend"].tolist()
    if suffix == ".xlsx":
        import openpyxl

        sheet = openpyxl.load_workbook(tmp_path / "all.xlsx").active
        assert [cell.data_type for cell in sheet[2] if cell.value == "=1+1"] == ["s"]


def test_clusters_are_told_in_the_words_of_the_table(cli, run, table):
    record = json.loads((run / "run.json").read_text())
    told = [trait["text"] for about in record["descriptions"] for trait in about["traits"]]
    assert any(text.startswith("plan Pro ") and text.endswith("(all: 33 %)") for text in told)
    assert any(text.startswith("spend median $") for text in told)
    assert "spend median $" in cli.ok("summary", run, table).stdout
    page = (run / "report.html").read_text()
    assert "plan Pro " in page
    assert "C0000" in page


def test_columns_shows_what_each_is_taken_for(cli, table):
    shown = json.loads(cli.ok("columns", table, "--json", "--id", "age").stdout)
    assert {line["column"]: line["role"] for line in shown["columns"]} == {
        "customer_id": "id",
        "plan": "kind",
        "spend": "amount",
        "age": "id",
        "since": "date",
    }
    plain = cli.ok("columns", table).stdout
    for word in ("customer_id", "left out", "plan", "3 levels", "amount", "standardised"):
        assert word in plain


def test_a_role_without_its_column_is_refused(cli, table):
    assert "'kind' isn't COLUMN=ROLE" in cli("columns", table, "--role", "kind").stderr
    assert "is unknown; it is number" in cli("columns", table, "--role", "plan=colour").stderr


def test_join_is_refused_where_there_are_no_columns(cli, run, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 5)))
    result = cli("predict", run, tmp_path / "x.npy", "-o", tmp_path / "o.csv", "--join")
    assert result.exit_code == 2
