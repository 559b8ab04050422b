"""Two models of different rows become one, which knows the clusters of both."""

import numpy as np
import pytest

from small import blobs, small_dec
from torchdec import DEC, load, save
from torchdec.clusters import drift, merge_models, rename
from torchdec.metrics import ari

X, GROUPS = blobs(720, 20, 6, spread=0.2)
# Each region has two groups of its own, and two that both have.
NORTH, SOUTH = GROUPS < 4, GROUPS >= 2


@pytest.fixture(scope="module")
def north() -> DEC:
    return rename(small_dec(4, "neighbors").fit(X[NORTH]), 0, "north")


@pytest.fixture(scope="module")
def south() -> DEC:
    model = small_dec(4, "neighbors").fit(X[SOUTH])
    for group in range(2, 6):
        model = rename(model, int(model.labels_[GROUPS[SOUTH] == group][0]), f"group {group}")
    return model


def test_clusters_that_one_model_lacks_come_from_the_other(north: DEC, south: DEC, tmp_path) -> None:
    assert ari(GROUPS, north.predict(X)) < 0.8
    joined = merge_models(north, south, X)
    assert ari(GROUPS, joined.labels_) == 1
    np.testing.assert_array_equal(joined.labels_[NORTH], north.labels_)
    assert joined.cluster_names_[0] == "north"
    assert sorted(joined.cluster_names_[4:]) == ["group 4", "group 5"]
    edit = joined.edits_[-1]
    assert (edit["opened"], [south.cluster_names_[c] for c in edit["of"]]) == ([4, 5], joined.cluster_names_[4:])
    assert not drift(joined, X).drifted
    assert (joined.outlier_scores(X) > 0.95).mean() < 0.1
    save(joined, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(load(tmp_path / "model.safetensors").predict(X), joined.labels_)
    assert (north.n_clusters, south.n_clusters) == (4, 4)
    np.testing.assert_array_equal(merge_models(north, south, X).predict_proba(X), joined.predict_proba(X))


def test_models_of_the_same_rows_open_nothing(north: DEC) -> None:
    joined = merge_models(north, north, X[NORTH])
    assert joined.edits_[-1]["opened"] == []
    np.testing.assert_array_equal(joined.predict_proba(X), north.predict_proba(X))


def test_a_row_that_holds_nothing_is_in_no_cluster(north: DEC, south: DEC) -> None:
    rows = X.copy()
    rows[7] = np.nan
    with pytest.warns(UserWarning, match="hold"):
        joined = merge_models(north, south, rows)
    assert (joined.labels_[7], joined.n_clusters) == (-1, 6)


def test_what_cannot_be_joined_is_refused(north: DEC, south: DEC) -> None:
    with pytest.raises(ValueError, match="updates=0 must be 1 or more"):
        merge_models(north, south, X, updates=0)
    with pytest.raises(ValueError, match="20"):
        merge_models(north, small_dec(2).fit(X[:, :6]), X)
    with pytest.raises(ValueError, match="fitted"):
        merge_models(north, small_dec(4), X)
    new = south.cluster_names_.index("group 4")
    with pytest.raises(ValueError, match="both models have a cluster named 'north', of different rows"):
        merge_models(north, rename(south, new, "north"), X)
    known = south.cluster_names_.index("group 2")
    assert merge_models(north, rename(south, known, "north"), X).n_clusters == 6  # it isn't taken in
