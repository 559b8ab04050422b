"""Small data with known clusters, and the guards that every test runs under."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from jaxtyping import install_import_hook
from numpy.typing import NDArray
from sklearn.datasets import load_digits

# Shapes and types in the package's signatures are checked while its tests run, in what is imported from here on.
install_import_hook("torchdec._core", "typechecking.checked")

from small import blobs  # noqa: E402

# Examples are drawn alike on every machine, and slow machines are no failures.
hypothesis.settings.register_profile("torchdec", deadline=None, derandomize=True)
hypothesis.settings.load_profile("torchdec")

# torch warns about most things once a process only, and scikit-learn's checks may swallow that once.
torch.set_warn_always(True)
torch.set_num_threads(min(2, torch.get_num_threads()))


@pytest.fixture(autouse=True)
def _global_generators_do_not_move() -> Iterator[None]:
    """Fail any test during which the package has drawn from a global generator."""
    numpy_before, torch_before = np.random.get_state(legacy=False), torch.random.get_rng_state()
    yield
    numpy_after, torch_after = np.random.get_state(legacy=False), torch.random.get_rng_state()
    assert str(numpy_before) == str(numpy_after), "NumPy's global generator has moved"
    assert torch.equal(torch_before, torch_after), "torch's global generator has moved"


@pytest.fixture(autouse=True, scope="session")
def _tests_leave_nothing_behind() -> Iterator[None]:
    """Fail the run if it has left a file in the folder that it was started in."""
    here = Path.cwd()
    before = {path.name for path in here.iterdir()}
    yield
    left = {path.name for path in here.iterdir()} - before
    assert {name for name in left if not name.startswith(".")} <= {"__pycache__"}, left


@pytest.fixture
def two_blobs() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    return blobs(120, 6, 2)


@pytest.fixture
def few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a sixth of scikit-learn's digits, for code that has to run with any."""
    x, y = load_digits(return_X_y=True)
    monkeypatch.setattr("sklearn.datasets.load_digits", lambda *, return_X_y: (x[::6], y[::6]))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    folder = os.environ.get("TORCHDEC_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TORCHDEC_DATA names no folder with the real data sets")
    return Path(folder)


@pytest.fixture(scope="module")
def strings_of_pandas_2() -> Iterator[None]:
    """Have pandas make the strings of its version 2: anndata 0.12 cannot write those of pandas 3."""
    pandas = pytest.importorskip("pandas")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the option itself
        with pandas.option_context("future.infer_string", False):
            yield
