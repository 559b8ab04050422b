"""Refits on parts of the rows find clusters that are there again, and tell what a confidence is worth."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.frozen import FrozenEstimator

from small import Unchanged, blobs
from torchdec import DEC, load, save
from torchdec.clusters import merge, stability

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def dec(k: int) -> DEC:
    return DEC(k, representation=Unchanged(), init="k-means++", max_iter=0, device="cpu", random_state=0)


@pytest.fixture(scope="module")
def X() -> Any:
    """Two clusters far from each other, and a cloud that three more are cut from."""
    apart, _ = blobs(120, 4, 2, spread=0.1)
    cloud = np.random.default_rng(0).uniform(90, 100, (300, 4))
    return np.vstack([20 * apart, cloud]).astype(np.float32)


def test_clusters_that_are_there_are_found_again_and_parts_of_a_cloud_are_not(X: Any) -> None:
    model = dec(6).fit(X)
    whole = [label for label in range(6) if (np.flatnonzero(model.labels_ == label) < 120).all()]
    found = stability(model, X, n_refits=6)
    parts = np.setdiff1d(np.arange(6), whole)
    assert len(whole) == 2
    assert_allclose(found.clusters[whole], 1, atol=0.15)
    assert found.clusters[parts].mean() < 0.85
    assert (found.stays >= 0).all()
    assert (found.stays <= 1).all()
    np.testing.assert_array_equal(model.labels_, dec(6).fit(X).labels_)


def test_calibrated_confidences_are_the_rows_that_stay(X: Any) -> None:
    found = stability(dec(6).fit(X), X, n_refits=6)
    calibrated = found.calibrated(found.confidence)
    assert_allclose(calibrated.mean(), found.stays.mean(), atol=1e-6)
    order = np.argsort(found.confidence)
    assert (np.diff(calibrated[order]) >= 0).all()
    assert sum(group["rows"] for group in found.reliability) == len(X)
    assert all(one["confidence"] <= other["confidence"] for one, other in pairwise(found.reliability))


def test_a_loaded_and_an_edited_model_are_compared_as_they_are(X: Any, tmp_path: Path) -> None:
    model = dec(3).fit(X)
    same = stability(model, X, n_refits=2)
    save(model, tmp_path / "model")
    again = stability(load(tmp_path / "model", device="cpu", modules={"Unchanged": Unchanged}), X, n_refits=2)
    np.testing.assert_array_equal(again.clusters, same.clusters)
    assert stability(merge(model, 0, 1), X, n_refits=1).clusters.shape == (2,)


def test_rows_in_no_cluster_do_not_count(X: Any) -> None:
    model = dec(3).set_params(noise=0.05).fit(X)
    found = stability(model, X, n_refits=1)
    assert len(found.stays) == (model.labels_ >= 0).sum() < len(X)


@pytest.mark.parametrize("n", [0, 1.5, "two"])
def test_a_number_that_is_none_is_refused(n: Any, X: Any) -> None:
    frozen = FrozenEstimator(Unchanged().fit(X))
    with pytest.raises(ValueError, match=r"n_refits=.* must be 1 or more"):
        stability(dec(3).set_params(representation=frozen).fit(X), X, n_refits=n)
