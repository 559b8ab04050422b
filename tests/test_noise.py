"""Rows that belong nowhere: what `noise` leaves out, and what new rows are told."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from small import small_dec
from torchdec import DEC, Checkpoint, load, save
from torchdec.clusters import describe, exemplars, merge, split
from torchdec.rows import RowsWarning
from torchdec.scoring import Predictor

SCATTER = np.arange(0, 330, 11)


@pytest.fixture(scope="module")
def X() -> NDArray[np.float32]:
    """Three clusters of 100 rows, and a tenth as many rows anywhere, every eleventh."""
    random = np.random.default_rng(0)
    middles = random.normal(0, 6, (3, 12))
    rows = middles[np.arange(330) % 3] + random.normal(size=(330, 12))
    rows[SCATTER] = random.uniform(-40, 40, (len(SCATTER), 12))
    return rows.astype(np.float32)


@pytest.fixture(scope="module")
def model(X: Any) -> DEC:
    with pytest.warns(RowsWarning, match=r"^3\d of 330 rows lie far from all others and are in no cluster \(-1\)"):
        return small_dec(3, noise="auto").fit(X)


def test_a_cluster_of_scatter_is_told_unless_noise_is_left_out(X: Any) -> None:
    with pytest.warns(
        RowsWarning, match=r"of the \d+ rows of cluster \d lie farther from others .*noise='auto'"
    ) as told:
        model = small_dec(4).fit(X)
    (warning,) = told
    cluster = int(str(warning.message).split("cluster ")[1][0])
    assert np.isin(np.flatnonzero(model.labels_ == cluster), SCATTER).mean() > 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small_dec(3).fit(np.delete(X, SCATTER, axis=0))
        small_dec(4, noise=0.1).fit(X)


def test_scatter_is_in_no_cluster_and_all_else_is(model: DEC, X: Any) -> None:
    assert (model.labels_[SCATTER] == -1).all()
    assert (np.delete(model.labels_, SCATTER) == -1).mean() < 0.02
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_what_is_learnt_is_that_of_the_other_rows(model: DEC, X: Any) -> None:
    clean = small_dec(3).fit(np.delete(X, SCATTER, axis=0))
    np.testing.assert_allclose(clean.cluster_centers_, model.cluster_centers_, rtol=1e-5)
    assert clean.noise_level_ is None
    assert (clean.predict(X) >= 0).all()


def test_rows_that_belong_nowhere_are_seen_as_such_by_all_that_assigns(model: DEC, X: Any, tmp_path: Path) -> None:
    nowhere = model.labels_ < 0
    np.testing.assert_array_equal(model.predict_proba(X)[nowhere], 0)
    assert np.isfinite(model.transform(X)).all()
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.noise_level_ == model.noise_level_
    np.testing.assert_array_equal(again.predict(X), model.labels_)
    np.testing.assert_array_equal(again.outlier_scores(X), model.outlier_scores(X))
    table = Predictor(str(tmp_path / "model"))(pd.DataFrame(X))
    np.testing.assert_array_equal(table["cluster"], model.labels_)
    assert sum(cluster.size for cluster in describe(model, X)) == (~nowhere).sum()
    assert not nowhere[np.concatenate(exemplars(model, X))].any()
    merged = merge(model, 0, 1)
    np.testing.assert_array_equal(merged.predict(X) < 0, nowhere)
    np.testing.assert_array_equal(split(model, 0, X, updates=0).labels_ < 0, nowhere)


def test_rejection_comes_on_top(model: DEC, X: Any) -> None:
    rejected = model.predict(X, reject=0.1) < 0
    assert rejected[model.labels_ < 0].all()
    assert rejected[model.labels_ >= 0].mean() == pytest.approx(0.1, abs=0.02)


def test_a_share_leaves_out_that_share(X: Any) -> None:
    model = small_dec(3, noise=0.1).fit(X)
    assert (model.labels_ == -1).sum() == 33
    assert (model.labels_[SCATTER] == -1).all()
    message = r"n_samples=2 \(beside 2 that belong nowhere\) is fewer than n_clusters=4"
    with pytest.raises(ValueError, match=message):
        small_dec(4, noise=0.5).fit(X[:4])


@pytest.mark.parametrize("noise", [True, 0.0, 0.6, "yes", None])
def test_noise_of_another_kind_is_refused(noise: Any, X: Any) -> None:
    with pytest.raises(ValueError, match="'noise' parameter"):
        DEC(3, noise=noise).fit(X)


def test_a_fit_that_goes_on_leaves_out_the_same_rows(model: DEC, X: Any, tmp_path: Path) -> None:
    interrupted = small_dec(3, noise="auto")
    records = interrupted.iter_fit(X, checkpoint=Checkpoint(tmp_path / "fit", every=0))
    next(record for record in records if type(record).__name__ == "Centroids")
    records.close()
    assert (tmp_path / "fit").exists()
    with pytest.warns(RowsWarning):
        resumed = interrupted.fit(X, checkpoint=Checkpoint(tmp_path / "fit"))
    np.testing.assert_array_equal(resumed.predict_proba(X), model.predict_proba(X))
