import numpy as np
import pytest

from torchdec.cli._labels import read_labels
from torchdec.rows import read_rows
from torchdec_bench.datasets import NAMES, load


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.delenv("TORCHDEC_DATA", raising=False)
    monkeypatch.setenv("TORCHDEC_CACHE", str(tmp_path / "cache"))


def test_all_names_are_listed_with_where_they_come_from(cli):
    lines = cli.ok("data").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(NAMES)
    assert "bundled" in next(line for line in lines if line.startswith("digits"))


def test_a_data_set_becomes_a_file_that_fit_and_score_read(cli, tmp_path):
    out = tmp_path / "digits.npz"
    assert "1,797 x 64, 10 classes" in cli.ok("data", "digits", "-o", out).stdout
    rows = read_rows(out)
    assert rows.shape == (1797, 64)
    assert rows.image_shape == (8, 8)
    np.testing.assert_array_equal(read_labels(out).values, load("digits").y)


def test_sparse_rows_are_written_as_they_are(cli, tmp_path):
    np.savez(tmp_path / "agnews8000.npz", data=[0.5, 1], indices=[2, 0], indptr=[0, 1, 2], shape=[2, 3], y=[1, 0])
    cli.ok("data", "ag-news", "--folder", tmp_path, "-o", tmp_path / "out.npz")
    rows = read_rows(tmp_path / "out.npz").take(np.arange(2))
    np.testing.assert_array_equal(rows, load("ag-news", folder=tmp_path).x.toarray())


def test_mistakes_are_one_line_and_leave_nothing(cli, tmp_path):
    (tmp_path / "there.npz").write_text("older")
    for arguments, message in (
        (("minst",), "no data set 'minst'"),
        (("mnist",), "TORCHDEC_DATA"),
        (("digits", "-o", tmp_path / "x.npy"), "ends in .npz"),
        (("digits", "-o", tmp_path / "there.npz"), "--force"),
        (("-o", tmp_path / "x.npz"), "say which data set"),
    ):
        result = cli("data", *arguments)
        assert result.exit_code == 2, arguments
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there.npz"]
