import sys

import numpy as np
import onnxruntime
import pyarrow.parquet as pq


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
