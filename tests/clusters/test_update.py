"""A model takes up new rows: a new kind gets a cluster, scatter and known kinds don't, and old rows stay."""

import numpy as np
import pytest

from small import blobs, small_dec
from torchdec import DEC, load, save, update
from torchdec.clusters import drift

# Rows of six groups of a hundred features, with noise that leaves each row its own direction.
ROWS, GROUPS = blobs(1800, 100, 6, spread=0.3)
OLD, WEEK = ROWS[:900], ROWS[900:]
IS_KNOWN, IS_NEW = GROUPS[:900] < 5, GROUPS[900:] == 5


@pytest.fixture(scope="module")
def model() -> DEC:
    return small_dec(5, "neighbors").fit(OLD[IS_KNOWN])


def scatter(n: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(n, 100)).astype(np.float32)


def test_a_new_kind_gets_one_cluster_and_old_rows_stay(model: DEC, tmp_path) -> None:
    updated = update(model, WEEK)
    assert updated.edits_[-1]["opened"] == [5]
    np.testing.assert_array_equal(updated.labels_ == 5, IS_NEW)
    np.testing.assert_array_equal(updated.predict(OLD[IS_KNOWN]), model.labels_)
    assert (model.n_clusters, updated.n_clusters) == (5, 6)
    save(updated, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict_proba(WEEK), updated.predict_proba(WEEK))
    np.testing.assert_array_equal(again.outlier_scores(WEEK), updated.outlier_scores(WEEK))


def test_a_stream_opens_a_cluster_once(model: DEC) -> None:
    """Block after block, of which the later ones have rows of the new kind."""
    blocks, opened = np.array_split(np.argsort(IS_NEW, kind="stable"), 3), []
    for block in (*blocks, blocks[-1]):
        model = update(model, WEEK[block])
        opened.append(model.edits_[-1]["opened"])
    assert opened == [[], [], [5], []]
    np.testing.assert_array_equal(model.predict(WEEK) == 5, IS_NEW)


def test_what_was_taken_up_is_known_and_what_was_not_is_still_strange(model: DEC) -> None:
    assert drift(model, WEEK).drifted
    updated = update(model, WEEK)
    assert not drift(updated, WEEK).drifted
    assert update(updated, WEEK).edits_[-1]["opened"] == []
    assert (updated.outlier_scores(WEEK[IS_NEW]) > 0.95).mean() < 0.15
    assert (updated.outlier_scores(scatter(100)) > 0.95).all()


def test_known_kinds_and_scatter_open_nothing(model: DEC) -> None:
    updated = update(model, np.concatenate([WEEK[~IS_NEW], scatter(100)]))
    assert updated.edits_[-1]["opened"] == []
    np.testing.assert_array_equal(updated.cluster_centers_, model.cluster_centers_)


def test_a_group_that_is_too_small_waits(model: DEC) -> None:
    few = np.concatenate([WEEK[~IS_NEW], WEEK[IS_NEW][:30]])
    assert update(model, few, min_rows=60).edits_[-1]["opened"] == []
    assert update(model, few, min_rows=20).edits_[-1]["opened"] == [5]


def test_clusters_that_no_new_row_is_of_stay_as_they_were(model: DEC) -> None:
    updated = update(model, WEEK[np.isin(GROUPS[900:], [0, 5])])
    left = np.flatnonzero(updated.cluster_sizes_[:5] == 0)
    assert len(left) == 4
    np.testing.assert_array_equal(updated.cluster_middles_[left, :64], model.cluster_middles_[left])
    np.testing.assert_array_equal(updated.predict(OLD[IS_KNOWN]), model.labels_)
    assert np.isfinite(updated.center_radii_).all()


def test_what_cannot_be_learnt_from_is_refused(model: DEC) -> None:
    with pytest.raises(ValueError, match="min_rows=1 can't be the size of a cluster"):
        update(model, WEEK, min_rows=1)
    with pytest.raises(ValueError, match="X has no row that holds something"):
        update(model, np.full((3, 100), np.nan, dtype=np.float32))


def test_rows_that_are_all_of_a_new_kind_get_a_cluster(model: DEC) -> None:
    updated = update(model, WEEK[IS_NEW])
    assert updated.edits_[-1]["opened"] == [5]
    assert set(updated.labels_) == {5}
