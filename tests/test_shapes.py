"""A fit to clusters of any shape: what it assigns, keeps in files and goes on with are clusters, not centres."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import make_moons

from small import Unchanged, rings, stage_2_gives
from torchdec import DEC, Checkpoint, NeighborEncoder, export_onnx, load, save
from torchdec._core import targets
from torchdec._core.self_training import SelfTraining
from torchdec.clusters import describe, exemplars, merge, rename, split, summary
from torchdec.clusters._describe import apart
from torchdec.metrics import ari
from torchdec.report._page import _tree
from torchdec.runs import write_assignments
from torchdec.scoring import Predictor as Scoring

MOONS = make_moons(600, noise=0.05, random_state=0)
SHAPES = {"moons": (MOONS[0].astype(np.float32), MOONS[1]), "rings": rings(0, 2, 4), "ring": rings(3, 0)}


def fitted(X: NDArray[np.float32], labels: NDArray[np.int64], **parameters: Any) -> DEC:
    defaults = {"representation": Unchanged(), "random_state": 0, "device": "cpu"}
    with pytest.MonkeyPatch.context() as patch:
        stage_2_gives(patch, labels)
        return DEC(int(labels.max()) + 1, **{**defaults, **parameters}).fit(X)


@pytest.fixture(scope="module")
def model() -> DEC:
    return fitted(*SHAPES["rings"])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", SHAPES)
def test_shapes_stay_whole_in_self_training(name: str, precision: str) -> None:
    X, labels = SHAPES[name]
    # Updates that go on after the rows have settled.
    model = fitted(X, labels, precision=precision, tol=0.0, max_iter=4, patience=9, learning_rate=0.02)
    assert (
        len(model.cluster_centers_) == len(model.center_clusters_) == len(model.center_radii_) > labels.max() + 1
    )
    assert len(model.cluster_names_) == labels.max() + 1
    assert ari(labels, model.labels_) == 1
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert model.predict_proba(X).shape == (len(X), labels.max() + 1)
    np.testing.assert_array_equal(model.center_clusters_[model.nearest_centers(model.transform(X))[0]], labels)
    assert model.history_[-1].sizes == tuple(np.bincount(labels))


def test_a_net_learns_them_too() -> None:
    X, labels = SHAPES["moons"]
    net = NeighborEncoder(hidden=(64, 64), embedding_dim=4, max_epochs=20, random_state=0)
    assert ari(labels, fitted(X, labels, representation=net).labels_) == 1


def test_a_file_gives_the_same_again(model: DEC, tmp_path: Path) -> None:
    X = SHAPES["rings"][0]
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.center_clusters_, model.center_clusters_)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("alpha", [1.0, 3.0])
def test_another_engine_gives_the_same(alpha: float, tmp_path: Path) -> None:
    X, labels = SHAPES["rings"]
    model = fitted(X, labels, alpha=alpha)
    export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    _, probabilities, got = session.run(None, {"rows": X})
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)
    np.testing.assert_array_equal(got, model.labels_)


@pytest.mark.parametrize("most_stored", [0, 2**24])
@pytest.mark.parametrize("n_records", [2, 4, 6])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_fit_that_goes_on_gives_the_same_bits(
    n_records: int, most_stored: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, labels = SHAPES["rings"]
    monkeypatch.setattr(targets, "MOST_STORED", most_stored)
    monkeypatch.setattr("torchdec._core.self_training.RECORD_EVERY", 2)
    parameters = {"tol": 0.0, "max_iter": 3, "update_interval": 5, "learning_rate": 0.05}
    expected = fitted(X, labels, **parameters)
    model = DEC(3, representation=Unchanged(), random_state=0, device="cpu", **parameters)
    checkpoint = Checkpoint(tmp_path / "fit.checkpoint", every=0.0)
    stage_2_gives(monkeypatch, labels)
    records = model.iter_fit(X, checkpoint=checkpoint)
    list(islice(records, n_records))
    records.close()
    monkeypatch.setattr("torchdec._starts.partition", lambda *_, **__: 1 / 0)
    model.fit(X, checkpoint=checkpoint)
    for name in ("cluster_centers_", "center_clusters_", "labels_", "confidence_quantiles_", "center_radii_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(expected, name))
    for ours, theirs in zip(model.encoder_.parameters(), expected.encoder_.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert [getattr(r, "kl", None) for r in model.history_] == [getattr(r, "kl", None) for r in expected.history_]


def test_typical_rows_come_from_all_around_a_cluster(model: DEC) -> None:
    X = SHAPES["rings"][0]
    nearest, distance = model.nearest_centers(model.transform(X))
    for number, rows in enumerate(exemplars(model, X, n=16)):
        own = np.flatnonzero(model.center_clusters_ == number)
        first = rows[: len(own)]
        assert sorted(nearest[first]) == own.tolist()
        for row in first:
            assert distance[row] == distance[nearest == nearest[row]].min()
        assert len(set(rows)) == 16
    assert (model.outlier_scores(X) < 20).all()
    assert model.outlier_scores(np.array([[2.0, 2.0], [9.0, 9.0]], dtype=np.float32))[1] > 10


def test_clusters_are_as_near_as_their_nearest_centres(model: DEC) -> None:
    """The middles of all rings are in one place, and neighbours are two apart, times four and the scale."""
    X = SHAPES["rings"][0]
    assert [cluster.nearest for cluster in describe(model, X)] == [1, 0, 1]
    assert apart(model) == pytest.approx(apart(model).T)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        own, other = (model.cluster_centers_[model.center_clusters_ == number] for number in (a, b))
        assert apart(model)[a, b] == pytest.approx(np.linalg.norm(own[:, None] - other, axis=2).min(), rel=1e-5)
    drawn = _tree(model, ["0", "1", "2"], ["red", "green", "blue"])
    heights = [max(line) for _, line in drawn["lines"]]
    pairs = sorted([apart(model)[0, 1], apart(model)[1, 2]])
    assert heights == pytest.approx([pairs[0], (pairs[1] + apart(model)[0, 2]) / 2])


def test_edits_keep_the_shapes(model: DEC) -> None:
    X, labels = SHAPES["rings"]
    halves = split(model, 2, X, updates=0)
    np.testing.assert_array_equal(halves.labels_ < 2, labels < 2)
    np.testing.assert_array_equal(halves.labels_[labels < 2], labels[labels < 2])
    assert min(np.bincount(halves.labels_)) > 100
    whole = merge(halves, 2, 3)
    np.testing.assert_array_equal(whole.predict(X), labels)
    np.testing.assert_array_equal(split(model, 2, X, updates=2).labels_ < 2, labels < 2)
    np.testing.assert_array_equal(merge(model, 0, 2).predict(X), np.array([0, 1, 0])[labels])
    assert rename(model, 1, "ring").cluster_names_ == ["", "ring", ""]


def test_the_training_after_a_split_is_of_clusters(model: DEC, monkeypatch: pytest.MonkeyPatch) -> None:
    X, _ = SHAPES["rings"]
    owners = []
    real = SelfTraining.updates
    monkeypatch.setattr(SelfTraining, "updates", lambda self: owners.append(self.owners) or real(self))
    halves = split(model, 2, X, updates=1)
    assert [own.clusters.tolist() for own in owners] == [halves.center_clusters_.tolist()]


def test_rows_that_hold_nothing_are_in_no_cluster_of_several_centres(model: DEC, tmp_path: Path) -> None:
    X = SHAPES["rings"][0][:4].copy()
    X[1] = np.nan
    assert model.predict(X).tolist() == [0, -1, 0, 0]
    assert (model.predict_proba(X)[1] == 0).all()
    export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    _, probabilities, labels = session.run(None, {"rows": X})
    assert labels.tolist() == [0, -1, 0, 0]
    assert (probabilities[1] == 0).all()


def test_a_row_that_is_farther_than_float32_tells_is_in_all_clusters_alike(model: DEC) -> None:
    np.testing.assert_allclose(model.assign(np.array([[1e30, -1e30]], dtype=np.float32)), [[1 / 3] * 3])


def test_a_run_holds_clusters(model: DEC, tmp_path: Path) -> None:
    X, labels = SHAPES["rings"]
    q = (q for _, q in model.predict_chunks(X))
    assert write_assignments(tmp_path / "assignments.parquet", q).sizes == tuple(np.bincount(labels))
    save(model, tmp_path / "model.safetensors")
    frame = pd.DataFrame(X)
    np.testing.assert_array_equal(Scoring(str(tmp_path / "model.safetensors"))(frame).cluster, labels)
    lines = summary(model, X)
    assert lines["size"].tolist() == np.bincount(labels).tolist()
