"""Merged, split and named clusters are what predict gives from then on, and what is saved."""

from pathlib import Path

import numpy as np
import pytest

from small import blobs, small_dec
from torchdec import DEC, Autoencoder, load, save
from torchdec.clusters import merge, rename, split
from torchdec.metrics import nmi

X, TRUTH = blobs(120, 6, 4, spread=0.05)
# Trained long enough that its clusters lie apart.
REPRESENTATION = Autoencoder(hidden=(16, 24), embedding_dim=3, max_steps=300, learning_rate=5e-3, batch_size=32)


@pytest.fixture(scope="module")
def model() -> DEC:
    return small_dec(4).set_params(representation=REPRESENTATION).fit(X)


def test_a_merged_cluster_gets_exactly_the_rows_of_both(model: DEC) -> None:
    merged, q = merge(model, 3, 1), model.predict_proba(X)
    largest = np.column_stack([q[:, 0], np.maximum(q[:, 1], q[:, 3]), q[:, 2]])
    np.testing.assert_allclose(merged.predict_proba(X), largest / largest.sum(axis=1, keepdims=True), rtol=1e-6)
    np.testing.assert_array_equal(merged.predict(X), np.array([0, 1, 2, 1])[model.labels_])
    assert merged.n_clusters == 3


def test_clusters_above_a_merged_one_move_down(model: DEC) -> None:
    moved = merge(model, 0, 1)
    np.testing.assert_array_equal(moved.labels_, np.array([0, 0, 1, 2])[model.labels_])


def test_merges_add_up(model: DEC) -> None:
    """0 and 1, then that and what was 3."""
    twice = merge(merge(model, 0, 1), 0, 2)
    np.testing.assert_array_equal(twice.predict(X) == 0, np.isin(model.predict(X), [0, 1, 3]))


def test_a_split_finds_the_parts_of_a_cluster() -> None:
    """Two of four groups in one cluster, found again."""
    coarse = merge(small_dec(4).set_params(representation=REPRESENTATION).fit(X), 1, 2)
    before = nmi(TRUTH, coarse.predict(X))
    fine = split(coarse, 1, X)
    assert fine.n_clusters == 4
    assert nmi(TRUTH, fine.predict(X)) > before
    np.testing.assert_array_equal(fine.labels_, fine.predict(X))


def test_the_first_part_keeps_the_number_and_the_others_come_last(model: DEC) -> None:
    parts = split(model, 1, X, into=3, updates=0)
    own = model.labels_ == 1
    assert set(parts.labels_[own]) == {1, 4, 5}
    np.testing.assert_array_equal(parts.labels_[~own], model.labels_[~own])
    assert parts.center_clusters_.tolist() == [0, 2, 3, 1, 4, 5]


def test_without_updates_the_encoder_stays(model: DEC) -> None:
    np.testing.assert_array_equal(split(model, 1, X, updates=0).transform(X), model.transform(X))
    assert np.abs(split(model, 1, X, updates=1).transform(X) - model.transform(X)).max() > 0


def test_the_same_seed_splits_alike(model: DEC) -> None:
    a, b = (split(model, 0, X, random_state=7) for _ in range(2))
    np.testing.assert_array_equal(a.predict_proba(X), b.predict_proba(X))


def test_names_stay_with_their_clusters(model: DEC) -> None:
    named = rename(rename(rename(model, 1, "one"), 2, "two"), 3, "three")
    assert merge(named, 1, 2).cluster_names_ == ["", "one + two", "three"]
    assert merge(named, 0, 3).cluster_names_ == ["three", "one", "two"]
    assert split(named, 1, X, updates=0).cluster_names_ == ["", "one", "two", "three", ""]


def test_the_model_that_was_given_stays_as_it_was(model: DEC) -> None:
    q, code = model.predict_proba(X), model.transform(X)
    split(model, 0, X, updates=2)
    merge(model, 0, 1)
    rename(model, 0, "zero")
    np.testing.assert_array_equal(model.predict_proba(X), q)
    np.testing.assert_array_equal(model.transform(X), code)
    assert (model.n_clusters, model.cluster_names_, model.edits_) == (4, [""] * 4, [])


def test_an_edited_model_is_saved_with_its_edits(model: DEC, tmp_path: Path) -> None:
    edited = rename(merge(split(model, 2, X, updates=1), 0, 1), 0, "first")
    save(edited, tmp_path / "m")
    again = load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict_proba(X), edited.predict_proba(X))
    np.testing.assert_array_equal(again.predict(X, reject=0.1), edited.predict(X, reject=0.1))
    assert again.cluster_names_ == ["first", "", "", ""]
    assert again.edits_ == [
        {"edit": "split", "cluster": 2, "into": [2, 4], "updates": 1},
        {"edit": "merge", "clusters": [0, 1], "into": 0},
        {"edit": "rename", "cluster": 0, "name": "first"},
    ]
    np.testing.assert_array_equal(split(again, 0, X, updates=1).labels_ < 5, True)


def test_a_refit_forgets_the_edits(model: DEC) -> None:
    again = merge(model, 0, 1).fit(X)
    assert (again.predict_proba(X).shape, again.edits_, again.cluster_names_) == ((120, 3), [], [""] * 3)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda model: merge(model, 0, 4), "b=4 isn't a cluster of this model; it has 0 to 3"),
        (lambda model: merge(model, -1, 2), "a=-1 isn't a cluster"),
        (lambda model: merge(model, 2, 2), "a=2 and b=2 are the same cluster"),
        (lambda model: rename(model, 9, "x"), "cluster=9 isn't a cluster"),
        (lambda model: split(model, 7, X), "cluster=7 isn't a cluster"),
        (lambda model: split(model, 0, X, into=1), "into=1 must be a whole number"),
        (lambda model: split(model, 0, X, into=2.5), "into=2.5 must be a whole number"),
        (lambda model: split(model, 0, X, updates=-1), "updates=-1 must be 0 or more"),
        (lambda model: split(model, 0, X, updates=1.5), "updates=1.5 must be 0 or more"),
        (lambda model: merge(model, 1.5, 3), "a=1.5 isn't a cluster"),
        (lambda model: split(model, 0, X[model.labels_ == 0][:2], into=3), "too few for into=3 parts"),
        (lambda model: split(model, 0, X[:, :3]), "X has 3 features"),
    ],
)
def test_what_cannot_be_done_is_said(model: DEC, edit: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        edit(model)  # type: ignore[operator]


def test_a_cluster_is_split_by_its_own_rows_alone_and_the_others_stay(model: DEC) -> None:
    parts = split(model, 0, X[model.labels_ == 0])
    others = model.labels_ != 0
    np.testing.assert_array_equal(parts.predict(X)[others], model.labels_[others])


def test_numbers_of_numpy_are_numbers(model: DEC, tmp_path: Path) -> None:
    largest = np.argmax(np.bincount(model.labels_))
    save(rename(split(model, largest, X, np.int64(2), updates=np.int64(0)), largest, "first"), tmp_path / "model")
    assert load(tmp_path / "model").cluster_names_[largest] == "first"


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_the_farthest_rows_are_rejected_at_the_rate_that_was_asked_for(model: DEC, share: float) -> None:
    labels = model.predict(X, reject=share)
    assert (labels == -1).mean() == pytest.approx(share, abs=0.02)
    scores = model.outlier_scores(X)
    assert scores[labels == -1].min() > scores[labels >= 0].max()
    assert scores[labels == -1].min() == pytest.approx(1 - share, abs=0.02)
    np.testing.assert_array_equal(labels[labels >= 0], model.labels_[labels >= 0])


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none_is_refused(model: DEC, share: float) -> None:
    with pytest.raises(ValueError, match="must be a fraction"):
        model.predict(X, reject=share)
