"""A cluster is worth as much as its valley is sparser than its midst; cuts of the tree nest."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from small import blobs
from torchdec._core import density_tree as module
from torchdec._core.density_tree import density_tree


def line(*spacings: float) -> np.ndarray:
    """Rows on a line, each so far from the one before."""
    return (
        np.cumsum(spacings, dtype=np.float32)[:, None] * np.ones((1, 2), np.float32) / np.sqrt(2, dtype=np.float32)
    )


def test_the_depth_is_that_of_the_valley() -> None:
    dense, sparse = [1.0] * 400, [4.0] * 150
    tree = density_tree(line(*dense, *sparse, *dense), 0)
    assert tree.depths[0] == 1
    assert tree.depths[1] == pytest.approx(0.75, abs=0.001)
    assert len(tree.depths) == 2
    labels = tree.cut(2)
    assert labels[0] != labels[-1]
    assert len(set(labels[:400])) == len(set(labels[-400:])) == 1


def test_clusters_of_any_sizes_are_found_and_cuts_nest() -> None:
    random = np.random.default_rng(0)
    truth = np.repeat(np.arange(4), (900, 60, 30, 20))
    points = (random.normal(size=(len(truth), 5)) + 20 * np.eye(4, 5)[truth]).astype(np.float32)
    tree = density_tree(points, 0)
    assert (tree.depths >= 0.26).sum() == 4
    assert adjusted_rand_score(truth, tree.cut(4)) == 1
    for k in range(1, 5):
        labels, finer = tree.cut(k), tree.cut(k + 1)
        assert labels.max() + 1 == k
        assert all(len(np.unique(labels[finer == label])) == 1 for label in np.unique(finer))


def test_rows_that_are_the_same_are_one_place() -> None:
    tree = density_tree(np.repeat(np.eye(3, dtype=np.float32), 40, axis=0), 0)
    assert (tree.depths > 0.9).sum() == 3
    assert len(density_tree(np.ones((30, 2), np.float32), 0).depths) == 1


def test_many_rows_have_the_density_that_some_of_them_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    points, truth = blobs(900, 6, 3)
    monkeypatch.setattr(module, "_MOST_TOLD_BY", 300)
    tree = density_tree(points, 0)
    assert (tree.depths >= 0.26).sum() == 3
    assert adjusted_rand_score(truth, tree.cut(3)) == 1
