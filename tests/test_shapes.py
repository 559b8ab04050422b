"""A fit to clusters of any shape: what it assigns, keeps in files and goes on with are clusters, not centres."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import make_moons
from torch import Tensor, nn

from small import linear, stage_2_gives
from torchdec import DEC, Checkpoint, NeighborEncoder, Representation, export_onnx, load, save
from torchdec._core import targets
from torchdec.metrics import ari


class Unchanged(Representation):
    """A code that is the rows, times a number."""

    def __init__(self, max_epochs: int = 1, random_state: Any = None) -> None:
        self.max_epochs = max_epochs
        self.random_state = random_state

    def networks(self, n_features: int) -> tuple[nn.Module, None]:
        return linear(n_features, times=4), None

    def loss(self, encoder: nn.Module, decoder: None, rows: Tensor) -> Tensor:
        return 0 * encoder(rows).sum()


def rings(*radii: float, n: int = 300, spread: float = 0.15) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, size=(len(radii), n))
    circles = np.array(radii)[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=2)
    points = circles + spread * random.normal(size=circles.shape)
    return points.reshape(-1, 2).astype(np.float32), np.repeat(np.arange(len(radii)), n)


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
    net = NeighborEncoder(hidden=(64, 64), code_size=4, max_epochs=20, random_state=0)
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
