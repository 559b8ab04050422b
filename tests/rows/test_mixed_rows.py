"""Rows of tables of several kinds, whatever they lie in: CSV, Excel, Parquet, a folder of it, a data frame."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import adjusted_rand_score

from small import small_dec
from torchdec import DEC, NeighborEncoder, load, save
from torchdec.rows import RowsError, RowsWarning, as_rows, read_rows
from torchdec.rows._protocol import kinds_of

N = 240


def customers(n=N, seed=0):
    """Return a table of three segments, and the segment of each row."""
    random = np.random.default_rng(seed)
    segment = random.integers(3, size=n)
    plan = np.array(["Free", "Basic", "Pro"])[
        np.where(random.random(n) < 0.9, segment, random.integers(3, size=n))
    ]
    spend = np.exp(random.normal(np.array([2.0, 4.0, 7.0])[segment], 0.5))
    age = random.normal(np.array([25.0, 60.0, 40.0])[segment], 5).round()
    age[random.random(n) < 0.08] = np.nan
    since = pd.Timestamp("2026-01-01") - pd.to_timedelta(random.integers(0, 900, n), unit="D")
    return (
        pd.DataFrame(
            {
                "customer_id": [f"C{seed}{i:04}" for i in range(n)],
                "plan": plan,
                "spend": [f"${value:,.2f}" for value in spend],
                "age": age,
                "since": since.strftime("%Y-%m-%d"),
                "news": np.where(random.random(n) < np.array([0.1, 0.9, 0.5])[segment], "yes", "no"),
            }
        ),
        segment,
    )


TABLE, SEGMENT = customers()


def values(rows):
    return np.concatenate(list(rows.chunks(50)))


def quietly(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RowsWarning)
        return function(*args, **kwargs)


def to_folder(path):
    path.mkdir()
    half = N // 2
    for number, part in enumerate((TABLE[:half], TABLE[half:])):
        table = pa.Table.from_pandas(part, preserve_index=False)
        pq.write_table(table, path / f"part.{number}.parquet", row_group_size=50)
    return path


WRITTEN = {
    ".csv": lambda path: TABLE.to_csv(path, index=False),
    ".tsv": lambda path: TABLE.to_csv(path, index=False, sep="\t"),
    ".xlsx": lambda path: TABLE.to_excel(path, index=False),
    ".parquet": lambda path: TABLE.to_parquet(path, index=False, row_group_size=50),
    "": to_folder,
}


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_table_is_the_same_rows_wherever_it_lies(suffix, tmp_path):
    path = tmp_path / f"table{suffix}"
    WRITTEN[suffix](path)
    rows, expected = quietly(read_rows, path), quietly(as_rows, TABLE)
    np.testing.assert_allclose(values(rows), values(expected), atol=1e-6)
    assert kinds_of(rows) == kinds_of(expected) is not None
    assert rows.feature_names == expected.feature_names
    assert rows.ids.column("customer_id").to_pylist() == TABLE["customer_id"].tolist()
    index = np.array([7, 3, 200])
    np.testing.assert_array_equal(rows.take(index), values(rows)[index])
    for column, other in zip(rows.parsed(index), expected.parsed(index), strict=True):
        assert (column.name, column.role) == (other.name, other.role)
        np.testing.assert_array_equal(column.values, other.values)


@pytest.mark.parametrize("suffix", WRITTEN)
def test_later_files_are_read_as_that_of_the_fit(suffix, tmp_path):
    path = tmp_path / f"table{suffix}"
    WRITTEN[suffix](path)
    fitted = quietly(read_rows, path)
    new = TABLE[::-1][["news", "since", "age", "spend", "plan", "customer_id"]].copy()
    new["extra"] = "x"
    new.to_csv(tmp_path / "new.csv", index=False)
    with pytest.warns(RowsWarning, match="1 column that the fit did not see is left out: 'extra'"):
        rows = read_rows(tmp_path / "new.csv", preparation=fitted.preparation)
    np.testing.assert_allclose(values(rows), values(fitted)[::-1], atol=1e-6)
    assert rows.ids.column("customer_id").to_pylist() == new["customer_id"].tolist()
    new.drop(columns=["plan"]).to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(RowsError, match=r"less\.csv: lacks column 'plan'"):
        quietly(read_rows, tmp_path / "less.csv", preparation=fitted.preparation)


@pytest.mark.parametrize("suffix", WRITTEN)
def test_kinds_that_the_fit_did_not_have_are_told_once_of_a_file_of_any_format(suffix, tmp_path, monkeypatch):
    WRITTEN[suffix](tmp_path / f"table{suffix}")
    fitted = quietly(read_rows, tmp_path / f"table{suffix}")
    monkeypatch.setitem(globals(), "TABLE", TABLE.assign(plan="Gold"))
    WRITTEN[suffix](tmp_path / f"new{suffix}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = read_rows(tmp_path / f"new{suffix}", preparation=fitted.preparation)
        values(rows), values(rows)
    told = [str(warning.message) for warning in caught]
    assert len(told) == (2 if suffix == "" else 1)  # a line for each file of a folder
    for note in told:
        assert "column 'plan' holds 'Gold', which the rows of the fit did not have, in " in note
    if suffix == ".parquet":
        assert told[0].startswith(f"{tmp_path}/new.parquet, rows 0 to 49: column 'plan'")


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "duckdb"])
def test_a_frame_of_any_library_is_fitted_saved_and_predicted(library, tmp_path):
    if library == "polars":
        frame = pytest.importorskip("polars").from_pandas(TABLE)
    elif library == "duckdb":
        frame = pytest.importorskip("duckdb").from_df(TABLE)
    else:
        frame = TABLE if library == "pandas" else pa.Table.from_pandas(TABLE)
    model = DEC(3, representation=NeighborEncoder(max_epochs=20), random_state=0)
    with pytest.warns(RowsWarning, match="'customer_id'"):
        model.fit(frame)
    assert adjusted_rand_score(SEGMENT, model.labels_) > 0.8
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(frame), model.labels_)
    new, segment = customers(100, seed=1)
    assert adjusted_rand_score(segment, again.predict(new[new.columns[::-1]])) > 0.7
    with pytest.raises(
        ValueError, match="X has no column names, but the model was fitted on a table of columns of several"
    ):
        again.predict(np.zeros((3, model.n_features_in_)))
    with pytest.raises(ValueError, match="X lacks column 'age'"):
        again.predict(new.drop(columns="age"))


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
@pytest.mark.parametrize(("column", "empty"), [("plan", ""), ("plan", None), ("plan", "-"), ("age", None)])
def test_a_column_that_is_empty_in_all_new_rows_is_told_once(kind, column, empty, tmp_path):
    model = quietly(small_dec(3, "neighbors").fit, TABLE)
    new, half = TABLE.assign(**{column: empty}), TABLE.copy()
    half.loc[: N // 2, column] = empty
    for table, notes in ((new, 1), (half, 0)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if kind == "frame":
                model.predict(table)
            elif kind == "csv":
                table.to_csv(tmp_path / "t.csv", index=False)
                model.predict(read_rows(tmp_path / "t.csv", preparation=model.preparation_))
            else:
                table.to_parquet(tmp_path / "t.parquet", row_group_size=20)
                model.predict(read_rows(tmp_path / "t.parquet", preparation=model.preparation_))
        told = [str(warning.message) for warning in caught if "is empty in all rows" in str(warning.message)]
        # Of Parquet, of which a part is read at a time, null alone is known to be empty.
        notes = 0 if kind == "parquet" and empty is not None else notes
        assert len(told) == notes
        assert all(f"column '{column}' is empty in all rows, and had values in the fit" in line for line in told)


def test_rows_that_were_prepared_by_themselves_or_not_at_all_are_refused_by_a_model(tmp_path):
    table = pd.DataFrame({"a": np.arange(60.0) % 7, "b": np.arange(60.0) % 3 * 5}).mask(lambda t: t == 6)
    table.to_csv(tmp_path / "fit.csv", index=False)
    (table * 3 + 40).to_csv(tmp_path / "new.csv", index=False)
    model = small_dec(3, "neighbors").fit(read_rows(tmp_path / "fit.csv"))
    np.testing.assert_array_equal(model.predict(read_rows(tmp_path / "fit.csv")), model.labels_)
    new = read_rows(tmp_path / "new.csv", preparation=model.preparation_)
    np.testing.assert_array_equal(model.predict(new), model.predict(table * 3 + 40))
    with pytest.raises(ValueError, match=r"X was prepared by itself.* read_rows\(path, preparation="):
        model.predict(read_rows(tmp_path / "new.csv"))
    numbers = small_dec(3, "neighbors").fit(table.fillna(0))
    with pytest.raises(
        ValueError, match="X holds gaps, kinds, texts or cells, but the model was fitted on numbers"
    ):
        numbers.predict(read_rows(tmp_path / "new.csv"))
    for rows in (table.fillna(0).to_numpy(), as_rows(table.fillna(0).to_numpy())):
        with pytest.raises(ValueError, match="X has no column names, but"):
            model.predict(rows)
    with pytest.warns(RowsWarning, match="no column names, so its columns are matched by position to 'a', 'b'"):
        np.testing.assert_array_equal(numbers.predict(rows), numbers.labels_)


def test_a_table_of_numbers_without_gaps_stays_as_it_is():
    frame = pd.DataFrame({"a": [1.5, 2, 3], "b": [4, 5, 7]})
    rows = as_rows(frame)
    np.testing.assert_array_equal(values(rows), frame)
    assert kinds_of(rows) is None
    by_role = as_rows(frame, roles={"b": "number"})
    assert kinds_of(by_role) == ()
    np.testing.assert_allclose(values(by_role).mean(axis=0), 0, atol=1e-6)


def test_rows_without_any_value_are_left_out_and_in_no_cluster():
    frame = TABLE.drop(columns="customer_id").copy()
    frame.loc[[5, 9]] = None
    model = small_dec(3)
    with pytest.warns(RowsWarning, match=r"2 of 240 rows hold nothing and are left out of the fit \(rows 5, 9"):
        model.fit(frame)
    assert np.flatnonzero(model.labels_ == -1).tolist() == [5, 9]


def test_roles_that_are_said_hold_for_later_files_and_unknown_ones_are_refused(tmp_path):
    TABLE.assign(code=np.arange(N) % 5).to_csv(tmp_path / "t.csv", index=False)
    rows = quietly(read_rows, tmp_path / "t.csv", roles={"code": "kind", "plan": "Free<Basic<Pro", "age": "id"})
    roles = {column.name: column.role for column in rows.parsed(np.arange(N))}
    assert (roles["code"], roles["plan"]) == ("kind", "ordered kind")
    assert rows.ids.column_names == ["customer_id", "age"]
    with pytest.raises(RowsError, match="role 'colour' of column 'code' is unknown; it is number, amount,"):
        read_rows(tmp_path / "t.csv", roles={"code": "colour"})
    with pytest.raises(RowsError, match=r"has no column 'cod'; it has the close 'code' \(--role names it\)"):
        read_rows(tmp_path / "t.csv", roles={"cod": "kind"})


def test_a_column_with_many_cells_that_are_no_numbers_is_refused_with_the_line_of_the_first(tmp_path):
    orders = [f"x{n}" if n % 5 == 0 else str(n) for n in range(N)]
    TABLE.assign(orders=orders).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(RowsError, match=r"t\.csv: line 2, column 'orders': 'x0' is not a number \(48 cells"):
        quietly(read_rows, tmp_path / "t.csv")


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_last_row_of_totals_is_one_that_holds_nothing(suffix, tmp_path):
    frame = TABLE.assign(customer_number=1000 + np.arange(N), visits=np.arange(N) % 9)
    total = {"customer_number": "Total", "visits": int(frame.visits.sum())}
    for name, table in (("with", pd.concat([frame, pd.DataFrame([total])])), ("without", frame)):
        path = tmp_path / f"{name}{suffix}"
        table.to_excel(path, index=False) if suffix == ".xlsx" else table.to_csv(path, index=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = read_rows(tmp_path / f"with{suffix}")
    assert "its last row adds up the others, and is taken for one that holds nothing" in str(caught[0].message)
    np.testing.assert_array_equal(values(rows)[:N], values(quietly(read_rows, tmp_path / f"without{suffix}")))
    assert np.isnan(values(rows)[N]).all()
    assert rows.ids.column("customer_number").to_pylist()[-1] == "Total"
    later = quietly(read_rows, tmp_path / f"with{suffix}", preparation=rows.preparation)
    np.testing.assert_array_equal(values(later), values(rows))
    TABLE.assign(plan=["total", *TABLE.plan[:-2], "total"]).to_csv(tmp_path / "kind.csv", index=False)
    assert np.isfinite(values(quietly(read_rows, tmp_path / "kind.csv"))).all()


def test_cells_of_a_sheet_that_are_unlike_the_others_are_missing(tmp_path):
    import datetime as dt

    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["seen", "spent"])
    for n in range(40):
        seen = "soon" if n == 3 else dt.datetime(2026, 1, 1 + n % 28)
        book.active.append([seen, dt.datetime(2026, 5, 3) if n == 4 else n + 0.5])
    book.save(tmp_path / "t.xlsx")
    rows = quietly(read_rows, tmp_path / "t.xlsx")
    seen, spent = rows.parsed(np.arange(40))
    assert (seen.role, spent.role) == ("date", "number")
    assert (np.flatnonzero(np.isnan(seen.values)), np.flatnonzero(np.isnan(spent.values))) == ([3], [4])


def sheets(path, **frames):
    with pd.ExcelWriter(path) as writer:
        for name, (frame, row) in frames.items():
            frame.to_excel(writer, sheet_name=name, index=False, startrow=row)
    return path


def test_the_first_sheet_with_a_table_is_read_and_what_is_left_out_is_told(tmp_path):
    path = sheets(tmp_path / "t.xlsx", empty=(pd.DataFrame(), 0), data=(TABLE, 2), other=(TABLE, 0))
    with pytest.warns(RowsWarning) as caught:
        rows = read_rows(path)
    assert len(rows) == N
    told = [str(warning.message) for warning in caught]
    assert any("sheet 'data' is read, and 'empty', 'other' not" in line for line in told)
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["Report of the year"])
    book.active.append([])
    book.active.append(["a", "b"])
    for row in range(20):
        book.active.append([row % 7, "xyz"[row % 3]])
    book.save(tmp_path / "title.xlsx")
    with pytest.warns(RowsWarning, match="above the table, left out: 'Report of the year'"):
        rows = read_rows(tmp_path / "title.xlsx")
    assert [column.name for column in rows.parsed(np.arange(3))] == ["a", "b"]


@pytest.mark.parametrize(
    ("cells", "message"), [([], "holds no table"), ([["a", "b"]], "has names of columns and no rows")]
)
def test_a_sheet_without_a_table_is_refused(cells, message, tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    for row in cells:
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(RowsError, match=message):
        read_rows(tmp_path / "t.xlsx")


def test_a_damaged_sheet_is_a_line(tmp_path):
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(RowsError, match=r"t\.xlsx: cannot be read as \.xlsx"):
        read_rows(tmp_path / "t.xlsx")
