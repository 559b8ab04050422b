import json
import sys
from io import BytesIO, TextIOWrapper

import pytest

from torchdec._core.records import StopReason
from torchdec.cli import main
from torchdec.runs import read_run


def test_a_run_is_described(cli, run):
    text = cli.ok("info", run).stdout
    record = read_run(run)
    assert "run directory" in text
    assert "x.npy: 60 rows x 8 features" in text
    assert record.data.sha256 in text
    assert StopReason[record.stop_reason].value in text
    assert "n_clusters 3" in text
    assert "mean confidence" in text
    for name in record.files:
        assert name in text


def test_a_run_without_one_of_its_files_says_so(cli, run, tmp_path):
    (tmp_path / "run.json").write_bytes((run / "run.json").read_bytes())
    assert "embedding.npy (missing)" in cli.ok("info", tmp_path).stdout


def test_a_model_file_is_described(cli, run):
    text = cli.ok("info", run / "model.safetensors").stdout
    assert "model file (format version 7)" in text
    assert "features    8\n" in text
    assert "n_clusters 3" in text


@pytest.mark.parametrize(("name", "kind"), [("", "run"), ("model.safetensors", "model")])
def test_json_is_one_object_that_names_its_kind(cli, run, name, kind):
    contents = json.loads(cli.ok("info", run / name, "--json").stdout)
    assert (contents["kind"], contents["path"]) == (kind, str(run / name))
    assert contents["parameters"]["n_clusters"] == 3


def test_json_of_a_run_holds_the_whole_record(cli, run):
    contents = json.loads(cli.ok("info", run, "--json").stdout)
    assert contents.items() >= json.loads((run / "run.json").read_text(encoding="utf-8")).items()


@pytest.mark.parametrize("reason", StopReason)
def test_a_stop_reason_is_shown_as_its_sentence(reason):
    assert StopReason.sentence(reason.name) == reason.value


def test_a_stop_reason_of_a_later_version_is_shown_as_it_is():
    assert StopReason.sentence("OUT_OF_TIME") == "OUT_OF_TIME"


def test_what_the_terminal_cannot_write_is_escaped(cli, run, tmp_path, monkeypatch):
    named = tmp_path / "run"
    cli.ok("rename", run, 0, "\u65e5\u672c \U0001f41d", "-o", named)
    for option, shown in ((), r"\u65e5\u672c"), (("--json",), r"\u65e5\u672c \ud83d\udc1d"):
        written = BytesIO()
        monkeypatch.setattr(sys, "stdout", TextIOWrapper(written, "cp1252"))
        monkeypatch.setattr(sys, "argv", ["torchdec", "info", str(named), *option])
        with pytest.raises(SystemExit) as caught:
            main()
        sys.stdout.flush()
        text = written.getvalue().decode("cp1252")
        assert not caught.value.code
        assert shown in text
    assert json.loads(text)["cluster_names"][0] == "\u65e5\u672c \U0001f41d"
