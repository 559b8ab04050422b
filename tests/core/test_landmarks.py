"""Landmarks tell how far out a row lies, alike for rows of the fit and others."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from torchdec._core import landmarks as module
from torchdec._core.compute import resolve
from torchdec._core.landmarks import Landmarks, landmarks_of, scattered, scores_of
from torchdec.rows import as_rows

CPU = resolve("cpu", "float32")


def made(X: NDArray[np.float32], labels: NDArray[np.int64] | None = None) -> Landmarks:
    return landmarks_of(as_rows(X), 1.0, np.zeros(len(X), np.int64) if labels is None else labels, 0, CPU)


def scores(landmarks: Landmarks, X: NDArray[np.float32]) -> NDArray[np.float32]:
    return scores_of(landmarks, as_rows(X), 1.0, CPU)


@pytest.fixture(scope="module")
def X() -> NDArray[np.float32]:
    """A narrow and a wide cluster in 20 dimensions."""
    random = np.random.default_rng(0)
    narrow, wide = random.normal(0, 0.2, (200, 20)), random.normal(8, 2.0, (200, 20))
    return np.vstack([narrow, wide]).astype(np.float32)


def test_the_score_is_the_distance_to_the_ten_nearest_over_a_power_of_their_spacing(
    X: NDArray[np.float32],
) -> None:
    new = X[::40] + np.float32(0.3)
    near = NearestNeighbors(n_neighbors=11).fit(X)
    spacings = near.kneighbors(X)[0][:, 1:].mean(axis=1)
    far, found = near.kneighbors(new, 10)
    expected = far.mean(axis=1) / spacings[found].mean(axis=1) ** 0.75
    np.testing.assert_allclose(scores(made(X), new), expected, rtol=1e-3)
    own = near.kneighbors(X)
    expected = own[0][:, 1:].mean(axis=1) / spacings[own[1][:, 1:]].mean(axis=1) ** 0.75
    np.testing.assert_allclose(scores(made(X), X), expected, rtol=1e-3)


def test_what_is_beyond_the_axes_counts_as_at_right_angles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of noise in many dimensions are as far apart along a few axes and the rest as they are."""
    X = np.random.default_rng(0).normal(size=(500, 300)).astype(np.float32)
    whole = scores(made(X), X[:50])
    monkeypatch.setattr(module, "AXES", 300)
    np.testing.assert_allclose(whole, scores(made(X), X[:50]), rtol=0.05)


def test_scores_tell_which_share_of_the_fit_lies_nearer(X: NDArray[np.float32]) -> None:
    landmarks = made(X)
    raw = scores(landmarks, X)
    np.testing.assert_allclose(np.sort(landmarks.shares(raw)), np.linspace(0, 1, len(X)), atol=0.01)
    assert (raw > landmarks.level(0.05)).mean() == pytest.approx(0.05, abs=0.003)
    farther = np.array([raw.max() * 3, np.nan], dtype=np.float32)
    assert landmarks.shares(farther)[0] == pytest.approx(3)
    assert np.isnan(landmarks.shares(farther)[1])


def test_a_wide_cluster_is_not_rejected_for_its_width() -> None:
    """By the distance alone most of the wide cluster would lie farther out than all of the narrow one."""
    X = np.random.default_rng(0).normal(size=(400, 20)).astype(np.float32)
    X[200:] = 8 + 1.5 * X[200:]
    distances = NearestNeighbors(n_neighbors=11).fit(X).kneighbors(X)[0].mean(axis=1)
    assert (distances > np.quantile(distances, 0.8))[:200].mean() == 0
    landmarks = made(X)
    out = scores(landmarks, X) > landmarks.level(0.2)
    assert 0.05 < out[:200].mean() < out[200:].mean() < 0.35


def test_many_rows_are_told_by_some_of_them_and_small_clusters_by_more_than_their_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST", 400)
    monkeypatch.setattr(module, "_LEAST_OF_CLUSTER", 40)
    random = np.random.default_rng(1)
    labels = np.repeat([0, 1], [5000, 60])
    X = (random.normal(size=(5060, 8)) + 20 * labels[:, None]).astype(np.float32)
    landmarks = made(X, labels)
    assert len(landmarks.places) <= 400
    assert (landmarks.places[:, 0] - landmarks.places[0, 0]).abs().gt(20).sum() == pytest.approx(40, abs=5)
    fresh = (random.normal(size=(2000, 8)) + 20 * np.repeat([0, 1], 1000)[:, None]).astype(np.float32)
    out = scores(landmarks, fresh) > landmarks.level(0.05)
    assert out[:1000].mean() == pytest.approx(0.05, abs=0.03)
    assert out[1000:].mean() < 0.3


def test_copies_and_single_rows_have_finite_scores() -> None:
    copies = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)
    landmarks = made(copies)
    assert (scores(landmarks, copies) == 0).all()
    assert landmarks.shares(scores(landmarks, np.full((1, 3), 0.5, np.float32)))[0] > 1
    assert landmarks.fence() == np.inf
    for n in (1, 2, 3):
        few = np.arange(3 * n, dtype=np.float32).reshape(n, 3)
        assert np.isfinite(scores(made(few), few)).all()


def test_scatter_is_found_and_a_wide_cluster_stays() -> None:
    random = np.random.default_rng(2)
    X = random.normal(size=(400, 20)).astype(np.float32)
    X[200:] = 8 + 2 * X[200:]
    both = np.vstack([X, random.uniform(-20, 28, (20, 20))]).astype(np.float32)
    found = scattered(as_rows(both), "auto", "auto", 0, CPU)
    assert set(range(400, 420)) <= set(found.tolist())
    assert len(found) <= 24
    assert len(scattered(as_rows(X), "auto", "auto", 0, CPU)) <= 4
    assert len(scattered(as_rows(both), "auto", 0.1, 0, CPU)) == 42


def test_a_row_of_nothing_has_no_score(X: NDArray[np.float32]) -> None:
    rows = torch.from_numpy(X[:3].copy())
    rows[1] = torch.nan
    assert np.isnan(made(X).score(rows)).tolist() == [False, True, False]


def test_rows_of_a_new_kind_are_recognised(X: NDArray[np.float32]) -> None:
    random = np.random.default_rng(3)
    new = random.normal(-3, 0.5, (100, 20)).astype(np.float32)
    known = random.normal(8, 2.0, (100, 20)).astype(np.float32)
    assert roc_auc_score(np.repeat([0, 1], 100), scores(made(X), np.vstack([known, new]))) > 0.95
