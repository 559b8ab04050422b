"""Clusters along the minimum spanning tree, with sizes that are kept alike."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

from torchdec._core.nearest import nearest
from torchdec._core.spanning_tree import linkage, small_clusters, spanning_tree

POINTS = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)


def gini(sizes: NDArray[np.int64]) -> float:
    return float(np.abs(sizes[:, None] - sizes).sum() / 2 / (sizes.sum() * (len(sizes) - 1)))


def test_the_tree_of_the_near_points_is_that_of_all() -> None:
    tree = spanning_tree(POINTS, nearest(POINTS, 15, cosine=False))
    assert tree.lengths.sum() == pytest.approx(minimum_spanning_tree(cdist(POINTS, POINTS)).sum(), rel=1e-5)
    assert len(tree.edges) == 299
    assert (np.diff(tree.lengths) >= 0).all()


def test_parts_are_joined_where_they_are_nearest() -> None:
    points = np.concatenate([POINTS, POINTS + 100, POINTS - 100])
    tree = spanning_tree(points, nearest(points, 5, cosine=False))
    assert tree.lengths.sum() == pytest.approx(minimum_spanning_tree(cdist(points, points)).sum(), rel=1e-3)


def test_points_that_lie_on_each_other_are_joined_first() -> None:
    points = np.repeat(POINTS[:20], 3, axis=0)
    tree = spanning_tree(points, nearest(points, 4, cosine=False))
    assert (tree.lengths[:40] == 0).all()
    assert (tree.lengths[40:] > 0).all()


def test_without_a_bound_on_the_sizes_it_is_single_linkage() -> None:
    tree = spanning_tree(POINTS, nearest(POINTS, 15, cosine=False))
    found = linkage(small_clusters(tree, 300), 1.0, 4)
    kept = tree.edges[:-3]
    assert (found[kept[:, 0]] == found[kept[:, 1]]).all()
    assert len(np.unique(found)) == 4


def test_a_lower_bound_makes_the_sizes_more_alike() -> None:
    small = small_clusters(spanning_tree(POINTS, nearest(POINTS, 15, cosine=False)), 300)
    alike = [gini(np.bincount(linkage(small, bound, 5), minlength=5)) for bound in (0.1, 0.5, 1.0)]
    assert alike == sorted(alike)
    assert alike[0] < 0.5 < 0.9 < alike[2]


def test_the_linkage_is_that_of_the_paper() -> None:
    """By a merge of clusters that looks at all edges and sizes each time."""
    tree = spanning_tree(POINTS[:80], nearest(POINTS[:80], 15, cosine=False))
    labels, left = np.arange(80), tree.edges.tolist()
    while len(np.unique(labels)) > 6:
        _, sizes = np.unique(labels, return_counts=True)
        size = {int(label): int((labels == label).sum()) for label in np.unique(labels)}
        allowed = [
            edge
            for edge in left
            if gini(sizes) <= 0.3 or sizes.min() in (size[int(labels[edge[0]])], size[int(labels[edge[1]])])
        ]
        first, second = allowed[0]
        left.remove(allowed[0])
        labels[labels == labels[second]] = labels[first]
    found = linkage(small_clusters(tree, 80), 0.3, 6)
    assert len(set(zip(labels.tolist(), found.tolist(), strict=True))) == 6


def test_small_clusters_lie_along_the_tree_and_the_rest_of_it_joins_them() -> None:
    tree = spanning_tree(POINTS, nearest(POINTS, 15, cosine=False))
    small = small_clusters(tree, 60)
    assert len(small.sizes) <= 60
    assert len(small.tree.edges) == len(small.sizes) - 1
    np.testing.assert_array_equal(np.bincount(small.labels), small.sizes)
    assert small_clusters(tree, 300).sizes.max() == 1
