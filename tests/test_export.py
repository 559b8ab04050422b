"""Another engine gives the same code, probabilities and labels from the exported file."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from sklearn.exceptions import NotFittedError

from small import blobs, small_dec
from torchdec import DEC, export_onnx
from torchdec.clusters import merge, rename
from torchdec.runs import RunError

X, _ = blobs(90, 6, 4)


def outputs(path: Path, rows: Any) -> dict[str, Any]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"rows": rows}), strict=True))


@pytest.mark.parametrize("n", [1, 7, 90])
@pytest.mark.parametrize("edit", [lambda model: model, lambda model: merge(merge(model, 0, 2), 0, 1)])
@pytest.mark.parametrize("alpha", [1.0, 2.5])
def test_another_engine_gives_the_same(n: int, edit: Any, alpha: float, tmp_path: Path) -> None:
    model = edit(small_dec(4, alpha=alpha).fit(3 * X))
    export_onnx(model, tmp_path / "m.onnx")
    rows = 3 * X[:n]
    got = outputs(tmp_path / "m.onnx", rows)
    np.testing.assert_allclose(got["code"], model.transform(rows), atol=1e-4)
    np.testing.assert_allclose(got["probabilities"], model.predict_proba(rows), atol=1e-4)
    np.testing.assert_array_equal(got["labels"], model.predict(rows))


def test_the_names_of_the_clusters_go_along(tmp_path: Path) -> None:
    export_onnx(rename(small_dec(3).fit(X), 1, "zweiter Größe"), tmp_path / "m.onnx")
    metadata = onnxruntime.InferenceSession(tmp_path / "m.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(metadata["cluster_names"]) == ["", "zweiter Größe", ""]


def test_a_file_that_is_there_is_replaced_only_when_told(tmp_path: Path) -> None:
    model = small_dec(4).fit(X)
    (tmp_path / "m.onnx").write_text("older")
    with pytest.raises(RunError, match="exists; name a new file"):
        export_onnx(model, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_text() == "older"
    export_onnx(model, tmp_path / "m.onnx", force=True)
    assert len(outputs(tmp_path / "m.onnx", X)["labels"]) == 90


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFittedError):
        export_onnx(DEC(), tmp_path / "m.onnx")
    model = small_dec(4).fit(X)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"needs onnx; try pip install 'torchdec\[onnx\]'"):
        export_onnx(model, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()
