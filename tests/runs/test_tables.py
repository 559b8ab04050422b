import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from torchdec.runs import Clusters, RunError, read_assignments, save_embedding, write_assignments
from torchdec.runs import _tables as tables


def _soft(rng, n_rows, k=3):
    q = rng.random((n_rows, k), dtype=np.float32)
    return q / q.sum(axis=1, keepdims=True)


@pytest.fixture
def q():
    return _soft(np.random.default_rng(0), 25)


def test_names_in_csv_may_hold_any_mark(q, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP", 7)
    names = [f'a "{i}", é\n' for i in range(25)]
    for name in ("a.csv", "a.parquet"):
        write_assignments(tmp_path / name, [q[:10], q[10:]], ids=pa.table({"name": names}))
    options = csv.ParseOptions(newlines_in_values=True)
    read = csv.read_csv(tmp_path / "a.csv", parse_options=options)
    assert read.cast(tables.ASSIGNMENTS_SCHEMA.append(pa.field("name", pa.string()))).equals(
        pq.read_table(tmp_path / "a.parquet")
    )


@pytest.mark.parametrize("row_group", [1, 7, 10, 100])
@pytest.mark.parametrize("chunk", [1, 10, 25])
def test_assignments_hold_argmax_and_maximum_in_order_whatever_the_chunks(
    q, tmp_path, monkeypatch, chunk, row_group
):
    monkeypatch.setattr(tables, "ROW_GROUP", row_group)
    path = tmp_path / "assignments.parquet"
    write_assignments(path, (q[start : start + chunk] for start in range(0, 25, chunk)))
    table = pq.read_table(path)
    assert table.column_names == ["row", "cluster", "confidence"]
    assert [str(kind) for kind in table.schema.types] == ["int64", "int32", "float"]
    np.testing.assert_array_equal(table["row"], np.arange(25))
    np.testing.assert_array_equal(table["cluster"], q.argmax(axis=1))
    np.testing.assert_array_equal(table["confidence"], q.max(axis=1))


def test_row_groups_are_limited(q, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP", 10)
    write_assignments(tmp_path / "a.parquet", [q[:4], q[4:8], q[8:]])
    metadata = pq.ParquetFile(tmp_path / "a.parquet").metadata
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sizes == [10, 10, 5]


def test_many_small_chunks_share_a_row_group(q, tmp_path):
    write_assignments(tmp_path / "a.parquet", (q[i : i + 1] for i in range(25)))
    assert pq.ParquetFile(tmp_path / "a.parquet").metadata.num_row_groups == 1


def test_chunks_are_written_as_they_come_and_not_collected(q, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP", 5)
    path = tmp_path / "a.parquet"
    sizes = []

    def chunks():
        for start in range(0, 25, 5):
            yield q[start : start + 5]
            sizes.append(path.stat().st_size)

    write_assignments(path, chunks())
    assert sizes == sorted(set(sizes))


def test_sizes_and_mean_confidences_are_those_of_the_rows(q, tmp_path):
    clusters = write_assignments(tmp_path / "a.parquet", [q[:9], q[9:]])
    labels = q.argmax(axis=1)
    assert clusters.sizes == tuple(np.bincount(labels, minlength=3).tolist())
    expected = [q.max(axis=1)[labels == cluster].mean() for cluster in range(3)]
    np.testing.assert_allclose(clusters.confidences, expected, rtol=1e-6)


def test_a_cluster_without_rows_has_no_confidence(tmp_path):
    q = np.array([[0.25, 0.75, 0.0]], dtype=np.float32)
    assert write_assignments(tmp_path / "a.parquet", [q]) == Clusters((0, 1, 0), (None, 0.75, None))


@pytest.mark.parametrize("chunk", [1, 4, 10])
def test_the_embedding_is_saved_while_q_passes_through(tmp_path, chunk):
    z = np.random.default_rng(0).normal(size=(10, 2)).astype(np.float32)
    pairs = [(z[start : start + chunk], q) for q, start in enumerate(range(0, 10, chunk))]
    passed = list(save_embedding(tmp_path / "z.npy", pairs, 10))
    assert passed == list(range(len(pairs)))
    saved = np.load(tmp_path / "z.npy", allow_pickle=False)
    assert saved.dtype == np.float32
    np.testing.assert_array_equal(saved, z)


def test_assignments_are_read_back(q, tmp_path):
    write_assignments(tmp_path / "assignments.parquet", [q])
    clusters = read_assignments(tmp_path)
    assert clusters.dtype == np.int32
    np.testing.assert_array_equal(clusters, q.argmax(axis=1))


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def _shuffle(path):
    pq.write_table(pq.read_table(path).take(pa.array(np.arange(25)[::-1])), path)


def _drop_column(path):
    pq.write_table(pq.read_table(path).drop_columns(["cluster"]), path)


def _to_text(path):
    table = pq.read_table(path)
    pq.write_table(table.set_column(1, "cluster", pa.array(["a"] * 25)), path)


@pytest.mark.parametrize("damage", [_truncate, _shuffle, _drop_column, _to_text])
def test_damaged_assignments_are_refused_in_one_sentence(q, tmp_path, damage):
    path = tmp_path / "assignments.parquet"
    write_assignments(path, [q])
    damage(path)
    with pytest.raises(RunError) as caught:
        read_assignments(tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_assignments_are_named(tmp_path):
    with pytest.raises(RunError, match=r"has no assignments\.parquet"):
        read_assignments(tmp_path)
