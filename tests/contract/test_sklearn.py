"""scikit-learn's own checks, all of them, on nets that are trained."""

from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from small import REPRESENTATIONS, small_dec
from torchdec._core.records import Epoch, Update


@pytest.fixture(autouse=True)
def _global_generators_do_not_move() -> None:
    """Stand in for the guard of the other tests: some of these checks draw from NumPy's global generator."""


@parametrize_with_checks(
    [small_dec(4, "autoencoder"), small_dec(4, "neighbors"), *REPRESENTATIONS.values()], xfail_strict=True
)
def test_every_estimator_passes_every_check(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("representation", ["autoencoder", "neighbors"])
def test_the_nets_of_these_checks_are_trained(representation: str) -> None:
    X = np.random.default_rng(0).normal(size=(50, 4))
    model = small_dec(2, representation).fit(X)
    kinds = {type(record) for record in model.history_}
    assert {Epoch, Update} <= kinds
    assert model.n_iter_ >= 1
