"""Which of several partitions the others agree with."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from torchdec._core.medoid import agreement


def test_it_is_the_mean_adjusted_rand_index_with_each_of_the_others() -> None:
    random = np.random.default_rng(0)
    partitions = [random.integers(4, size=60) for _ in range(3)]
    index = [[adjusted_rand_score(a, b) for b in partitions] for a in partitions]
    expected = [(sum(row) - 1) / 2 for row in index]
    np.testing.assert_allclose(agreement(partitions), expected)


def test_the_partition_found_twice_is_agreed_with_whatever_its_numbers() -> None:
    twice = np.repeat([0, 1, 2], 20)
    other = np.tile([0, 1, 2], 20)
    found = agreement([other, twice, (twice + 1) % 3])
    assert found.argmax() == 1
    assert found[1] == found[2] > found[0]


def test_two_partitions_that_are_equal_agree_fully() -> None:
    assert agreement([np.arange(6) % 2] * 2) == pytest.approx([1, 1])
