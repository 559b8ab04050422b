"""Whatever torch's globals are, the results are those under untouched ones, and the globals stay as they are."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone

import torchdec
from small import REPRESENTATIONS, blobs, small_dec
from torchdec._core import torch_globals
from torchdec._core.records import Update
from torchdec._core.torch_globals import own_globals, under_own_globals
from torchdec.clusters import choose_k, merge, rename, split
from torchdec.scoring import Predictor

X, _ = blobs(60, 6, 3)


@contextmanager
def _set(write: Callable[[Any], None], value: Any, before: Any) -> Iterator[None]:
    write(value)
    try:
        yield
    finally:
        write(before)


def _precision_of_mkldnn(value: str) -> None:
    torch.backends.mkldnn.matmul.fp32_precision = value


SETTINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "float64": lambda: _set(torch.set_default_dtype, torch.float64, torch.float32),
    "float16": lambda: _set(torch.set_default_dtype, torch.float16, torch.float32),
    "bfloat16": lambda: _set(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "gradients off": lambda: torch.set_grad_enabled(False),
    "no_grad": torch.no_grad,
    "inference mode": torch.inference_mode,
    "device context": lambda: torch.device("meta"),
    "default device": lambda: _set(torch.set_default_device, "meta", None),
    "deterministic": lambda: _set(torch.set_deterministic_debug_mode, 2, 0),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "matmul precision": lambda: _set(torch.set_float32_matmul_precision, "medium", "highest"),
    "mkldnn's precision": lambda: _set(_precision_of_mkldnn, "bf16", "none"),
    "anomaly mode": lambda: torch.autograd.set_detect_anomaly(True),
    "NumPy that raises": lambda: np.errstate(all="raise"),
}


def _globals() -> list[Any]:
    with torch.device("cpu") if torch.get_default_device().type == "meta" else torch.enable_grad():
        precision = torch_globals._read_precision()
    return [
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_default_device(),
        torch.get_deterministic_debug_mode(),
        torch.is_autocast_enabled("cpu"),
        precision,
        torch.is_anomaly_enabled(),
        torch.get_num_threads(),
        np.geterr(),
    ]


def _results(folder: Path) -> dict[str, NDArray[Any]]:
    """Return what the public functions make of the same rows."""
    folder.mkdir()
    model = small_dec(3, "neighbors").fit(X)
    file = folder / "model.safetensors"
    torchdec.save(model, file)
    torchdec.export_onnx(model, folder / "model.onnx")
    encoder, autoencoder = (
        clone(REPRESENTATIONS[name]).set_params(random_state=0) for name in ("neighbors", "autoencoder")
    )
    code = autoencoder.fit_transform(X)
    choice = choose_k(X, range(2, 4), representation=encoder, random_state=0)
    parts = split(rename(merge(model, 0, 1), 0, "both"), 0, X, updates=1)
    return {
        "labels": model.labels_,
        "centers": model.cluster_centers_,
        "proba": model.predict_proba(X),
        "chunks": np.concatenate([q for _, q in model.predict_chunks(X)]),
        "nearest": model.nearest_centers(model.transform(X))[1],
        "loaded": torchdec.load(file).predict_proba(X),
        "scored": Predictor(str(file))(pd.DataFrame(X)).to_numpy(),
        "neighbors": encoder.fit(X).transform(X),
        "autoencoder": code,
        "reconstructed": autoencoder.inverse_transform(code),
        "parts": parts.predict_proba(X),
        "strengths": np.array([candidate.strength for candidate in choice.candidates]),
        "onnx": np.frombuffer((folder / "model.onnx").read_bytes(), np.uint8),
    }


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NDArray[Any]]:
    return _results(tmp_path_factory.mktemp("untouched") / "run")


@pytest.mark.parametrize("name", SETTINGS)
def test_results_are_the_same_bits_and_the_globals_stay(
    name: str, untouched: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    with SETTINGS[name]():
        before = _globals()
        found = _results(tmp_path / "run")
        assert _globals() == before
    for part, values in untouched.items():
        np.testing.assert_array_equal(found[part], values, err_msg=part)


@pytest.mark.parametrize("name", SETTINGS)
def test_between_the_steps_of_a_fit_the_globals_are_those_of_the_caller(
    name: str, untouched: dict[str, NDArray[Any]]
) -> None:
    with SETTINGS[name]():
        before = _globals()
        model = small_dec(3, "neighbors")
        assert all(_globals() == before for _ in model.iter_fit(X))
        assert all(_globals() == before for _ in model.predict_chunks(X))
    np.testing.assert_array_equal(model.predict_proba(X), untouched["proba"])


def test_globals_may_change_between_the_steps_of_a_fit(untouched: dict[str, NDArray[Any]]) -> None:
    model = small_dec(3, "neighbors")
    steps = model.iter_fit(X)
    while True:
        with torch.inference_mode(), SETTINGS["float64"]():
            if next(steps, None) is None:
                break
        next(steps, None)
    np.testing.assert_array_equal(model.predict_proba(X), untouched["proba"])


def test_a_model_that_was_fitted_or_loaded_in_inference_mode_can_be_trained_outside(tmp_path: Path) -> None:
    with torch.inference_mode():
        model = small_dec(3).fit(X)
        torchdec.save(model, tmp_path / "model.safetensors")
        loaded, merged = torchdec.load(tmp_path / "model.safetensors"), merge(model, 0, 1)
    for each in (model, loaded, merged):
        assert split(each, 0, X, updates=1).n_clusters == len(each.cluster_names_) + 1


def test_globals_come_back_after_an_error() -> None:
    with SETTINGS["float64"](), SETTINGS["inference mode"]():
        before = _globals()
        with pytest.raises(ValueError, match="fewer than n_clusters"):
            small_dec(9).fit(X[:5])
        assert _globals() == before


def test_a_fit_that_is_left_leaves_a_model_and_the_globals() -> None:
    with SETTINGS["float64"]():
        model = small_dec(3)
        for record in model.iter_fit(X):
            if isinstance(record, Update):
                break
        assert torch.get_default_dtype() == torch.float64
    assert model.predict(X).shape == (60,)


def test_what_a_caller_throws_reaches_the_generator() -> None:
    seen: list[Any] = []

    @under_own_globals
    def steps() -> Iterator[int]:
        try:
            yield 1
        except KeyError:
            seen.append(torch.get_default_dtype())
            yield 2

    with SETTINGS["float64"]():
        generator = steps()
        assert next(generator) == 1
        assert generator.throw(KeyError()) == 2  # type: ignore[attr-defined]
        assert torch.get_default_dtype() == torch.float64
    assert seen == [torch.float32]


def test_no_more_threads_run_than_there_are_cores_and_as_many_as_before_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch_globals, "_n_cores", lambda: 3)
    counts = {}
    with _set(torch.set_num_threads, 4, torch.get_num_threads()):
        with own_globals():
            counts["inside"] = torch.get_num_threads(), torch_globals.faiss.omp_get_max_threads() <= 3
        counts["after"] = torch.get_num_threads(), True
        torch.set_num_threads(2)
        with own_globals():
            counts["fewer"] = torch.get_num_threads(), True
    assert counts == {"inside": (3, True), "after": (4, True), "fewer": (2, True)}


def test_a_thread_that_leaves_first_does_not_take_the_globals_of_another() -> None:
    entered, left = threading.Event(), threading.Event()
    seen = []

    def other() -> None:
        with own_globals():
            entered.set()
            left.wait(10)
            seen.append(torch.get_default_dtype())

    with SETTINGS["float64"]():
        with own_globals():
            thread = threading.Thread(target=other)
            thread.start()
            entered.wait(10)
        left.set()
        thread.join(10)
        assert torch.get_default_dtype() == torch.float64
    assert seen == [torch.float32]
