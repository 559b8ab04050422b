import json
import sys

import numpy as np
import onnxruntime
import pandas as pd
import pyarrow.parquet as pq

from torchdec.runs import read_run


def test_an_exported_run_gives_its_clusters(cli, run, data, tmp_path):
    assert str(tmp_path / "m.onnx") in cli.ok("export", run, "--onnx", tmp_path / "m.onnx").stdout
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    (labels,) = session.run(["labels"], {"rows": np.load(data)})
    np.testing.assert_array_equal(labels, pq.read_table(run / "assignments.parquet")["cluster"].to_numpy())


def test_mistakes_are_one_line(cli, run, data, tmp_path, monkeypatch):
    (tmp_path / "m.onnx").write_text("older")
    for arguments, message in (
        ((run, "--onnx", tmp_path / "m.onnx"), "--onnx: "),
        ((data, "--onnx", tmp_path / "new.onnx"), "MODEL: "),
        ((run, "--onnx", tmp_path / "new.txt"), "ends in .onnx"),
    ):
        result = cli("export", *arguments)
        assert result.exit_code == 2
        assert message in result.stderr
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "needs onnx; try pip install" in cli("export", run, "--onnx", tmp_path / "new.onnx").stderr


def test_a_run_is_handed_over_as_a_workbook_and_as_json(cli, tmp_path):
    rng = np.random.default_rng(0)
    group = np.arange(60) % 2
    frame = pd.DataFrame({"customer_id": [f"C{i:03d}" for i in range(60)]})
    frame["spend"] = rng.normal(0, 1, 60) + 9 * group
    frame["age"] = rng.normal(40, 1, 60) + 20 * group
    frame.to_csv(tmp_path / "table.csv", index=False)
    cli.ok("fit", tmp_path / "table.csv", "-k", 2, "-o", tmp_path / "run", "--quiet")
    names = read_run(tmp_path / "run").shown_names
    high = next(number for number, name in enumerate(names) if "spend high" in name)
    pd.DataFrame({"cluster": [names[high], 1 - high], "name": ["=Big, rich", ""]}).to_csv(
        tmp_path / "names.csv", index=False
    )
    cli.ok("rename", tmp_path / "run", "--file", tmp_path / "names.csv", "-o", tmp_path / "named")
    for name in ("tables.xlsx", "tables.json"):
        cli.ok("export-table", tmp_path / "named", "-o", tmp_path / name)
    told = json.loads((tmp_path / "tables.json").read_text())
    assert (told["format"], told["schema"], list(told)[2:]) == (
        "torchdec clusters",
        1,
        ["clusters", "rows", "profile"],
    )
    assert told["clusters"][high]["name"] == "=Big, rich"
    assert told["clusters"][high]["rows"] == 30
    for sheet in ("clusters", "rows", "profile"):
        read = pd.read_excel(tmp_path / "tables.xlsx", sheet_name=sheet)
        expected = pd.DataFrame(told[sheet])
        assert list(read.columns) == list(expected.columns)
        np.testing.assert_array_equal(read["cluster"], expected["cluster"])
    rows = pd.DataFrame(told["rows"])
    assert set(rows.customer_id[rows.cluster_name == "=Big, rich"]) == set(frame.customer_id[group == 1])
    profile = pd.DataFrame(told["profile"]).set_index(["cluster", "column"])
    np.testing.assert_allclose(profile.value[high, "age"], frame.age[group == 1].median())


def test_what_no_table_can_be_written_to_and_a_file_without_names_are_said(cli, run, tmp_path):
    result = cli("export-table", run, "-o", tmp_path / "tables.csv")
    assert result.exit_code == 2
    assert "name a file that ends in .xlsx or .json" in result.stderr
    (tmp_path / "names.csv").write_text("a,b\n1,2\n")
    result = cli("rename", run, "--file", tmp_path / "names.csv", "-o", tmp_path / "named")
    assert result.exit_code == 2
    assert "has no lines under the columns cluster and name" in result.stderr
    assert not (tmp_path / "named").exists()
