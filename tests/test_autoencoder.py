"""The autoencoder as an estimator of its own."""

import numpy as np
import pytest
from sklearn.base import clone

from small import REPRESENTATIONS, blobs
from torchdec import Autoencoder


def test_it_reconstructs_rows_on_their_own_scale() -> None:
    X = 100 * blobs(200, 8, 3)[0]
    autoencoder = Autoencoder(hidden=(32,), embedding_dim=4, max_epochs=150, learning_rate=5e-3, random_state=0)
    reconstructed = autoencoder.fit(X).inverse_transform(autoencoder.transform(X))
    assert np.mean((X - reconstructed) ** 2) < 0.1 * np.var(X)


def test_the_network_has_the_papers_shape_by_default() -> None:
    X = blobs(12, 5, 2)[0]
    autoencoder = Autoencoder(max_steps=1, random_state=0).fit(X)
    widths = [layer.in_features for layer in autoencoder.encoder_ if hasattr(layer, "in_features")]
    assert widths == [5, 500, 500, 2000]
    assert autoencoder.encoder_[-1].out_features == 10
    widths = [layer.out_features for layer in autoencoder.decoder_ if hasattr(layer, "out_features")]
    assert widths == [2000, 500, 500, 5]


def test_max_epochs_and_max_steps_bound_the_history() -> None:
    X = blobs(64, 5, 2)[0]
    short = clone(REPRESENTATIONS["autoencoder"]).set_params(max_epochs=2, random_state=0).fit(X)
    assert short.history_[-1].n_steps == 4
    assert short.history_[-1].step == 4


@pytest.mark.parametrize("name", ["autoencoder", "layer-wise", "neighbors"])
def test_training_moves_the_weights_of_every_layer(name: str) -> None:
    X = blobs(64, 5, 2)[0]
    short, long = (
        clone(REPRESENTATIONS[name]).set_params(max_epochs=passes, random_state=0).fit(X) for passes in (1, 20)
    )
    for before, after in zip(short.encoder_.parameters(), long.encoder_.parameters(), strict=True):
        assert not np.array_equal(before.numpy(), after.numpy())


def test_bad_parameters_are_named_when_fitting() -> None:
    with pytest.raises(ValueError, match="'learning_rate' parameter of Autoencoder"):
        Autoencoder(learning_rate=0).fit(np.eye(4))
    with pytest.raises(ValueError, match=r"hidden=\(\d+, 0\)"):
        Autoencoder(hidden=(5, 0)).fit(np.eye(4))


@pytest.mark.parametrize(
    ("autoencoder", "n_rows", "expected"),
    [
        (Autoencoder(), 2**15 - 1, (256, 1e-3, 1000)),
        (Autoencoder(), 2**15, (1024, 2e-3, 4000)),
        (Autoencoder(batch_size=64, learning_rate=0.5, max_steps=7), 2**15, (64, 0.5, 7)),
        (Autoencoder.paper(), 2**15, (256, 0.1, 100_000)),
    ],
)
def test_many_rows_are_trained_longer_and_in_larger_batches_but_not_in_the_paper_s_recipe(
    autoencoder: Autoencoder, n_rows: int, expected: tuple[int, float, int]
) -> None:
    assert autoencoder._pace(n_rows) == expected
