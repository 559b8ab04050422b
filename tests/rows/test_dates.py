"""Rows know when they are from: by a column of dates, of a table or beside texts and vectors."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from torchdec.rows import read_rows
from torchdec.rows._ids import date_column

DAYS = pd.date_range("2026-01-20", periods=12, freq="5D")
SINCE_1970 = (DAYS - pd.Timestamp(0)).days.to_numpy().astype(float)
FRAME = pd.DataFrame({"text": ["some words", "other words"] * 6, "a": np.arange(12.0), "kind": ["x", "y"] * 6})


def rows_of(tmp_path: Path, frame: pd.DataFrame, **options: object) -> object:
    frame.to_csv(tmp_path / "t.csv", index=False)
    return read_rows(tmp_path / "t.csv", **options)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %B %Y"])
def test_dates_beside_texts_are_read_however_they_are_written(tmp_path: Path, form: str) -> None:
    rows = rows_of(tmp_path, FRAME.assign(at=DAYS.strftime(form)), text_column="text")
    assert rows.dated.name == "at"
    np.testing.assert_array_equal(rows.dated.days, SINCE_1970)


def test_a_text_that_is_no_date_and_a_gap_have_none(tmp_path: Path) -> None:
    at = DAYS.strftime("%Y-%m-%d").tolist()
    at[3:5] = [None, "soon"]
    days = rows_of(tmp_path, FRAME.assign(at=at), text_column="text").dated.days
    assert np.flatnonzero(np.isnan(days)).tolist() == [3, 4]


def test_texts_without_dates_have_none(tmp_path: Path) -> None:
    assert rows_of(tmp_path, FRAME, text_column="text").dated is None
    unclear = FRAME.assign(at=["13/01/2026", "01/13/2026"] * 6)
    assert rows_of(tmp_path, unclear, text_column="text").dated is None


def test_a_column_of_a_table_is_read_as_in_the_fit(tmp_path: Path) -> None:
    frame = FRAME[["kind"]].assign(a=np.sin(FRAME.a), at=DAYS.strftime("%d/%m/%Y"))
    rows = rows_of(tmp_path, frame)
    np.testing.assert_array_equal(rows.dated.days, SINCE_1970)
    assert rows_of(tmp_path, frame[["a", "kind"]]).dated is None


@pytest.mark.filterwarnings("ignore:.*stands beside the lists")
def test_dates_beside_vectors_are_those_of_the_file(tmp_path: Path) -> None:
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.ones(48, np.float32)), 4)
    pq.write_table(pa.table({"v": vectors, "ts": pa.array(DAYS)}), tmp_path / "v.parquet", row_group_size=5)
    rows = read_rows(tmp_path / "v.parquet", vector_column="v")
    assert rows.dated.name == "ts"
    np.testing.assert_array_equal(rows.dated.days, SINCE_1970)
    pq.write_table(pa.table({"v": vectors}), tmp_path / "v.parquet")
    assert read_rows(tmp_path / "v.parquet", vector_column="v").dated is None


def test_the_first_column_of_dates_is_taken() -> None:
    table = pa.table({"n": [1, 2], "b": ["2026-01-01", None], "c": pa.array(DAYS[:2])})
    assert date_column(table) == "b"
    assert date_column(table.select(["n"])) is None
