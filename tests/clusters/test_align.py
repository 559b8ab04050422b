"""Clusters keep their numbers and names from fit to fit; what became of the others is told."""

import numpy as np
import pytest

from small import blobs, small_dec
from torchdec import DEC, Autoencoder, load, save
from torchdec.clusters import align, merge, rename

X, TRUTH = blobs(300, 6, 5, spread=0.05)
REPRESENTATION = Autoencoder(hidden=(16, 24), embedding_dim=3, max_steps=300, learning_rate=5e-3, batch_size=32)


def fitted(rows: np.ndarray, k: int, seed: int = 0) -> DEC:
    return small_dec(k, random_state=seed).set_params(representation=REPRESENTATION).fit(rows)


@pytest.fixture(scope="module")
def old() -> DEC:
    """Four of the five groups, each with a name."""
    model = fitted(X[TRUTH < 4], 4)
    for number in range(4):
        group = TRUTH[TRUTH < 4][model.labels_ == number]
        assert len(set(group)) == 1
        model = rename(model, number, f"group {group[0]}")
    return model


def what(model: DEC) -> dict[str, int]:
    changes = [change["change"] for change in model.edits_[-1]["changes"]]
    return {kind: changes.count(kind) for kind in changes}


def test_a_refit_keeps_numbers_and_names_and_a_new_group_comes_after_them(old: DEC, tmp_path) -> None:
    new = fitted(X, 5, seed=3)
    aligned = align(new, old, X)
    shared = TRUTH < 4
    np.testing.assert_array_equal(aligned.predict(X)[shared], old.labels_)
    assert aligned.cluster_names_ == [*old.cluster_names_, ""]
    assert what(aligned) == {"kept": 4, "new": 1}
    np.testing.assert_array_equal(aligned.labels_, aligned.predict(X))
    assert aligned.cluster_sizes_.tolist() == np.bincount(aligned.labels_).tolist()
    save(aligned, tmp_path / "model.safetensors")
    assert load(tmp_path / "model.safetensors").edits_ == aligned.edits_


def test_what_was_merged_and_split_is_told(old: DEC) -> None:
    rows = X[TRUTH < 4]
    coarse = align(merge(fitted(rows, 4, seed=1), 0, 1), old, rows)
    assert what(coarse) == {"kept": 3, "merged": 1}
    merged = next(change for change in coarse.edits_[-1]["changes"] if change["change"] == "merged")
    assert merged["shared"] == merged["rows"] == 60
    assert merged["name"] == old.cluster_names_[merged["old"]]
    fine = align(fitted(rows, 4, seed=1), coarse, rows)
    assert what(fine) == {"kept": 3, "split": 1}


def test_a_group_that_vanished_leaves_its_name_to_none(old: DEC) -> None:
    """The new group must not get the number of the one that is gone, though the old model has to put it there."""
    rows = X[TRUTH > 0]
    aligned = align(fitted(rows, 4), old, rows)
    assert what(aligned) == {"kept": 3, "new": 1, "gone": 1}
    assert "group 0" not in aligned.cluster_names_
    new = next(change["cluster"] for change in aligned.edits_[-1]["changes"] if change["change"] == "new")
    assert set(aligned.labels_[TRUTH[TRUTH > 0] == 4]) == {new}


def test_a_number_that_is_too_large_is_replaced_and_the_name_goes_along(old: DEC) -> None:
    lowest = int(old.cluster_names_.index("group 0"))
    gone = 0 if lowest else 1
    keep = np.isin(TRUTH, range(4)) & (int(old.cluster_names_[gone][-1]) != TRUTH)
    aligned = align(fitted(X[keep], 3), old, X[keep])
    assert sorted(aligned.cluster_names_) == sorted(set(old.cluster_names_) - {old.cluster_names_[gone]})
    assert what(aligned) == {"kept": 3, "gone": 1}
