"""Several encoders, of which the one whose clusters the others agree with most goes on."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from small import REPRESENTATIONS, blobs, small_dec
from torchdec import DEC, NeighborEncoder
from torchdec._core.medoid import agreement
from torchdec._core.records import Centroids, Epoch

X = blobs(150, 6, 3, spread=0.5)[0]


def taken(monkeypatch: pytest.MonkeyPatch, number: int, **parameters: object) -> DEC:
    """Fit with three encoders where the one of that number is agreed with most."""
    monkeypatch.setattr("torchdec._starts.agreement", lambda labels: np.eye(len(labels))[number])
    return small_dec(3, "neighbors", n_encoders=3).set_params(**parameters).fit(X)


def weights(model: DEC) -> torch.Tensor:
    return torch.cat([parameter.flatten() for parameter in model.encoder_.parameters()])


def test_the_first_is_the_one_of_a_fit_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    one, first = small_dec(3, "neighbors").fit(X), taken(monkeypatch, 0)
    assert torch.equal(weights(one), weights(first))
    np.testing.assert_array_equal(one.labels_, first.labels_)
    np.testing.assert_array_equal(one.cluster_centers_, first.cluster_centers_)
    assert one.agreement_ is None


@pytest.mark.parametrize("number", [0, 1, 2])
def test_encoder_and_centres_are_those_of_the_one_that_is_taken(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = taken(monkeypatch, number, max_iter=0)
    np.testing.assert_array_equal(model.agreement_, np.eye(3)[number])
    sizes = [record.sizes for record in model.history_ if isinstance(record, Centroids)]
    assert tuple(np.bincount(model.labels_, minlength=3)) == sizes[number]
    # Centres of k-means are the means of their rows, in the code of their own encoder.
    code = model.transform(X)
    means = [code[model.labels_ == cluster].mean(axis=0) for cluster in range(3)]
    np.testing.assert_allclose(model.cluster_centers_, means, atol=0.02)


def test_each_has_weights_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    alike = NeighborEncoder(hidden=(16, 24), code_size=3, max_steps=60, batch_size=32, random_state=5)
    found = [weights(taken(monkeypatch, number, representation=alike)) for number in range(3)]
    assert all(not torch.equal(found[a], found[b]) for a, b in [(0, 1), (0, 2), (1, 2)])


def test_the_most_agreed_is_taken_and_how_far_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watched(partitions: list[np.ndarray]) -> np.ndarray:
        seen.extend(partitions)
        return agreement(partitions)

    monkeypatch.setattr("torchdec._starts.agreement", watched)
    model = small_dec(3, "neighbors", n_encoders=3, max_iter=0).fit(X)
    np.testing.assert_array_equal(model.agreement_, agreement(seen))
    np.testing.assert_array_equal(model.labels_, seen[model.agreement_.argmax()])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_history_tells_which_encoder_is_trained() -> None:
    model = small_dec(3, "layer-wise", n_encoders=2).fit(X)
    stages = list(dict.fromkeys(record.stage for record in model.history_ if isinstance(record, Epoch)))
    assert len(stages) % 2 == 0
    half = len(stages) // 2
    assert [stage.removesuffix(", encoder 1 of 2") for stage in stages[:half]] == [
        stage.removesuffix(", encoder 2 of 2") for stage in stages[half:]
    ]
    seconds = [record.seconds for record in model.history_]
    assert seconds == sorted(seconds)


def test_a_decoder_goes_with_its_encoder() -> None:
    model = small_dec(3, n_encoders=2, reconstruction_weight=1.0).fit(X)
    assert model.agreement_.shape == (2,)
    assert np.isfinite(model.agreement_).all()


def test_several_of_a_frozen_representation_are_refused() -> None:
    frozen = FrozenEstimator(clone(REPRESENTATIONS["autoencoder"]).fit(X))
    with pytest.raises(ValueError, match="n_encoders=2 trains several, and the representation is frozen"):
        small_dec(3, n_encoders=2).set_params(representation=frozen).fit(X)
