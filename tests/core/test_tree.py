"""Clusters that lie near each other are joined first, and every cut holds whole groups of any finer one."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.metrics import adjusted_rand_score

from torchdec._core.tree import Tree


def nested() -> NDArray[np.float32]:
    """60 middles: three each of 20, of which four each are of 5."""
    random = np.random.default_rng(0)
    first = random.normal(0, 12, (5, 16)).repeat(4, axis=0)
    second = (first + random.normal(0, 4, (20, 16))).repeat(3, axis=0)
    return (second + random.normal(0, 1.3, (60, 16))).astype(np.float32)


MIDDLES = nested()


def tree(middles: NDArray[np.float32] = MIDDLES, sizes: NDArray[np.int64] | None = None) -> Tree:
    return Tree(middles, np.full(len(middles), 5, dtype=np.int64) if sizes is None else sizes)


def test_the_levels_that_stand_out_are_those_that_were_made() -> None:
    levels = tree().levels
    assert [level.n_clusters for level in levels] == [5, 20, 60]
    for level in levels:
        assert list(level.groups) == (np.arange(60) // (60 // level.n_clusters)).tolist()
        assert level.sizes == (300 // level.n_clusters,) * level.n_clusters
    assert levels[-1].persistence is None
    assert min(level.persistence or 9 for level in levels) >= 1.4


def test_joins_are_those_of_average_linkage() -> None:
    middles = np.random.default_rng(1).normal(size=(25, 4)).astype(np.float32)
    expected = linkage(middles.astype(np.float64), "average")
    np.testing.assert_allclose(tree(middles).heights, expected[:, 2], rtol=1e-12)
    for n in (2, 7, 24):
        assert adjusted_rand_score(tree(middles).groups(n), fcluster(expected, n, "maxclust")) == 1


def test_a_large_cluster_counts_as_the_rows_that_it_has() -> None:
    """The mean distance from the third to the first two is 10 by clusters, and near 11 by rows."""
    middles = np.array([[0.0], [2.0], [11.0]], dtype=np.float32)
    assert tree(middles, np.array([999, 1, 5])).heights == pytest.approx([2, 10.998])


def test_every_cut_nests_in_the_finer_ones() -> None:
    made = tree(np.random.default_rng(2).normal(size=(30, 3)).astype(np.float32))
    for n in range(1, 30):
        coarse, fine = made.groups(n), made.groups(n + 1)
        assert len(np.unique(coarse)) == n
        assert all(len(np.unique(coarse[fine == group])) == 1 for group in range(n + 1))
    np.testing.assert_array_equal(made.groups(30), np.arange(30))


def test_the_table_and_newick_tell_the_same_tree() -> None:
    made = Tree(np.array([[0.0], [1.0], [5.0]], dtype=np.float32), np.array([3, 1, 2]))
    assert made.newick(["it's", "", "far"]) == "(('it''s':1,'1':1):3.75,'far':4.75);"
    lines = made.table(["it's", "", "far"])
    assert [(line["node"], line["parent"], line["rows"]) for line in lines] == [
        (0, 3, 3),
        (1, 3, 1),
        (2, 4, 2),
        (3, 4, 4),
        (4, None, 6),
    ]
    assert [line["height"] for line in lines] == pytest.approx([0, 0, 0, 1, 4.75])


def test_one_cluster_is_a_tree_and_so_are_clusters_in_one_place() -> None:
    one = tree(np.zeros((1, 2), dtype=np.float32))
    assert [level.n_clusters for level in one.levels] == [1]
    assert one.newick([""]) == "'0';"
    same = tree(np.array([[0, 0], [0, 0], [3, 4]], dtype=np.float32))
    assert [level.n_clusters for level in same.levels] == [2, 3]
