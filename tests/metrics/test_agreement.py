from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchdec import metrics
from torchdec.metrics import ari, best_mapping, clustering_accuracy, nmi

SCORES = {"clustering_accuracy": clustering_accuracy, "nmi": nmi, "ari": ari}
LOWEST = {"clustering_accuracy": 0.0, "nmi": 0.0, "ari": -0.5}
FUNCTIONS = SCORES | {"best_mapping": best_mapping}


@st.composite
def labelled(draw, classes=5, clusters=5):
    """Two labellings of the same rows."""
    n = draw(st.integers(1, 60))
    return tuple(
        np.array(draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n))) for k in (classes, clusters)
    )


def brute_force_accuracy(y_true, y_pred):
    """Try every way to name k clusters by k classes; what is left over gets a name of its own."""
    k = 1 + max(y_true.max(), y_pred.max())
    return max(np.mean(np.array(order)[y_pred] == y_true) for order in permutations(range(k)))


def test_every_public_function_is_in_the_property_lists():
    without_labels = {"generalizability"}
    assert set(metrics.__all__) == set(FUNCTIONS) | without_labels


@pytest.mark.parametrize("name", SCORES)
@given(labels=labelled())
def test_scores_are_symmetric(name, labels):
    score = SCORES[name]
    assert score(*labels) == pytest.approx(score(*labels[::-1]), abs=1e-12)


@pytest.mark.parametrize("name", SCORES)
@given(labels=labelled(), order=st.permutations(range(5)), seed=st.integers(0, 2**32 - 1))
def test_scores_do_not_depend_on_the_names_of_clusters_or_the_order_of_rows(name, labels, order, seed):
    score = SCORES[name]
    y_true, y_pred = labels
    wanted = score(y_true, y_pred)
    assert score(y_true, np.array(order)[y_pred]) == pytest.approx(wanted, abs=1e-12)
    rows = np.random.default_rng(seed).permutation(len(y_true))
    assert score(y_true[rows], y_pred[rows]) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("name", SCORES)
@given(labels=labelled(), order=st.permutations(range(5)))
def test_the_same_partition_scores_one(name, labels, order):
    y_true, _ = labels
    assert SCORES[name](y_true, np.array(order)[y_true]) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("name", SCORES)
@given(labels=labelled())
def test_scores_are_python_floats_within_their_bounds(name, labels):
    value = SCORES[name](*labels)
    assert type(value) is float
    assert LOWEST[name] <= value <= 1.0


@pytest.mark.parametrize("name", SCORES)
def test_a_different_partition_scores_less_than_one(name):
    assert SCORES[name]([0, 0, 1, 1], [0, 0, 0, 1]) < 0.9


@pytest.mark.parametrize("sizes", [(3, 3), (5, 2), (2, 5), (1, 4), (5, 5)])
@given(data=st.data())
def test_accuracy_is_the_best_over_all_matchings(sizes, data):
    y_true, y_pred = data.draw(labelled(*sizes))
    assert clustering_accuracy(y_true, y_pred) == pytest.approx(brute_force_accuracy(y_true, y_pred))


def test_a_greedy_matching_is_not_enough():
    # Taking the largest cell first (3 rows) leaves 0 for the others; the best matching gets 2 + 2.
    y_true = [0, 0, 0, 0, 0, 1, 1]
    y_pred = [0, 0, 0, 1, 1, 0, 0]
    assert clustering_accuracy(y_true, y_pred) == 4 / 7


@pytest.mark.parametrize(
    ("y_true", "y_pred", "wanted"),
    [
        ([0, 0, 0, 0], [0, 1, 2, 2], 0.5),  # more clusters than classes
        ([0, 1, 2, 2], [0, 0, 0, 0], 0.5),  # fewer
        ([0, 0, 1, 1], [4, 4, 9, 4], 0.75),
        ([3], [8], 1.0),
    ],
)
def test_accuracy_by_hand(y_true, y_pred, wanted):
    assert clustering_accuracy(y_true, y_pred) == wanted


def test_nmi_divides_by_the_arithmetic_mean_of_the_entropies():
    # H(true) = ln 2, H(pred) = ln 4, mutual information = ln 2; the geometric mean would give 0.7071.
    assert nmi([0, 0, 1, 1], [0, 1, 2, 3]) == pytest.approx(2 / 3)


def test_ari_by_hand():
    # Pairs together in both: 1; in true: 2; in pred: 3; of 6: (1 - 1) / (2.5 - 1).
    assert ari([0, 0, 1, 1], [0, 0, 0, 1]) == pytest.approx(0.0)
    assert ari([0, 0, 1, 1], [0, 1, 0, 1]) == pytest.approx(-0.5)


LABELS = {
    "strings": ["b", "a", "b", "c", "a"],
    "object strings": np.array(["b", "a", "b", "c", "a"], dtype=object),
    "bytes": np.array([b"b", b"a", b"b", b"c", b"a"]),
    "negative and far apart": [-1, -7, -1, 10**12, -7],
    "floats": [0.5, -1.5, 0.5, 2.0, -1.5],
    "unsigned": np.array([1, 0, 1, 255, 0], dtype=np.uint8),
    "series": pd.Series(["b", "a", "b", "c", "a"], index=[9, 8, 7, 6, 5]),
    "tuple": (1, 0, 1, 2, 0),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("name", SCORES)
def test_labels_may_be_of_any_kind(name, labels):
    codes, other = [1, 0, 1, 2, 0], [0, 0, 1, 2, 2]
    assert SCORES[name](labels, other) == SCORES[name](codes, other)
    assert SCORES[name](other, labels) == SCORES[name](other, codes)


@pytest.mark.parametrize("name", SCORES)
def test_as_many_labels_as_rows_raise_no_warning(name):
    assert SCORES[name](np.arange(100), np.arange(100)) == 1.0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_labels_given_are_not_changed(name):
    y_true, y_pred = np.array([3, 1, 1, -2]), np.array(["z", "a", "a", "a"])
    before = y_true.copy(), y_pred.copy()
    FUNCTIONS[name](y_true, y_pred)
    np.testing.assert_array_equal(y_true, before[0])
    np.testing.assert_array_equal(y_pred, before[1])
    for labels in (y_true, y_pred):
        labels.flags.writeable = False
    FUNCTIONS[name](y_true, y_pred)


@given(labels=labelled(4, 6))
def test_renaming_clusters_by_the_best_mapping_gives_the_accuracy(labels):
    y_true, y_pred = labels
    mapping = best_mapping(y_true, y_pred)
    renamed = np.array([mapping.get(cluster, -1) for cluster in y_pred.tolist()])
    assert np.mean(renamed == y_true) == pytest.approx(clustering_accuracy(y_true, y_pred))
    assert len(set(mapping.values())) == len(mapping)
    assert len(mapping) == min(len(np.unique(y_true)), len(np.unique(y_pred)))


def test_the_mapping_holds_plain_values_in_the_order_of_the_clusters():
    mapping = best_mapping(np.array(["cat", "dog", "cat", "cow"]), np.array([5, -3, 5, 2], dtype=np.int32))
    assert list(mapping.items()) == [(-3, "dog"), (2, "cow"), (5, "cat")]
    assert {type(value) for pair in mapping.items() for value in pair} == {int, str}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([0, 1], [0, 1, 1], "y_true has 2 labels and y_pred has 3; give one of each for every row"),
        ([], [], "y_true is empty; give one label for every row"),
        ([0], [], "y_pred is empty"),
        ([[0], [1]], [0, 1], r"y_true has shape \(2, 1\); give one label a row, e.g. y_true.ravel\(\)"),
        ([0, 1], 3, r"y_pred has shape \(\); give one label a row"),
        ([0.0, np.nan], [0, 1], "y_true has 1 NaN labels; leave these rows out"),
        (np.array([3, np.nan, 1, 2], dtype=object), [0, 1, 2, 3], "y_true has 1 NaN labels"),
        ([0, 1], np.array(["a", None], dtype=object), "y_pred mixes labels that cannot be sorted"),
    ],
)
def test_labels_that_cannot_be_compared_are_refused(name, y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        FUNCTIONS[name](y_true, y_pred)
