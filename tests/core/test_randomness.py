"""One random_state gives named seeds that do not depend on each other."""

import numpy as np

from torchdec._core.randomness import split


def test_the_seed_of_a_name_does_not_depend_on_the_other_names() -> None:
    assert split(7, "a", "b")["a"] == split(7, "c", "a")["a"]


def test_names_and_states_give_different_seeds() -> None:
    seeds = [*split(7, "a", "b").values(), *split(8, "a", "b").values()]
    assert len(set(seeds)) == 4


def test_a_random_state_object_is_advanced() -> None:
    state = np.random.RandomState(0)
    assert split(state, "a") != split(state, "a")


def test_none_is_fresh_each_time_and_leaves_the_global_generator_alone() -> None:
    before = np.random.get_state(legacy=False)["state"]["pos"]
    assert split(None, "a") != split(None, "a")
    assert np.random.get_state(legacy=False)["state"]["pos"] == before
