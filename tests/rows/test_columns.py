import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from torchdec.rows import RowsError, RowsWarning, as_rows, check_finite, read_rows

X = np.array([[0.0, 1.5, 0.0], [2.0, 0.0, 0.25], [0.0, 0.0, 0.0], [3.0, 0.0, -4.0]])


def everything(rows):
    return np.concatenate(list(rows.chunks(3)))


def read_csv(tmp_path, text, encoding="utf-8"):
    (tmp_path / "x.csv").write_text(text, encoding=encoding, newline="")
    return read_rows(tmp_path / "x.csv")


@pytest.mark.parametrize("header", ["a,b", '"a","b"', "\ufeffa,b", "\n\na,b", "1,b", "a,b\r"])
def test_a_header_gives_the_names_and_no_row(header, tmp_path):
    rows = read_csv(tmp_path, f"{header}\n1,2\n3,4.5\n")
    assert rows.feature_names == (["1", "b"] if header == "1,b" else ["a", "b"])
    np.testing.assert_array_equal(everything(rows), [[1, 2], [3, 4.5]])


@pytest.mark.parametrize("first", ["1,2", "-1.5e3, 2", "inf,nan", "1,"])
@pytest.mark.filterwarnings("ignore:.*is taken as a row", "ignore:.*the same in all rows")
def test_a_first_line_of_numbers_is_a_row(first, tmp_path):
    if first == "inf,nan":  # which numbers alone may hold, until they are fitted
        rows = read_csv(tmp_path, "inf,2\n3,4\n")
        np.testing.assert_array_equal(everything(rows), [[np.inf, 2], [3, 4]])
        return
    rows = read_csv(tmp_path, f"{first}\n3,4\n2,1\n")
    assert len(rows) == 3
    assert rows.feature_names is None


@pytest.mark.parametrize("first", ["1,NA", "NULL,2", "n/a,0.5", "NaN,", "#N/A,1", "NA,NA"])
@pytest.mark.filterwarnings("ignore:.*is taken as a row")
def test_a_first_line_with_missing_values_is_a_row(first, tmp_path):
    rows = read_csv(tmp_path, f"{first}\n3,4\n4,5\n")
    assert rows.feature_names is None
    if all(cell in ("NA", "NaN", "") for cell in first.split(",")):
        assert check_finite(rows).tolist() == [0]
    else:
        parsed = rows.parsed(np.arange(3))
        missing = [cell in ("NA", "NULL", "n/a", "NaN", "#N/A", "") for cell in first.split(",")]
        assert [np.isnan(column.values).tolist() for column in parsed] == [
            [gone, False, False] for gone in missing
        ]


def test_the_numbers_that_pandas_gives_to_columns_are_names(tmp_path):
    pd.DataFrame(X).to_csv(tmp_path / "x.csv", index=False)
    with pytest.warns(
        RowsWarning, match=r"first line \(0, 1, 2\) .* names the columns; --no-header makes it a row"
    ):
        rows = read_rows(tmp_path / "x.csv")
    assert rows.feature_names == ["0", "1", "2"]
    np.testing.assert_array_equal(everything(rows), X)


@pytest.mark.parametrize("columns", [None, ["a", "b", "c"]])
@pytest.mark.filterwarnings("ignore:.*names the columns")
def test_the_index_that_pandas_writes_into_a_csv_file_is_told_and_names_the_rows(columns, tmp_path):
    pd.DataFrame(X, columns=columns, index=[7, 3, 9, 1]).to_csv(tmp_path / "x.csv")
    with pytest.warns(RowsWarning, match="column 'Unnamed: 0' is named like an index and is left out"):
        rows = read_rows(tmp_path / "x.csv")
    assert rows.feature_names == (columns or ["0", "1", "2"])
    np.testing.assert_array_equal(everything(rows), X)
    assert rows.ids.to_pydict() == {"Unnamed: 0": [7, 3, 9, 1]}


@pytest.mark.parametrize("first", ["0", "0,2", "1,0", "0,1.0", "1,3,2"])
@pytest.mark.filterwarnings("ignore:.*is taken as a row")
def test_other_whole_numbers_are_a_row(first, tmp_path):
    width = first.count(",") + 1
    assert read_csv(tmp_path, f"{first}\n{','.join('3' * width)}\n").shape == (2, width)


def test_a_column_without_a_name_is_left_out_and_told_by_its_place(tmp_path):
    with pytest.warns(RowsWarning, match="column 'Unnamed: 1' is named like an index and is left out"):
        rows = read_csv(tmp_path, "a,,b\n1,ant,2\n")
    assert rows.feature_names == ["a", "b"]


def test_one_column_of_numbers_may_have_any_mark_in_its_name(tmp_path):
    assert read_csv(tmp_path, "weight;kg\n1\n2\n").feature_names == ["weight;kg"]


def test_rows_without_any_number_stay_rows_of_nan_and_booleans_are_numbers(tmp_path):
    rows = read_csv(tmp_path, "a,b\n1,true\n,\n3,false\n")
    np.testing.assert_array_equal(everything(rows), [[1, 1], [np.nan, np.nan], [3, 0]])


def test_of_a_table_without_differences_the_columns_are_named(tmp_path):
    with pytest.raises(RowsError, match="no column tells rows apart: 'size' is the same in all rows, 'when' is"):
        read_csv(tmp_path, "size,when,colour\n1,2020-01-01,red\n")


@pytest.mark.parametrize("text", ["a,b\n", "a,b\n\n\n"])
def test_a_csv_of_a_header_alone_is_empty(text, tmp_path):
    with pytest.raises(RowsError, match=r"x\.csv is empty: 0 sample\(s\)"):
        read_csv(tmp_path, text)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_value_beyond_float32_is_refused_with_its_column(suffix, tmp_path):
    path = tmp_path / f"x{suffix}"
    frame = pd.DataFrame({"small": [1.0], "large": [1e300]})
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    with pytest.raises(RowsError, match=r"column 'large' has values beyond 3\.4e38, .* divide it first"):
        everything(read_rows(path))


@pytest.mark.filterwarnings("ignore:.*is taken as a row")
def test_lines_longer_than_a_megabyte_are_read(tmp_path):
    line = ",".join(["0." + "1" * 120] * 10_000)
    rows = read_csv(tmp_path, f"{line}\n{line}\n")
    assert rows.shape == (2, 10_000)


def test_parquet_columns_may_be_of_any_numeric_type(tmp_path):
    table = pa.table(
        {
            "i": pa.array([1, 3], pa.int16()),
            "h": pa.array(np.array([0.5, 1.5], np.float16)),
            "b": pa.array([True, False]),
            "d": pa.array([1, 2], pa.decimal128(5, 2)),
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    rows = read_rows(tmp_path / "x.parquet")
    assert rows.feature_names == ["i", "h", "b", "d"]
    np.testing.assert_array_equal(everything(rows), [[1, 0.5, 1, 1], [3, 1.5, 0, 2]])


def test_parquet_columns_that_cannot_be_read_are_named(tmp_path):
    frame = pd.DataFrame({"size": [1], "colour": ["red"], "parts": [["p"]], "kind": [{"a": 1}]})
    frame.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(RowsError, match=r"2 of 4 columns hold .*: 'parts', 'kind'; leave them out with --ignore"):
        read_rows(tmp_path / "x.parquet")


def test_categories_of_numbers_that_pandas_stored_are_told_unless_they_are_asked_for(tmp_path):
    frame = pd.DataFrame({"a": X[:, 1], "shop": pd.Categorical([3, 1, 3, 2])})
    frame.to_parquet(tmp_path / "x.parquet")
    with pytest.warns(
        RowsWarning, match=r"1 column holds categories that are numbers, .* amounts: 'shop'; make a"
    ):
        rows = read_rows(tmp_path / "x.parquet")
    np.testing.assert_array_equal(everything(rows)[:, 1], [3, 1, 3, 2])
    assert read_rows(tmp_path / "x.parquet", use=["shop"]).feature_names == ["a", "shop"]


def test_the_index_that_pandas_stores_in_a_parquet_file_is_no_feature(tmp_path):
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=[7, 3, 9, 1])
    frame.to_parquet(tmp_path / "x.parquet")
    assert pq.read_schema(tmp_path / "x.parquet").names == ["a", "b", "c", "__index_level_0__"]
    with pytest.warns(RowsWarning, match="column '__index_level_0__' names the rows and is left out"):
        rows = read_rows(tmp_path / "x.parquet")
    assert rows.ids.to_pydict() == {"__index_level_0__": [7, 3, 9, 1]}
    assert rows.feature_names == as_rows(frame).feature_names == ["a", "b", "c"]
    np.testing.assert_array_equal(everything(rows), X)


def test_a_folder_name_adds_no_column_to_a_parquet_file(tmp_path):
    (tmp_path / "year=2020").mkdir()
    path = tmp_path / "year=2020" / "x.parquet"
    pd.DataFrame(X, columns=["a", "b", "c"]).to_parquet(path)
    assert read_rows(path).feature_names == ["a", "b", "c"]


@pytest.mark.parametrize("table", [pa.table({"a": pa.array([], pa.float64())}), pa.table({})])
def test_a_parquet_file_without_rows_or_columns_is_refused(table, tmp_path):
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(RowsError, match=r"x\.parquet is empty"):
        read_rows(tmp_path / "x.parquet")
