"""Edits that are replayed: each does what it says, in the numbers of the clusters before the first of them."""

from typing import Any

import numpy as np
import pytest

from small import blobs, small_dec
from torchdec import DEC
from torchdec._assigned import Assigned, assign_parts
from torchdec.clusters import merge, rename, replay
from torchdec.clusters._edits import notes_of

X, TRUTH = blobs(80, 6, 4)


@pytest.fixture(scope="module")
def model() -> DEC:
    return small_dec(4).fit(X)


def test_clusters_keep_the_numbers_that_the_page_shows(model: DEC) -> None:
    edits = [
        {"edit": "merge", "clusters": [0, 2]},
        {"edit": "rename", "cluster": 3, "name": "last"},
        {"edit": "merge", "clusters": [2, 1]},
        {"edit": "move", "rows": [5, 6], "into": 3},
        {"edit": "note", "cluster": 1, "text": "three in one"},
    ]
    edited, labels = replay(model, edits)
    by_hand = merge(merge(rename(model, 3, "last"), 0, 2), 0, 1)
    assert edited.cluster_names_ == ["", "last"]
    np.testing.assert_array_equal(edited.predict(X), by_hand.predict(X))
    expected = by_hand.predict(X)
    expected[[5, 6]] = 1
    np.testing.assert_array_equal(labels, expected)
    assert [edit["edit"] for edit in edited.edits_] == [edit["edit"] for edit in edits]
    assert notes_of(edited.edits_, 2) == ["three in one", ""]
    assert model.edits_ == []


def test_rows_that_a_person_placed_stay_there(model: DEC) -> None:
    edits: list[dict[str, Any]] = [
        {"edit": "noise", "rows": [0]},
        {"edit": "move", "rows": [1, 2], "into": 0},
        {"edit": "split", "cluster": 3, "into": 2, "updates": 0},
        {"edit": "merge", "clusters": [0, 1]},
    ]
    edited, labels = replay(model, edits, X=X)
    assert len(edited.cluster_names_) == 4
    assert labels[:3].tolist() == [-1, 0, 0]
    np.testing.assert_array_equal(labels[3:], edited.predict(X)[3:])
    assigned = Assigned(edited, assign_parts(edited, edited.transform(X), labels))
    np.testing.assert_array_equal(assigned.labels, labels)
    assert assigned.confidence[1] == 1 or edited.predict(X)[1] == 0


def test_notes_follow_their_clusters() -> None:
    edits = [
        {"edit": "note", "cluster": 3, "text": "a"},
        {"edit": "note", "cluster": 1, "text": "b"},
        {"edit": "merge", "clusters": [0, 1], "into": 0},
        {"edit": "merge", "clusters": [0, 2], "into": 0},
    ]
    assert notes_of(edits, 2) == ["b; a", ""]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"edit": "paint"}, "isn't an edit; give one of rename, note, merge, split, move, noise"),
        (3, "3 isn't an edit"),
        ({"edit": ["merge"]}, "isn't an edit"),
        ({"edit": "rename", "cluster": True, "name": "x"}, "isn't a cluster"),
        ({"edit": "rename", "cluster": 0, "name": None}, "must be a text"),
        ({"edit": "noise", "rows": [True]}, "must be numbers of rows"),
        ({"edit": "move", "into": 1}, "the edit 'move' has no 'rows'"),
        ({"edit": "move", "rows": [80], "into": 1}, "must be numbers of rows from 0 to 79"),
        ({"edit": "rename", "cluster": 4, "name": "x"}, "cluster=4 isn't a cluster of this model; it has 0 to 3"),
        ({"edit": "merge", "clusters": [1, 1]}, "are the same cluster"),
        ({"edit": "merge", "clusters": [1]}, "must be two clusters"),
        ({"edit": "split", "cluster": 1}, "needs the rows"),
        ({"edit": "note", "cluster": 1, "text": 3}, "text=3 must be a string"),
    ],
)
def test_what_is_no_edit_is_said_with_its_place(model: DEC, edit: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replay(model, [edit])
    with pytest.raises(ValueError, match=r"edit 2 of 2: .*" + message):
        replay(model, [{"edit": "rename", "cluster": 0, "name": "x"}, edit])
