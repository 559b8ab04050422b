"""One model predicts at every level of its tree, and labels of a level are unions of those of any finer one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from small import Unchanged
from torchdec import DEC, NeighborEncoder, load, save
from torchdec.clusters import coarsen, merge, rename, split


@pytest.fixture(scope="module")
def X() -> NDArray[np.float32]:
    """Two groups of three clusters of 50 rows each, in the order of their clusters."""
    random = np.random.default_rng(0)
    middles = 40 * np.repeat(np.eye(2, 8), 3, axis=0) + 8 * np.eye(6, 8)
    return (middles.repeat(50, axis=0) + random.normal(size=(300, 8))).astype(np.float32)


@pytest.fixture(scope="module")
def model(X: Any) -> DEC:
    return DEC(6, representation=Unchanged(), max_iter=0, device="cpu", random_state=0).fit(X)


def test_the_levels_are_those_of_the_rows(model: DEC, X: Any) -> None:
    assert [level.n_clusters for level in model.levels_] == [2, 6]
    for n in (2, 6):
        assert adjusted_rand_score(np.arange(300) // (300 // n), model.predict(X, n_clusters=n)) == 1
    assert model.levels_[0].sizes == (150, 150)


def test_labels_of_a_level_are_a_flat_cut_of_the_tree_and_nest(model: DEC, X: Any) -> None:
    for n in range(1, 7):
        labels = model.predict(X, n_clusters=n)
        np.testing.assert_array_equal(labels, model.tree_.groups(n)[model.labels_])
        finer = model.predict(X, n_clusters=min(n + 1, 6))
        assert all(len(np.unique(labels[finer == label])) == 1 for label in np.unique(finer))
    np.testing.assert_array_equal(model.predict(X, n_clusters=6), model.labels_)
    rejected = model.predict(X, n_clusters=2, reject=0.1)
    np.testing.assert_array_equal(rejected < 0, model.predict(X, reject=0.1) < 0)


def test_the_tree_is_in_the_model_file(model: DEC, X: Any, tmp_path: Path) -> None:
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.tree_.joins, model.tree_.joins)
    assert again.levels_ == model.levels_
    np.testing.assert_array_equal(again.predict(X, n_clusters=3), model.predict(X, n_clusters=3))


def test_edits_keep_the_tree(model: DEC, X: Any) -> None:
    merged = merge(model, 0, 1)
    assert merged.cluster_sizes_.tolist() == np.bincount(merged.labels_).tolist()
    assert merged.levels_[0].n_clusters == 2
    np.testing.assert_array_equal(merged.predict(X, n_clusters=2), model.predict(X, n_clusters=2))
    assert model.cluster_sizes_.tolist() == [50] * 6
    cut = split(model, 0, X, updates=0)
    assert cut.tree_.joins[0].tolist() == [0, 6]
    assert cut.cluster_sizes_.sum() == 300
    assert rename(model, 0, "a").levels_ == model.levels_


@pytest.mark.parametrize("n", [0, 7, -1, 2.5, "two"])
def test_a_number_that_is_no_cut_is_refused(n: Any, model: DEC, X: Any) -> None:
    with pytest.raises(ValueError, match="a cut of the tree of 6 clusters; try one of 2, 6, or any from 1 to 6"):
        model.predict(X, n_clusters=n)


def test_a_level_is_the_cut_that_it_names(model: DEC, X: Any) -> None:
    for level, n in ((0, 2), (1, 6), (-1, 6), (-2, 2)):
        np.testing.assert_array_equal(model.predict(X, level=level), model.predict(X, n_clusters=n))
    with pytest.raises(ValueError, match="level=2 isn't one of the 2 levels; try 0"):
        model.predict(X, level=2)
    with pytest.raises(ValueError, match="level=0 and n_clusters=2 both name a cut; give one"):
        model.predict(X, level=0, n_clusters=2)


def test_a_coarser_model_predicts_its_level_wherever_it_goes(model: DEC, X: Any, tmp_path: Path) -> None:
    named = rename(rename(model, 0, "a"), 2, "b")
    coarse = coarsen(named, 2)
    expected = model.predict(X, n_clusters=2)
    np.testing.assert_array_equal(coarse.labels_, expected)
    save(coarse, tmp_path / "coarse")
    again = load(tmp_path / "coarse")
    np.testing.assert_array_equal(again.predict(X), expected)
    assert again.cluster_names_ == ["a + b", ""]
    assert again.cluster_sizes_.tolist() == [150, 150]
    assert again.edits_[-1] == {"edit": "coarsen", "n_clusters": 2}
    assert len(model.cluster_names_) == 6


def test_noise_stays_in_no_group(X: Any) -> None:
    both = np.vstack([X, np.random.default_rng(1).uniform(-90, 90, (9, 8)).astype(np.float32)])
    model = DEC(6, representation=Unchanged(), noise=0.03, max_iter=0, device="cpu", random_state=0).fit(both)
    assert (model.predict(both, n_clusters=2)[300:] == -1).all()
    assert model.cluster_sizes_.sum() == (model.labels_ >= 0).sum() >= 297


def test_groups_within_groups_are_found_at_every_level() -> None:
    """60 clusters: three each in 20 groups, and these four each in 5."""
    random = np.random.default_rng(0)
    middles = (random.normal(0, 12, (5, 16)).repeat(4, axis=0) + random.normal(0, 4, (20, 16))).repeat(3, axis=0)
    middles += random.normal(0, 1.3, (60, 16))
    classes = random.integers(60, size=3000)
    X = (middles[classes] + random.normal(0, 0.35, (3000, 16))).astype(np.float32)
    encoder = NeighborEncoder((32,), max_epochs=4)
    model = DEC("auto", representation=encoder, max_iter=0, device="cpu", random_state=0).fit(X)
    assert [level.n_clusters for level in model.levels_] == [5, 20, 60]
    for n in (5, 20, 60):
        assert adjusted_rand_score(classes // (60 // n), model.predict(X, n_clusters=n)) > 0.95
