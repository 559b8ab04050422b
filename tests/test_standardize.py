"""Columns of different units: a model knows how its rows were standardised, wherever it goes."""

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler

from small import REPRESENTATIONS, blobs, small_dec
from torchdec import DEC, Checkpoint, export_onnx, load, save
from torchdec._core.records import Epoch
from torchdec._model_file import ModelFileError
from torchdec._representation import Representation
from torchdec.clusters import split
from torchdec.metrics import clustering_accuracy

STANDARD, TRUTH = blobs(90, 8, 3, spread=0.4)
# The last column says nothing of the clusters, and has all the variance.
X = (STANDARD * np.array([1, 2, 0.1, 5, 1, 1, 3, 1]) + 20).astype(np.float32)
X[:, -1] = np.random.default_rng(0).normal(5000, 900, len(X))
# Trained long enough that its clusters lie apart.
NEIGHBORS = clone(REPRESENTATIONS["neighbors"]).set_params(max_epochs=20)


@pytest.fixture(scope="module")
def model() -> DEC:
    return small_dec(3).set_params(representation=NEIGHBORS).fit(X)


@pytest.mark.parametrize("representation", [REPRESENTATIONS["autoencoder"], NEIGHBORS])
def test_a_fit_is_that_of_standardised_rows(representation: Representation) -> None:
    standard = StandardScaler().fit_transform(X).astype(np.float32)
    ours, theirs = (small_dec(3).set_params(representation=representation).fit(x) for x in (X, standard))
    assert theirs.feature_means_ is None
    # The roundings of their scalar and of our deviations differ, and training lets them grow.
    assert clustering_accuracy(theirs.labels_, ours.labels_) > 0.95
    np.testing.assert_allclose(ours.predict_proba(X), ours.predict_proba(X.astype(np.float64)), atol=1e-6)


def test_a_column_of_another_unit_no_longer_hides_the_clusters(model: DEC) -> None:
    assert clustering_accuracy(TRUTH, model.labels_) > 0.9
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_it_can_be_left_out() -> None:
    representation = clone(NEIGHBORS).set_params(standardize=False)
    model = small_dec(3).set_params(representation=representation).fit(X)
    assert model.feature_means_ is None
    assert clustering_accuracy(TRUTH, model.labels_) < 0.7


def test_a_frozen_representation_brings_its_units(model: DEC) -> None:
    representation = clone(NEIGHBORS).set_params(random_state=0).fit(X)
    frozen = small_dec(3, max_iter=0).set_params(representation=FrozenEstimator(representation)).fit(X)
    np.testing.assert_allclose(frozen.transform(X), representation.transform(X), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(frozen.feature_means_, model.feature_means_)


def test_reconstructions_are_in_the_units_of_the_rows() -> None:
    autoencoder = clone(REPRESENTATIONS["autoencoder"]).set_params(max_steps=400).fit(X)
    rows = autoencoder.inverse_transform(autoencoder.transform(X))
    np.testing.assert_allclose(rows.mean(axis=0), X.mean(axis=0), rtol=0.2)


def test_a_saved_model_and_an_export_predict_the_same(model: DEC, tmp_path) -> None:
    save(model, tmp_path / "m")
    np.testing.assert_array_equal(load(tmp_path / "m").predict_proba(X), model.predict_proba(X))
    export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(["code"], {"rows": X})[0], model.transform(X), atol=1e-3)


def test_a_split_trains_on_standardised_rows(model: DEC) -> None:
    parts = split(model, 0, X, updates=1)
    assert np.isfinite(parts.transform(X)).all()
    np.testing.assert_array_equal(parts.labels_, parts.predict(X))
    others = model.labels_ != 0
    assert clustering_accuracy(model.labels_[others], parts.labels_[others]) > 0.9


def test_a_fit_that_goes_on_has_the_same_units(model: DEC, tmp_path) -> None:
    first, second = (small_dec(3).set_params(representation=NEIGHBORS) for _ in range(2))
    records = first.iter_fit(X, checkpoint=Checkpoint(tmp_path / "c", every=0))
    next(record for record in records if isinstance(record, Epoch))
    records.close()
    assert (tmp_path / "c").exists()
    again = second.fit(X, checkpoint=Checkpoint(tmp_path / "c", every=0))
    np.testing.assert_array_equal(again.feature_deviations_, model.feature_deviations_)
    np.testing.assert_array_equal(again.transform(X), model.transform(X))


@pytest.mark.parametrize(
    "damage",
    [
        lambda tensors: tensors.pop("means"),
        lambda tensors: tensors.update(means=torch.zeros(7)),
        lambda tensors: tensors.update(deviations=torch.zeros(8)),
        lambda tensors: tensors.update(deviations=torch.full((8,), torch.inf)),
    ],
)
def test_a_damaged_file_is_refused(damage, model: DEC, tmp_path) -> None:
    save(model, tmp_path / "m")
    with safe_open(tmp_path / "m", "pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    damage(tensors)
    save_file(tensors, tmp_path / "m", metadata)
    with pytest.raises(ModelFileError, match="is damaged"):
        load(tmp_path / "m")
