"""A module of the user's own, and a transformer of scikit-learn, serve wherever torchdec's own encoders do."""

import re
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF, PCA, KernelPCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer, StandardScaler
from torch import Tensor, nn

from small import OddNetwork, OwnRepresentation, blobs, small_dec
from torchdec import DEC, Epoch, Representation, export_onnx, load, save
from torchdec._encoder_file import EncoderError
from torchdec._model_file import ModelFileError
from torchdec._transformed import TransformerError
from torchdec.clusters import merge, split
from torchdec.metrics import ari
from torchdec.rows import RowsWarning

X, Y = blobs(120, 6, 3, spread=0.05)
X -= X.min()  # as some transformers ask for


def fitted(**parameters: Any) -> DEC:
    return small_dec(3, "own", **parameters).fit(X)


def test_an_own_encoder_finds_clusters_and_gives_the_same_bits_each_time() -> None:
    first, second = fitted(), fitted()
    assert ari(Y, first.labels_) == 1
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert first.transform(X).shape == (120, 3)
    assert type(first.encoder_) is OddNetwork


def test_the_seed_of_the_dec_reaches_a_representation_that_takes_none() -> None:
    class Seedless(OwnRepresentation):
        def __init__(self) -> None:
            self.max_epochs = 2

    models = [small_dec(3).set_params(representation=Seedless(), random_state=seed).fit(X) for seed in (0, 0, 1)]
    first, again, other = (model.encoder_.last.weight for model in models)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_its_networks_are_made_without_touching_the_global_generator() -> None:
    before = torch.get_rng_state()
    fitted()
    assert torch.equal(before, torch.get_rng_state())


def test_a_model_with_an_own_encoder_comes_back_once_its_class_is_given(tmp_path: Path) -> None:
    model = fitted(reconstruction_weight=1.0)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model", modules={"OddNetwork": OddNetwork, "OwnRepresentation": OwnRepresentation})
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.representation.max_epochs == 12
    again.fit(X)
    np.testing.assert_array_equal(again.labels_, model.labels_)


def test_without_its_class_a_model_says_what_to_give(tmp_path: Path) -> None:
    save(fitted(), tmp_path / "model")
    with pytest.raises(ModelFileError, match=re.escape('torchdec.load(path, modules={"OddNetwork": OddNetwork})')):
        load(tmp_path / "model")


def test_without_the_class_of_its_representation_a_model_predicts_and_no_fit_begins(tmp_path: Path) -> None:
    model = fitted()
    save(model, tmp_path / "model")
    again = load(tmp_path / "model", modules={"OddNetwork": OddNetwork})
    np.testing.assert_array_equal(again.predict(X), model.labels_)
    with pytest.raises(ValueError, match=r"'representation' parameter.*Got 'OwnRepresentation'"):
        again.fit(X)
    save(again, tmp_path / "once more")
    assert load(tmp_path / "once more", modules={"OddNetwork": OddNetwork}).representation == "OwnRepresentation"


def test_another_class_of_the_same_name_is_refused(tmp_path: Path) -> None:
    save(fitted(), tmp_path / "model")
    with pytest.raises(ModelFileError, match="its tensors are not those of a OddNetwork"):
        load(
            tmp_path / "model",
            modules={"OddNetwork": lambda width, embedding_dim: nn.Linear(width, embedding_dim)},
        )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            lambda **_: nn.ReLU(),
            r"a OddNetwork, for which a ReLU was made: 'convolution\.bias' and \d more \(of shape ",
        ),
        (OddNetwork(6), r"modules\['OddNetwork'\] is .*; give the class itself: \{'OddNetwork': OddNetwork\}"),
        ("OddNetwork", r"modules\['OddNetwork'\] is 'OddNetwork'; give the class itself"),
        (lambda **_: OddNetwork(7), r"a OddNetwork: 'last\.weight' \(of shape .* in the file, of shape .* in the"),
    ],
)
def test_what_is_given_in_place_of_the_class_is_named(given: Any, message: str, tmp_path: Path) -> None:
    save(fitted(), tmp_path / "model")
    with pytest.raises(ModelFileError, match=message) as caught:
        load(tmp_path / "model", modules={"OddNetwork": given})
    assert len(str(caught.value)) < 300 + len(str(tmp_path))
    with pytest.raises(TypeError, match=r"modules is .*; give classes by their names"):
        load(tmp_path / "model", modules=[OddNetwork])  # type: ignore[arg-type]


class Activation(Representation):
    """Encoders that a file cannot tell apart by their weights."""

    max_epochs = 1

    def __init__(self, encoder: Any = None) -> None:
        self.encoder = encoder

    def networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        return self.encoder(n_features), nn.Linear(2, n_features)


class NeedsWidth(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 2)

    def forward(self, rows: Tensor) -> Tensor:
        return self.linear(rows)


class Counts(NeedsWidth):
    """Computes with a number that neither its weights nor its config hold."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.config = {"width": width}
        self.factor = 1.0

    def forward(self, rows: Tensor) -> Tensor:
        return self.factor * self.linear(rows)


def _with_factor(width: int) -> nn.Module:
    module = Counts(width)
    module.factor = 2.0
    return module


@pytest.mark.parametrize(
    ("encoder", "why"),
    [
        (
            lambda d: nn.Sequential(nn.Linear(d, 4), nn.Tanh(), nn.Linear(4, 2)),
            "is torch's Sequential, and a file does not say which layers and arguments it has; make it a class",
        ),
        (lambda d: nn.Linear(d, 2), "is torch's Linear, and a file does not say"),
        (
            lambda d: nn.Sequential(*(nn.BatchNorm1d(d) for _ in range(30)), nn.Linear(d, 2)),
            "is torch's Sequential",
        ),
        (NeedsWidth, "missing 1 required positional argument: 'width'.*attribute config"),
        (_with_factor, "it computes something else.*attribute config"),
    ],
)
def test_an_encoder_that_would_come_back_as_another_is_never_written(
    encoder: Any, why: str, tmp_path: Path
) -> None:
    model = small_dec(3).set_params(representation=Activation(encoder)).fit(X)
    with pytest.raises(EncoderError, match=why) as caught:
        save(model, tmp_path / "model")
    assert len(str(caught.value)) < 300
    assert not list(tmp_path.iterdir())


def test_following_the_old_advice_writes_no_other_model(tmp_path: Path) -> None:
    """Once `representation="autoencoder"` made the file one of a stack with ReLU, whatever the encoder was."""
    model = small_dec(3).set_params(representation=Activation(lambda d: nn.Sequential(nn.Linear(d, 2), nn.Tanh())))
    model.fit(X).set_params(representation="autoencoder")
    with pytest.raises(EncoderError):
        save(model, tmp_path / "model")


def test_clusters_of_an_own_encoder_are_merged_and_split() -> None:
    model = fitted()
    assert len(set(merge(model, 0, 1).predict(X))) == 2
    assert split(model, 0, X, updates=1).predict_proba(X).shape == (120, 4)


def test_onnx_predicts_what_an_own_encoder_does(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = fitted()
    export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    code, probabilities, labels = session.run(None, {"rows": X})
    np.testing.assert_array_equal(labels, model.labels_)
    np.testing.assert_allclose(code, model.transform(X), atol=1e-5)
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)


def test_a_representation_without_networks_or_without_a_loss_says_so() -> None:
    class Empty(Representation):
        pass

    class NoDecoder(Representation):
        def networks(self, n_features: int) -> tuple[nn.Module, None]:
            return nn.Linear(n_features, 2), None

    with pytest.raises(TypeError, match=r"Empty has no method networks\(n_features\)"):
        Empty().fit(X)
    with pytest.raises(TypeError, match="NoDecoder has neither a decoder nor a loss of its own"):
        NoDecoder().fit(X)


TRANSFORMERS = {
    "components": PCA(4),
    "whitened": PCA(4, whiten=True),
    "factors": NMF(4, tol=0.01, random_state=0),
    "standardised": StandardScaler(),
    "quantiles": QuantileTransformer(n_quantiles=50),
    "frozen": FrozenEstimator(PCA(4).fit(X)),
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_transformer_of_scikit_learn_is_a_representation_and_comes_back(name: str, tmp_path: Path) -> None:
    model = small_dec(3).set_params(representation=TRANSFORMERS[name]).fit(X)
    assert ari(Y, model.labels_) == 1
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(again.fit(X).labels_, model.labels_)


def test_a_transformer_is_where_self_training_begins() -> None:
    model = small_dec(3, max_iter=0).set_params(representation=PCA(2)).fit(X)
    scaled = PCA(2).fit(X).transform(X) * model.scale_
    np.testing.assert_allclose(model.transform(X), scaled, atol=1e-4)


def test_transformers_that_no_file_holds_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    for transformer, why in ((KernelPCA(2), "KernelCenterer"), (FunctionTransformer(np.log1p), "func")):
        model = small_dec(3).set_params(representation=transformer).fit(X)
        with pytest.raises(TransformerError, match=why):
            save(model, tmp_path / "model")
        with pytest.raises(ValueError, match="skl2onnx"):
            export_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_clusterer_is_no_representation() -> None:
    for clusterer in (KMeans(3), FrozenEstimator(KMeans(3, n_init=1, random_state=0).fit(X))):
        with pytest.raises(ValueError, match="makes clusters, but an embedding is needed"):
            small_dec(3).set_params(representation=clusterer).fit(X)


def test_rows_that_hold_nothing_pass_a_transformer_by() -> None:
    with_gap = np.insert(X, 7, np.nan, axis=0)
    with pytest.warns(RowsWarning, match="1 of 121 rows holds nothing"):
        model = small_dec(3).set_params(representation=PCA(2)).fit(with_gap)
    alone = small_dec(3).set_params(representation=PCA(2)).fit(X)
    assert model.labels_[7] == -1
    np.testing.assert_array_equal(np.delete(model.labels_, 7), alone.labels_)
    assert np.isnan(model.transform(with_gap)[7]).all()


def test_a_transformer_that_is_not_fitted_is_not_taken_as_it_is() -> None:
    with pytest.raises(NotFittedError):
        small_dec(3).set_params(representation=FrozenEstimator(PCA(2))).fit(X)


def test_a_damaged_transformer_is_a_damaged_file(tmp_path: Path) -> None:
    model = small_dec(3).set_params(representation=PCA(2)).fit(X)
    del model.transformer_.components_
    save(model, tmp_path / "model")
    with pytest.raises(ModelFileError, match="its transformer cannot be made"):
        load(tmp_path / "model")


class Dropping(OwnRepresentation):
    """Its encoder draws from torch's global generator while it is trained; it takes no seed."""

    def __init__(self) -> None:
        self.max_epochs = 12

    def networks(self, n_features: int) -> tuple[nn.Module, nn.Module]:
        return nn.Sequential(nn.BatchNorm1d(n_features), nn.Dropout(0.3), OddNetwork(n_features)), nn.Linear(
            3, n_features
        )


def test_dropout_in_an_own_encoder_draws_from_the_seed_of_the_fit() -> None:
    before = torch.get_rng_state()
    first = small_dec(3).set_params(representation=Dropping(), random_state=0).fit(X)
    assert torch.equal(before, torch.get_rng_state())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        again = small_dec(3).set_params(representation=Dropping(), random_state=0).fit(X)
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))


class OwnLoop(Dropping):
    """It trains in a loop of its own, and draws there from torch's global generator too."""

    def train(self, encoder: nn.Module, decoder: nn.Module | None, source: Any) -> Any:
        assert decoder is not None
        optimizer = torch.optim.SGD([*encoder.parameters(), *decoder.parameters()], 0.05)
        batches = source.batches()
        for epoch in range(self.max_epochs):
            for index in islice(batches, source.steps_an_epoch):
                rows = source.take(index)
                loss = self.loss(encoder, decoder, rows + 0.01 * torch.randn(rows.shape))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            yield Epoch("own", epoch + 1, self.max_epochs, float(loss.detach()), 0.05, 0.0)


def test_a_training_loop_of_its_own_draws_from_the_seed_of_the_fit() -> None:
    def model(seed: int, **parameters: Any) -> DEC:
        before = torch.get_rng_state()
        made = small_dec(3).set_params(representation=OwnLoop(), random_state=seed, **parameters).fit(X)
        assert torch.equal(before, torch.get_rng_state())
        return made

    first = model(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        again, other = model(0), model(1)
    np.testing.assert_array_equal(first.transform(X), again.transform(X))
    assert not np.array_equal(first.transform(X), other.transform(X))


class Made(Representation):
    max_epochs = 1

    def __init__(self, made: Any = None) -> None:
        self.made = made

    def networks(self, n_features: int) -> Any:
        return self.made


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 6)), "Made.networks gives a Sequential"),
        ((nn.Sequential(nn.Linear(6, 1), nn.Flatten(0)), None), r"makes shape \(2,\) of 2 rows"),
        ((nn.Sequential(nn.Linear(6, 6), nn.Unflatten(1, (2, 3))), None), r"makes shape \(2, 2, 3\) of 2 rows"),
    ],
)
def test_networks_that_make_no_embedding_are_refused_in_one_line(made: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        small_dec(3).set_params(representation=Made(made)).fit(X)
    assert "\n" not in str(caught.value)


class WithoutDecoder(OwnRepresentation):
    def networks(self, n_features: int) -> tuple[nn.Module, None]:  # type: ignore[override]
        return OddNetwork(n_features), None

    def loss(self, encoder: nn.Module, decoder: nn.Module | None, rows: Tensor) -> Tensor:
        return (encoder(rows) - rows[:, :3]).abs().mean()


def test_idec_names_an_own_representation_that_made_no_decoder() -> None:
    with pytest.raises(ValueError, match="needs a decoder, which WithoutDecoder has not"):
        small_dec(3).set_params(representation=WithoutDecoder(), reconstruction_weight=1.0).fit(X)
