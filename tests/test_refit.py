"""A fit that fails, or is left early, leaves the estimator as it was."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone

from small import REPRESENTATIONS, blobs, small_dec
from torchdec._core.records import Epoch

X, _ = blobs(120, 6, 2)


def state(estimator: Any) -> dict[str, Any]:
    """Return what the estimator has learnt."""
    return {name: value for name, value in vars(estimator).items() if name.endswith("_")}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(one[name] is other[name] for name in one)


def estimators() -> list[Any]:
    return [small_dec(), clone(REPRESENTATIONS["autoencoder"]), clone(REPRESENTATIONS["neighbors"])]


@pytest.mark.parametrize("estimator", estimators(), ids=lambda estimator: type(estimator).__name__)
@pytest.mark.parametrize(
    "unusable",
    [X[:1, :4], X[:, :4] * np.float32(np.nan), X[:0]],
    ids=["one row", "NaN", "no rows"],
)
def test_unusable_rows_lose_no_model(estimator: Any, unusable: NDArray[np.float32]) -> None:
    fresh = clone(estimator)
    if len(unusable) != 1 or "Autoencoder" not in type(estimator).__name__:  # which can learn one row
        with pytest.raises(ValueError):
            fresh.fit(unusable)
        assert state(fresh) == {}
        before = state(fresh.fit(X))
        with pytest.raises(ValueError):
            fresh.fit(unusable)
        assert same(state(fresh), before)
        fresh.transform(X)


@pytest.mark.parametrize("estimator", estimators(), ids=lambda estimator: type(estimator).__name__)
def test_a_fit_that_is_left_while_the_representation_trains_loses_no_model(estimator: Any) -> None:
    estimator = clone(estimator).fit(X)
    before, code = state(estimator), estimator.transform(X)
    records = estimator.iter_fit(X[:, :5] * 1000)
    assert any(isinstance(record, Epoch) for record in records)
    records.close()
    assert same(state(estimator), before)
    np.testing.assert_array_equal(estimator.transform(X), code)


def test_a_fit_whose_loss_is_not_finite_loses_no_model() -> None:
    model = small_dec().fit(X)
    before = state(model)
    model.set_params(learning_rate=1e30, tol=0.0)
    with pytest.raises(FloatingPointError):
        model.fit(X * 1000 + 50)
    assert same(state(model), before)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_a_model_keeps_the_rows_that_it_was_fitted_on_where_another_fit_fails() -> None:
    model = small_dec().fit(X)
    summary = model.summary_
    with pytest.raises(ValueError, match="all equal"):
        model.fit(np.ones_like(X))
    assert model.summary_.equals(summary)
