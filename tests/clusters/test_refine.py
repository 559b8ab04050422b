"""What is said of rows cuts, merges and names clusters; it is kept or listed, and asked where it tells most."""

import itertools

import numpy as np
import pytest

from small import blobs, small_dec
from torchdec import DEC, load, save
from torchdec._core.constraints import facts
from torchdec.clusters import ask, merge, refine
from torchdec.clusters._regions import regions_of
from torchdec.metrics import ari

X, TRUTH = blobs(240, 6, 4, spread=0.1)


@pytest.fixture(scope="module")
def model() -> DEC:
    model = small_dec(4, "neighbors").fit(X)
    assert ari(TRUTH, model.labels_) == 1
    return model


@pytest.fixture(scope="module")
def coarse(model: DEC) -> DEC:
    return merge(model, 0, 1)


def answered(pairs: list[tuple[int, int]], kinds: np.ndarray = TRUTH) -> dict[str, list[tuple[int, int]]]:
    return {
        "together": [(a, b) for a, b in pairs if kinds[a] == kinds[b]],
        "apart": [(a, b) for a, b in pairs if kinds[a] != kinds[b]],
    }


def rounds(model: DEC, n: int, kinds: np.ndarray = TRUTH) -> list[tuple[int, int]]:
    """Ask four questions at a time."""
    pairs: list[tuple[int, int]] = []
    for _ in range(n):
        pairs += ask(model, X, 4, **answered(pairs, kinds))
    return pairs


def test_a_few_answers_cut_a_cluster_that_is_two(coarse: DEC, tmp_path) -> None:
    questions = rounds(coarse, 3)
    assert any(coarse.labels_[a] == coarse.labels_[b] and TRUTH[a] != TRUTH[b] for a, b in questions)
    refined = refine(coarse, X, **answered(questions))
    assert ari(TRUTH, refined.labels_) == 1
    edit = refined.edits_[-1]
    assert (edit["edit"], edit["together"] + edit["apart"], edit["broken"]) == ("refine", 12, [])
    assert sorted(change["change"] for change in edit["changes"]) == ["kept", "kept", "kept", "split"]
    save(refined, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(load(tmp_path / "model.safetensors").predict(X), refined.labels_)


def test_answers_to_all_questions_at_once_cut_it_too(coarse: DEC) -> None:
    """Two regions side by side confirm each other, though no question could follow from an answer."""
    refined = refine(coarse, X, **answered(ask(coarse, X, 20)))
    assert ari(TRUTH, refined.labels_) == 1


def test_more_questions_go_on_from_the_first(coarse: DEC) -> None:
    """A finer cut halves regions of the coarser one, so rows that spoke go on speaking."""
    nothing = facts([], [], {})
    places = X[:, :3]
    coarser, finer = (regions_of(places, coarse.labels_, nothing, 0, n) for n in (6, 12))
    assert (len(coarser.centers), len(finer.centers)) == (6, 12)
    for region in range(12):
        assert len(set(coarser.of_row[finer.of_row == region])) == 1
    assert ask(coarse, X, 20)[:8] == ask(coarse, X, 8)


def test_answers_merge_clusters_that_are_one(coarse: DEC) -> None:
    """A cluster in two parts is one again, and all others keep number and rows."""
    fine = refine(coarse, X, **answered(rounds(coarse, 3)))
    one, two = (c for c in range(4) if len(set(coarse.labels_[fine.labels_ == c]) & {0}))
    pairs = [p for p in ask(fine, X, 40) if {fine.labels_[p[0]], fine.labels_[p[1]]} <= {one, two}]
    across = [pair for pair in pairs if fine.labels_[pair[0]] != fine.labels_[pair[1]]]
    assert refine(fine, X, together=across[:1]).n_clusters == 4  # one pair isn't most of both
    merged = refine(fine, X, together=pairs)
    assert merged.n_clusters == 3
    assert ari(merged.labels_, coarse.labels_) == 1


def test_a_part_goes_to_the_cluster_of_its_kind(model: DEC, coarse: DEC) -> None:
    """Of a cluster of two blobs, one is of the same kind as another cluster."""
    kinds = np.where(model.labels_ == 2, 1, model.labels_)
    refined = refine(coarse, X, **answered(rounds(coarse, 5, kinds), kinds))
    assert refined.n_clusters == 3
    assert ari(kinds, refined.labels_) == 1
    assert [change["change"] for change in refined.edits_[-1]["changes"]] == ["kept"] * 3


def test_one_odd_answer_changes_nothing(model: DEC) -> None:
    """A row in the middle of a region that is of another kind than all around it."""
    questions = rounds(model, 5)
    said = answered(questions)
    (a, b), *rest = (pair for pair in said["together"] if model.labels_[pair[0]] == model.labels_[pair[1]])
    assert rest
    refined = refine(
        model, X, together=[p for p in said["together"] if p != (a, b)], apart=[*said["apart"], (a, b)]
    )
    np.testing.assert_array_equal(refined.labels_, model.labels_)
    assert refined.edits_[-1]["broken"] == [["apart", a, b]]


def test_names_open_and_name_clusters(coarse: DEC) -> None:
    names = {int(row): f"group {TRUTH[row]}" for c in range(4) for row in np.flatnonzero(c == TRUTH)[:12]}
    refined = refine(coarse, X, rows=names)
    assert sorted(refined.cluster_names_) == [f"group {c}" for c in range(4)]
    assert all(refined.cluster_names_[refined.labels_[row]] == name for row, name in names.items())
    assert refined.edits_[-1]["broken"] == []


def test_what_is_not_asked_again(coarse: DEC) -> None:
    questions = ask(coarse, X, 4)
    more = ask(coarse, X, 4, **answered(questions))
    assert len(more) == 4
    assert not set(questions) & set(more)
    assert all(a != b for a, b in itertools.chain(questions, more))


def test_what_cannot_be_kept_is_listed(model: DEC) -> None:
    """Two rows in the very same place can't be apart."""
    rows = np.concatenate([X, X[:1]])
    refined = refine(model, rows, apart=[(0, 240)], updates=1)
    assert refined.edits_[-1]["broken"] == [["apart", 0, 240]]
    assert refined.n_clusters == 4


def test_the_same_answers_give_the_same_bits(coarse: DEC) -> None:
    said = answered(rounds(coarse, 3))
    one, two = (refine(coarse, X, **said).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert coarse.n_clusters == 3


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "together, apart and rows say nothing"),
        ({"together": [(0, 240)]}, r"together\[0\]=\(0, 240\) isn't a row of X, which has 0 to 239"),
        ({"apart": [(1, 2), (3, 3)]}, r"apart\[1\]=\(3, 3\) is one row twice"),
        ({"apart": [3]}, r"apart\[0\]=3 isn't a pair of rows"),
        ({"together": [(0, "x")]}, r"together\[0\]=\(0, 'x'\) isn't a row of X"),
        ({"rows": {-1: "a"}}, "rows has the key -1, which isn't a row of X"),
        ({"rows": {1: ""}}, r"rows\[1\]='' must be a text"),
        ({"together": [(0, 1)], "apart": [(1, 0)]}, "rows 1 and 0 are apart, but they are together by 1 = 0"),
        ({"apart": [(0, 1)], "updates": -1}, "updates=-1 must be 0 or more"),
    ],
)
def test_what_makes_no_sense_is_refused(model: DEC, said, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        refine(model, X, **said)


def test_a_row_that_holds_nothing_is_refused(model: DEC) -> None:
    rows = X.copy()
    rows[5] = np.nan
    with pytest.warns(UserWarning, match="hold"), pytest.raises(ValueError, match="Row 5 of X holds nothing"):
        refine(model, rows, together=[(4, 5)])


def test_no_questions_are_refused(model: DEC) -> None:
    with pytest.raises(ValueError, match="n=0 asks nothing"):
        ask(model, X, 0)
