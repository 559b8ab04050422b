"""What names the rows goes with them; folders are in the order that people see."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from torchdec.rows import RowsError, RowsWarning, read_rows
from torchdec.rows._ids import row_ids
from torchdec.runs._tables import read_ids, write_assignments

X = np.random.default_rng(0).normal(size=(24, 2))


def everything(rows):
    return rows.take(np.arange(len(rows)))


def write(path, start, end, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    part = {"a": X[start:end, 0], "b": X[start:end, 1], **columns}
    pq.write_table(pa.table(part), path)


@pytest.mark.parametrize("pattern", ["part.{}.parquet", "part-{:05d}.parquet", "day={}/x.parquet"])
@pytest.mark.filterwarnings("ignore:.*folders such as day=0")
def test_a_folder_is_in_natural_order_and_rows_have_their_file_and_number(pattern, tmp_path):
    for number in range(12):
        write(tmp_path / pattern.format(number), 2 * number, 2 * number + 2)
    rows = read_rows(tmp_path)
    np.testing.assert_allclose(everything(rows), X, rtol=1e-6)
    ids = row_ids(rows)
    assert ids.column("file").to_pylist() == [pattern.format(number) for number in range(12) for _ in range(2)]
    assert ids.column("row_in_file").to_pylist() == [0, 1] * 12
    assert pa.types.is_dictionary(ids.schema.field("file").type)


@pytest.mark.parametrize(
    ("first", "second", "ids"),
    [
        (range(12), None, [10, 11, None, None]),
        (range(12), [f"c{n}" for n in range(12)], ["10", "11", "c0", "c1"]),
        ([f"c{n}" for n in range(12)], range(12), ["c10", "c11", "0", "1"]),
        (range(12), np.arange(12, dtype=np.int8), [10, 11, 0, 1]),
        ([None] * 12, range(12), [None, None, 0, 1]),
    ],
)
@pytest.mark.filterwarnings("ignore:.*column 'id'")
def test_ids_of_one_file_only_or_of_another_type_are_kept(first, second, ids, tmp_path):
    write(tmp_path / "1.parquet", 0, 12, id=pa.array(first))
    write(tmp_path / "2.parquet", 12, 24, **({} if second is None else {"id": pa.array(second)}))
    rows = read_rows(tmp_path)
    assert rows.feature_names == ["a", "b"]
    assert rows.ids.column("id").to_pylist()[10:14] == ids


def test_csr_parts_are_in_natural_order_too(tmp_path):
    for number in range(12):
        sp.save_npz(tmp_path / f"p{number}.npz", sp.csr_array(X[2 * number : 2 * number + 2]))
    rows = read_rows(tmp_path)
    np.testing.assert_allclose(everything(rows), X, rtol=1e-6)
    assert rows.ids.to_pylist()[5] == {"file": "p2.npz", "row_in_file": 1}


def test_unfinished_files_of_spark_are_left_out_and_told(tmp_path):
    write(tmp_path / "part-0.parquet", 0, 24)
    write(tmp_path / "_temporary/0/part-0.parquet", 0, 24)
    with pytest.warns(
        RowsWarning, match="1 files under names that begin with _ are left out, such as _temporary/0"
    ):
        assert read_rows(tmp_path).shape == (24, 2)


def test_tables_of_another_suffix_beside_parquet_are_told_and_marks_are_not(tmp_path):
    write(tmp_path / "part-0.parquet", 0, 12)
    for name in ("part-1.pq", "more/part-2.pq", "part-3"):
        write(tmp_path / name, 12, 24)
    for name in ("_SUCCESS", "_common_metadata", ".part-0.parquet.crc"):
        (tmp_path / name).write_bytes(b"")
    with pytest.warns(
        RowsWarning, match=r"files without the suffix \.parquet are left out: 2 \.pq, 1 without a suffix;"
    ) as told:
        assert read_rows(tmp_path).shape == (12, 2)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("log", "tool"),
    [
        ("_delta_log/0.json", "Delta Lake"),
        (".hoodie/a", "Hudi"),
        ("metadata/v1.metadata.json", "Iceberg"),
        ("metadata/0-a.gz.metadata.json", "Iceberg"),
        ("metadata/v1.metadata.json.gz", "Iceberg"),
        ("metadata/version-hint.text", "Iceberg"),
        ("snapshot/LATEST", "Paimon"),
    ],
)
@pytest.mark.parametrize("below", [".", "table"])
def test_tables_whose_log_says_what_counts_are_refused(log, tool, below, tmp_path):
    write(tmp_path / below / "data" / "part-0.parquet", 0, 24)
    (tmp_path / below / log).parent.mkdir(parents=True)
    (tmp_path / below / log).write_text("{}")
    with pytest.raises(RowsError, match=f"is a table of {tool}.* plain Parquet"):
        read_rows(tmp_path)
    with pytest.raises(RowsError, match=f"data: is part of .*, a table of {tool}.* plain Parquet"):
        read_rows(tmp_path / below / "data")


def test_a_partition_that_hudi_marks_is_refused(tmp_path):
    write(tmp_path / "2020" / "part-0.parquet", 0, 24)
    (tmp_path / "2020" / ".hoodie_partition_metadata").write_text("partitionDepth=1")
    with pytest.raises(RowsError, match="2020: is a table of Hudi"):
        read_rows(tmp_path / "2020")


def test_columns_of_partitions_are_told(tmp_path):
    write(tmp_path / "year=2020/x.parquet", 0, 12)
    write(tmp_path / "year=2021/x.parquet", 12, 24)
    with pytest.warns(RowsWarning, match="folders such as year=2020 name 'year', left out of"):
        assert read_rows(tmp_path).feature_names == ["a", "b"]


def test_files_of_a_folder_may_have_their_columns_in_any_order(tmp_path):
    write(tmp_path / "1.parquet", 0, 12)
    pq.write_table(pa.table({"b": X[12:, 1], "a": X[12:, 0]}), tmp_path / "2.parquet")
    np.testing.assert_allclose(everything(read_rows(tmp_path)), X, rtol=1e-6)


@pytest.mark.parametrize("statistics", [True, False])
def test_a_counter_over_all_files_names_the_rows(statistics, tmp_path):
    order = np.random.default_rng(1).permutation(24)
    for number, part in enumerate(np.split(order, 3)):
        table = pa.table({"n": part, "m": part * 2, "a": X[:8, 0]})
        pq.write_table(table, tmp_path / f"{number}.parquet", write_statistics=statistics)
    with pytest.warns(RowsWarning, match="column 'n' counts the rows and is left out; --use n"):
        rows = read_rows(tmp_path)
    assert rows.feature_names == ["m", "a"]
    assert rows.ids.column("n").to_pylist() == order.tolist()
    assert read_rows(tmp_path, use=["n"]).feature_names == ["n", "m", "a"]


def test_a_counter_that_begins_anew_in_each_file_names_the_rows(tmp_path):
    for number in range(2):
        write(tmp_path / f"{number}.parquet", 12 * number, 12 * number + 12, n=np.arange(12))
    with pytest.warns(RowsWarning, match="column 'n' counts the rows and is left out; --use n"):
        rows = read_rows(tmp_path)
    assert rows.feature_names == ["a", "b"]
    assert rows.ids.column("n").to_pylist() == [*range(12), *range(12)]


@pytest.mark.parametrize("empty", [0, 1])
@pytest.mark.parametrize(
    "values", [list(range(12)), ["u", "v"] * 6, X[:12].tolist()], ids=["number", "kind", "list"]
)
def test_a_column_that_is_empty_in_one_file_has_the_type_of_the_others(values, empty, tmp_path):
    for number in range(2):
        column = pa.nulls(12) if number == empty else pa.array(values)
        pq.write_table(pa.table({"e": column}), tmp_path / f"{number}.parquet")
    rows = everything(read_rows(tmp_path))
    there = slice(12, 24) if empty == 0 else slice(12)
    assert np.isfinite(rows[there]).all()
    assert len(np.unique(rows[there], axis=0)) == len(np.unique(np.array(values), axis=0))
    assert np.isnan(np.delete(rows, there, axis=0)).all()


def embeddings(**columns):
    return pa.table({"id": [f"d{i}" for i in range(24)], **columns})


@pytest.mark.filterwarnings("ignore::torchdec.rows.RowsWarning")
@pytest.mark.parametrize("size", [2, -1])
def test_lists_beside_ids_are_the_rows(size, tmp_path):
    path = tmp_path / "e.parquet"
    lists = pa.array(X.tolist(), pa.list_(pa.float32(), size))
    pq.write_table(embeddings(lang=["en", "de"] * 12, e=lists, f=lists), path, row_group_size=5)
    with pytest.raises(RowsError, match=r"columns 'e', 'f' hold lists of numbers; name the one .* --use COLUMN"):
        read_rows(path)
    rows = read_rows(path, use=["e"])
    np.testing.assert_array_equal(everything(rows), X.astype(np.float32))
    assert rows.ids.column_names == ["id"]
    assert rows.block_starts.tolist() == [0, 5, 10, 15, 20, 24]
    again = read_rows(path, preparation=rows.preparation)
    assert again.preparation == rows.preparation


@pytest.mark.filterwarnings("ignore::torchdec.rows.RowsWarning")
@pytest.mark.parametrize("size", [2, -1])
@pytest.mark.parametrize("where", [0, 13])
def test_a_row_without_a_list_holds_nothing(size, where, tmp_path):
    lists = [None if i == where else row for i, row in enumerate(X.tolist())]
    path = tmp_path / "e.parquet"
    pq.write_table(embeddings(e=pa.array(lists, pa.list_(pa.float64(), size))), path, row_group_size=5)
    expected = X.copy()
    expected[where] = np.nan
    np.testing.assert_allclose(everything(read_rows(path)), expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::torchdec.rows.RowsWarning")
def test_a_list_of_another_length_is_named_by_its_row(tmp_path):
    lists = X.tolist()
    lists[17] = [1.0, 2.0, 3.0]
    pq.write_table(embeddings(e=lists), tmp_path / "e.parquet", row_group_size=5)
    with pytest.raises(RowsError, match="column 'e' has 3 numbers in row 17, counted from 0, and 2 in others"):
        everything(read_rows(tmp_path / "e.parquet"))


def test_ids_come_last_in_the_assignments_and_keep_their_types(tmp_path):
    ids = pa.table({"row": ["x", "y"], "when": pa.array([1, 2], pa.timestamp("s")), "id_row": [5, 6]})
    write_assignments(tmp_path / "assignments.parquet", [np.eye(2, dtype=np.float32)], ids=ids)
    table = pq.read_table(tmp_path / "assignments.parquet")
    assert table.column_names == ["row", "cluster", "confidence", "id_row", "when", "id_id_row"]
    assert table.column("id_row").to_pylist() == ["x", "y"]
    assert read_ids(tmp_path).column("when").to_pylist() == ids.column("when").to_pylist()
    write_assignments(tmp_path / "assignments.parquet", [np.eye(2, dtype=np.float32)])
    assert read_ids(tmp_path) is None


def test_names_become_a_column(tmp_path):
    class Named:
        names = ("b.png", "a.png")

    assert row_ids(Named()).to_pydict() == {"name": ["b.png", "a.png"]}
    assert row_ids(object()) is None


def test_a_range_index_of_pandas_is_no_column_and_another_one_names_the_rows(tmp_path):
    frame = pd.DataFrame(X, columns=["a", "b"])
    frame.to_parquet(tmp_path / "x.parquet")
    assert read_rows(tmp_path / "x.parquet").ids is None
    frame.set_index(pd.Index([f"r{i}" for i in range(24)], name="sample")).to_parquet(tmp_path / "y.parquet")
    with pytest.warns(RowsWarning, match="column 'sample' names the rows and is left out"):
        assert read_rows(tmp_path / "y.parquet").ids.column("sample").to_pylist()[3] == "r3"
