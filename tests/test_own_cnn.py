"""A convolutional encoder with a loss of its own, as a researcher writes it from what `torchdec` makes public."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from torch import Tensor, nn

from torchdec import DEC, Representation, export_onnx, load, save
from torchdec.metrics import clustering_accuracy

X, Y = load_digits(n_class=4, return_X_y=True)


class Convolutions(nn.Sequential):
    def __init__(self) -> None:
        layers = nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Flatten()
        super().__init__(*layers, nn.Linear(16 * 64, 10))


class CNN(Representation):
    def __init__(self, max_epochs: int = 12, random_state: Any = None) -> None:
        self.max_epochs = max_epochs
        self.random_state = random_state

    def networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        return Convolutions(), nn.Sequential(nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, n_features))

    def loss(self, encoder: nn.Module, decoder: nn.Module | None, rows: Tensor) -> Tensor:
        assert decoder is not None
        return (decoder(encoder(rows)) - rows).abs().mean()


@pytest.mark.parametrize("reconstruction_weight", [0.0, 1.0])
def test_a_cnn_is_fitted_kept_and_exported(reconstruction_weight: float, tmp_path: Path) -> None:
    weight = reconstruction_weight
    model = DEC(4, representation=CNN(), reconstruction_weight=weight, tol=0.05, random_state=0).fit(X)
    assert clustering_accuracy(Y, model.labels_) > 0.6  # chance: 0.28
    save(model, tmp_path / "cnn.safetensors")
    given = {"Convolutions": Convolutions, "CNN": CNN}
    for again in (load(tmp_path / "cnn.safetensors", modules=given), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.predict(X), model.labels_)
    export_onnx(model, tmp_path / "cnn.onnx")
