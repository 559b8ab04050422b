import sys

import numpy as np
import pytest

from torchdec.runs import read_run


def test_a_fit_leaves_a_report(run):
    assert (run / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_a_fit_without_the_packages_of_a_report_is_complete(cli, data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    result = cli.ok("fit", data, "-k", 3, "-o", tmp_path / "out", "--quiet")
    assert "no report: A report needs plotly.offline; try pip install 'torchdec[report]'." in result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(read_run(tmp_path / "out").files)
    assert "report.html" not in result.stdout


def test_report_writes_into_the_run_and_can_do_so_again(cli, run, data, tmp_path):
    cli.ok("rename", run, 0, "first", "-o", tmp_path / "named")
    for _ in range(2):
        shown = cli.ok("report", tmp_path / "named", data, "--labels", data.parent / "y.npy").stdout
        assert str(tmp_path / "named" / "report.html") in shown
    page = (tmp_path / "named" / "report.html").read_text()
    assert ">first</button>" in page
    assert "Against known classes" in page
    # A run with a report that was made later is still a run and nothing else.
    cli.ok("merge", tmp_path / "named", 0, 1, "-o", tmp_path / "named", "--force")


def test_report_writes_elsewhere_and_replaces_only_when_told(cli, run, tmp_path):
    out = tmp_path / "page.html"
    cli.ok("report", run, "-o", out)
    assert "or replace it with --force." in cli("report", run, "-o", out).stderr
    cli.ok("report", run, "-o", out, "--force")


def test_the_page_shows_pictures_whose_shape_the_fit_was_told(cli, run, data, tmp_path):
    cli.ok("fit", data, "-k", 3, "--image-shape", "2x4", "-o", tmp_path / "run", "--quiet")
    cli.ok("report", tmp_path / "run", data, "-o", tmp_path / "page.html")
    shown, without = (
        page.read_text().count('src="data:image/png;base64,')
        for page in (tmp_path / "page.html", run / "report.html")
    )
    assert shown >= without + 3  # an exemplar of each cluster at least


def test_rows_in_another_order_are_noticed(cli, run, data, tmp_path):
    np.save(tmp_path / "turned.npy", np.load(data)[::-1])
    shown = cli.ok("report", run, tmp_path / "turned.npy", "-o", tmp_path / "page.html")
    assert "turned.npy holds other rows than those of the run, or not in their order" in shown.stderr
    assert "warning" not in cli.ok("report", run, data, "-o", tmp_path / "right.html").stderr


def test_the_column_of_the_labels_is_named(cli, run, tmp_path):
    classes = "".join(f"{number},{'ab'[number % 2]}\n" for number in range(60))
    (tmp_path / "classes.csv").write_text("id,kind\n" + classes)
    arguments = ("report", run, "--labels", tmp_path / "classes.csv", "-o", tmp_path / "page.html")
    assert "name the column of the labels with --column" in cli(*arguments).stderr
    cli.ok(*arguments, "--column", "kind")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("report", "RUN", "DATA", "--image-shape", "3x3"), "--image-shape: 3x3 makes 9 values, but rows have 8."),
        (("report", "RUN", "--image-shape", "2x4"), "--image-shape: the pictures are in DATA"),
        (("report", "RUN", "OTHER"), "other.npy has the shape (5, 8), but the run is of (60, 8); give its rows."),
        (("report", "DATA"), "RUN: "),
    ],
)
def test_mistakes_are_one_line(cli, run, data, tmp_path, arguments, message):
    np.save(tmp_path / "other.npy", np.load(data)[:5])
    paths = {"RUN": run, "DATA": data, "OTHER": tmp_path / "other.npy"}
    result = cli(*[paths.get(a, a) for a in arguments], "-o", tmp_path / "page.html")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "page.html").exists()
