"""What is saved predicts the same bits; what is no model is refused before anything is made of it."""

import json
import math
import re
import struct
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from small import REPRESENTATIONS, blobs, small_dec
from torchdec import DEC, Autoencoder, NeighborEncoder, __version__, load, save
from torchdec._model_file import ModelFileError, model_path, parameters_to_json, read_header
from torchdec.augment import ShiftRotate
from torchdec.clusters import merge, rename
from torchdec.runs import Data, Run, RunError, write_record
from torchdec.scoring import Predictor

SIZES = [30, 30]


@pytest.fixture(scope="module")
def X() -> Any:
    return blobs(60, 6, 2)[0]


@pytest.fixture(scope="module")
def fitted(X: Any) -> DEC:
    return small_dec(2).fit(X)


@pytest.fixture
def file(fitted: DEC, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save(fitted, path)
    return path


@pytest.mark.parametrize("representation", ["autoencoder", "neighbors"])
def test_a_loaded_model_predicts_the_same_bits(representation: str, X: Any, tmp_path: Path) -> None:
    model = small_dec(2, representation, alpha=2.5).fit(X)
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    assert again.get_params()["alpha"] == 2.5
    assert again.stop_reason_ is model.stop_reason_
    assert {k: str(v) for k, v in again.get_params().items()} == {k: str(v) for k, v in model.get_params().items()}


def test_feature_names_and_frozen_representations_survive(X: Any, tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=list("abcdef"))
    representation = clone(REPRESENTATIONS["autoencoder"]).fit(frame)
    model = small_dec(2, max_iter=0).set_params(representation=FrozenEstimator(representation)).fit(frame)
    save(model, tmp_path / "m")
    again = load(tmp_path / "m")
    assert list(again.feature_names_in_) == list("abcdef")
    assert again.feature_names_in_.dtype == object
    np.testing.assert_array_equal(again.predict(frame), model.labels_)


def test_all_that_was_learned_survives(X: Any, tmp_path: Path) -> None:
    representation = clone(REPRESENTATIONS["autoencoder"]).set_params(standardize=True)
    model = small_dec(np.int64(3), max_iter=np.int64(2)).set_params(representation=representation)
    model.fit(X * (10.0 ** np.arange(6)).astype(np.float32))
    model = rename(merge(model, 0, 2), 1, "größer")
    save(model, tmp_path / "m")
    again = load(tmp_path / "m", device="cpu")
    lost = {"labels_", "history_", "choice_", "encoder_", "landmarks_"}
    learned = {name: value for name, value in vars(model).items() if name.endswith("_") and name not in lost}
    for name, value in learned.items():
        np.testing.assert_array_equal(getattr(again, name), value, strict=True)
        assert type(getattr(again, name)) is type(value), name
    for name, value in vars(model.landmarks_).items():
        assert torch.equal(getattr(again.landmarks_, name), value)
    for name, weight in model.encoder_.state_dict().items():
        assert torch.equal(again.encoder_.state_dict()[name], weight)
    assert {name: getattr(again, name) for name in ("n_clusters", "max_iter", "device")} == {
        "n_clusters": 2,
        "max_iter": 2,
        "device": "cpu",
    }
    assert not hasattr(again, "feature_names_in_")


def test_an_augmentation_survives_where_it_is_one_of_ours(X: Any, tmp_path: Path) -> None:
    for augment, expected in (
        (ShiftRotate((2, 3), degrees=5), "ShiftRotate(degrees=5, image_shape=(2, 3))"),
        (lambda rows, generator: rows, "None"),
    ):
        save(small_dec(2, augment=augment).fit(X), tmp_path / "model.safetensors")
        assert repr(load(tmp_path / "model.safetensors").augment) == expected


def test_an_unfitted_model_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        save(DEC(), tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_a_failed_save_leaves_the_old_file_and_nothing_else(
    file: Path, fitted: DEC, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def full_disk(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        save(fitted, file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_file_that_cannot_be_written_is_named(
    fitted: DEC, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise SafetensorError("I/O error: no space left")

    monkeypatch.setattr("torchdec._model_file.save_file", refuse)
    with pytest.raises(
        OSError, match=f"^{re.escape(str(tmp_path / 'm'))} cannot be written: I/O error: no space left"
    ):
        save(fitted, tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_the_header_says_what_the_file_is(file: Path, fitted: DEC) -> None:
    header = read_header(file)
    parameters = header.pop("parameters")
    assert header == {
        "version": 7,
        "class": "DEC",
        "torchdec": __version__,
        "scale": fitted.scale_,
        "n_features_in": 6,
        "feature_names_in": None,
        "n_iter": fitted.n_iter_,
        "stop_reason": fitted.stop_reason_.name,
        "clusters": {"of_center": [0, 1], "names": ["", ""], "sizes": fitted.cluster_sizes_.tolist(), "edits": []},
        "preparation": {"reading": {}},
        "encoder": {"class": "Stack", "config": {"widths": [6, 16, 24, 3]}},
        "transformer": None,
        "noise_level": None,
    }
    assert parameters["representation"]["class"] == "Autoencoder"
    assert parameters["representation"]["parameters"]["hidden"] == [16, 24]


def test_generators_and_functions_are_no_parameters_of_a_file() -> None:
    parameters = parameters_to_json(
        DEC(
            np.int64(4),
            representation=FrozenEstimator(NeighborEncoder(random_state=np.random.RandomState(0))),
            augment=lambda rows, generator: rows,
        )
    )
    assert (parameters["n_clusters"], type(parameters["n_clusters"]), parameters["augment"]) == (4, int, None)
    assert parameters["representation"]["class"] == "NeighborEncoder"
    assert parameters["representation"]["parameters"]["random_state"] is None


class Zeros(BaseEstimator):
    """An augmentation that has parameters, as ShiftRotate has."""

    def __call__(self, rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return rows * 0


class OwnAutoencoder(Autoencoder):
    """Of a class that no file brings back."""


def test_what_is_saved_can_be_loaded(fitted: DEC, tmp_path: Path) -> None:
    hidden = Autoencoder(hidden=np.array([16, 24]), augment=Zeros())
    model = deepcopy(fitted).set_params(n_clusters=5, augment=Zeros(), representation=hidden)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    assert (again.n_clusters, again.augment, again.representation.hidden) == (5, None, (16, 24))
    save(model.set_params(representation__hidden=(np.int64(16),)), tmp_path / "model")
    assert load(tmp_path / "model").representation.hidden == (16,)


def test_a_run_directory_is_loaded_as_its_model_file_is(file: Path, X: Any, tmp_path: Path) -> None:
    assert model_path(str(file)) == file
    with pytest.raises(RunError, match=r"it has no run\.json"):
        model_path(tmp_path)
    with pytest.raises(RunError, match=r"it has no run\.json; name one that torchdec fit -o wrote"):
        load(tmp_path)
    run = Run({}, {}, Data("x.npy", (3, 2), "float64", "ab" * 32), {}, (), "CONVERGED", (3,), (1.0,), (), ())
    write_record(tmp_path, run)
    assert model_path(tmp_path) == file
    np.testing.assert_array_equal(load(str(tmp_path)).predict(X), load(file).predict(X))
    np.testing.assert_array_equal(Predictor(str(tmp_path))(pd.DataFrame(X))["cluster"], load(file).predict(X))
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"There is no file .*model\.safetensors"):
        load(tmp_path)


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 100, -1])
def test_a_truncated_file_is_refused(file: Path, keep: int) -> None:
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ModelFileError, match="isn't a torchdec model file, or is truncated"):
        load(file)


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a model")
    save_file({"a": torch.zeros(2)}, tmp_path / "other")
    with pytest.raises(ModelFileError, match="isn't a torchdec model file"):
        load(tmp_path / "text")
    with pytest.raises(ModelFileError, match="not a torchdec model"):
        load(tmp_path / "other")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        load(tmp_path / "missing")


@pytest.mark.parametrize("text", ["{", "[]", "null", "[" * 100_000])
def test_a_header_that_is_no_object_of_json_is_refused(text: str, tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "m", metadata={"torchdec": text})
    with pytest.raises(ModelFileError, match=f"^{re.escape(str(tmp_path / 'm'))} has a damaged header"):
        read_header(tmp_path / "m")


def rewritten(file: Path, header: dict[str, Any] | None = None, drop: str = "", **tensors: torch.Tensor) -> Path:
    with safe_open(file, framework="pt") as opened:
        parts = {name: opened.get_tensor(name) for name in opened.keys() if name != drop}  # noqa: SIM118
        text = json.loads(opened.metadata()["torchdec"])
    text.update(header or {})
    save_file({**parts, **tensors}, file, metadata={"torchdec": json.dumps(text)})
    return file


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"header": {"version": 99}},
            "model format version 99; this is torchdec .* which reads version 7",
        ),
        ({"header": {"class": "Other"}}, "not understood"),
        ({"header": {"n_features_in": 7}}, "tensors do not fit together"),
        ({"header": {"feature_names_in": ["a"]}}, "tensors do not fit together"),
        ({"header": {"parameters": {"n_clusters": 2, "evil": 1}}}, "not understood"),
        ({"header": {"stop_reason": "BORED"}}, "not understood"),
        ({"header": {"clusters": None}}, "not understood"),
        (
            {"header": {"clusters": {"of_center": [0, 0], "names": ["", ""], "sizes": SIZES, "edits": []}}},
            "do not fit together",
        ),
        (
            {"header": {"clusters": {"of_center": [0, 1, 1], "names": ["", ""], "sizes": SIZES, "edits": []}}},
            "do not fit together",
        ),
        (
            {"header": {"clusters": {"of_center": [0, 1], "names": ["", 5], "sizes": SIZES, "edits": []}}},
            "do not fit together",
        ),
        (
            {"header": {"clusters": {"of_center": [0, 1], "names": ["", ""], "sizes": SIZES, "edits": [1]}}},
            "do not fit together",
        ),
        (
            {"header": {"clusters": {"of_center": [0.0, 1], "names": ["", ""], "sizes": SIZES, "edits": []}}},
            "do not fit together",
        ),
        ({"header": {"feature_names_in": [1, 2, 3, 4, 5, 6]}}, "do not fit together"),
        ({"radii": torch.zeros(3)}, "do not fit together"),
        ({"confidences": torch.zeros(3)}, "do not fit together"),
        (
            {"header": {"parameters": {"n_clusters": 2, "representation": {"class": "os.system"}}}},
            "not understood",
        ),
        ({"drop": "encoder.0.bias"}, "do not fit together"),
        ({"centers": torch.zeros(2, 9)}, "do not fit together"),
        ({"centers": torch.zeros(6)}, "do not fit together"),
        ({"encoder.0.weight": torch.zeros(16, 6, 1)}, "do not fit together"),
        ({"encoder.1.weight": torch.zeros(24, 15)}, "do not fit together"),
        ({"encoder.1.bias": torch.zeros(23)}, "do not fit together"),
        ({"means": torch.zeros(6)}, "do not fit together"),
        ({"deviations": torch.ones(6)}, "do not fit together"),
        ({"means": torch.zeros(5), "deviations": torch.ones(6)}, "do not fit together"),
        ({"means": torch.zeros(6), "deviations": torch.ones(5)}, "do not fit together"),
        ({"means": torch.zeros(6), "deviations": torch.tensor([1.0] * 5 + [0])}, "deviations are not all above 0"),
        ({"drop": "landmarks.rests"}, "do not fit together"),
        ({"landmarks.axes": torch.zeros(5, 6)}, "do not fit together"),
        ({"landmarks.scores": torch.zeros(101)}, "do not fit together"),
        ({"landmarks.places": torch.zeros(60)}, "do not fit together"),
        ({"landmarks.spacings": torch.zeros(60)}, "landmarks.spacings are not all above 0"),
        ({"header": {"noise_level": -1.0}}, "not understood"),
        ({"middles": torch.zeros(3, 6)}, "do not fit together"),
        ({"extra": torch.zeros(1)}, "do not fit together"),
        ({"centers": torch.full((2, 3), torch.nan)}, "not finite"),
        ({"centers": torch.zeros(2, 3, dtype=torch.float64)}, "not finite float32"),
        ({"centers": torch.zeros(2, 3, dtype=torch.bfloat16)}, "not finite float32"),
    ],
)
def test_a_header_or_tensor_that_does_not_fit_is_refused(file: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFileError, match=f"^{re.escape(str(file))} .*{message}"):
        load(rewritten(file, **change))


@pytest.mark.parametrize(
    "key",
    [
        "class",
        "torchdec",
        "parameters",
        "scale",
        "n_features_in",
        "feature_names_in",
        "n_iter",
        "stop_reason",
        "clusters",
        "preparation",
        "noise_level",
    ],
)
def test_a_part_of_the_header_that_is_of_another_kind_is_named(key: str, file: Path) -> None:
    with pytest.raises(ModelFileError, match=f"not understood: {key}"):
        load(rewritten(file, {key: True}))


@pytest.mark.parametrize("scale", [0, -1.0, math.inf, math.nan])
def test_a_scale_that_is_no_positive_number_is_refused(scale: float, file: Path) -> None:
    with pytest.raises(ModelFileError, match="not understood: class, scale"):
        load(rewritten(file, {"scale": scale}))


WORDS = list("abcdef")


@pytest.mark.parametrize(
    "preparation",
    [
        {"kind": "images", "shape": [2, 3], "values": None},
        {"kind": "images", "shape": [1, 2, 3], "values": [0.0, 255.0]},
        {"kind": "texts", "words": WORDS, "rarity": [1.0] * 6, "analyzer": "words"},
        {"kind": "cells", "genes": WORDS, "total": None, "from_zero": False},
        {"kind": "cells", "genes": WORDS, "total": 1.0, "from_zero": True},
    ],
)
def test_a_preparation_comes_back(preparation: dict[str, Any], file: Path) -> None:
    made = {"reading": {"text_column": "body", "layer": "counts"}, **preparation}
    assert load(rewritten(file, {"preparation": made})).preparation_.to_json() == made


@pytest.mark.parametrize(
    "preparation",
    [
        {"kind": "code"},
        {"kind": "images"},
        {"kind": "images", "shape": [6]},
        {"kind": "images", "shape": [4, 4]},
        {"kind": "images", "shape": [-2, -3]},
        {"kind": "images", "shape": [2, 3, 1.0]},
        {"kind": "images", "shape": ["6", 1]},
        {"kind": "texts", "words": ["a"] * 6, "rarity": [1.0] * 6},
        {"kind": "texts", "words": [*WORDS[:5], 6], "rarity": [1.0] * 6},
        {"kind": "texts", "words": WORDS, "rarity": [1.0] * 5},
        {"kind": "texts", "words": WORDS, "rarity": [1] * 6},
        {"kind": "texts", "words": WORDS[:5], "rarity": [1.0] * 5},
        {"kind": "cells", "genes": ["a"] * 6, "total": 1.0},
        {"kind": "cells", "genes": [*WORDS[:5], 6], "total": 1.0},
        {"kind": "cells", "genes": WORDS[:5], "total": 1.0},
        {"kind": "cells", "genes": WORDS, "total": 0.5},
        {"kind": "cells", "genes": WORDS, "total": math.inf},
        {"kind": "cells", "genes": WORDS, "total": 1},
        {"kind": "cells", "genes": WORDS, "total": None, "from_zero": 1},
    ],
)
def test_a_preparation_that_does_not_fit_is_refused(preparation: dict[str, Any], file: Path) -> None:
    with pytest.raises(ModelFileError, match="header that is not understood"):
        load(rewritten(file, {"preparation": {"reading": {}, **preparation}}))


def test_what_a_fit_may_leave_is_not_refused(file: Path, X: Any) -> None:
    """A number of clusters that was chosen, a centre without rows, two centres of a cluster, a whole scale."""
    header = {
        "parameters": {"n_clusters": "auto"},
        "scale": 2,
        "clusters": {"of_center": [0, 0], "names": ["both"], "sizes": [60], "edits": [{}]},
    }
    columns = {"means": torch.zeros(6), "deviations": torch.full((6,), 0.5)}
    columns |= {"middles": torch.zeros(1, 6), "doubts": torch.zeros(2, 1)}
    model = load(rewritten(file, header, radii=torch.tensor([1.0, torch.nan]), **columns))
    assert set(model.predict(X)) == {0}
    assert (model.scale_, model.feature_deviations_[0]) == (2.0, 0.5)


def test_a_header_that_lies_about_its_size_allocates_nothing(file: Path) -> None:
    file.write_bytes(struct.pack("<Q", 2**62) + file.read_bytes()[8:])
    with pytest.raises(ModelFileError):
        load(file)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(position=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_any_changed_byte_gives_a_model_or_a_model_file_error(file: Path, position: float, value: int) -> None:
    content = bytearray(file.read_bytes())
    content[int(position * len(content))] = value
    other = file.with_name("changed")
    other.write_bytes(content)
    try:
        model = load(other)
    except ModelFileError:
        return
    assert model.predict(np.zeros((1, 6), dtype=np.float32)).shape == (1,)
