"""A number of clusters is recommended from one representation; G is taken on rows that were held out."""

from typing import Any

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from small import REPRESENTATIONS, blobs, small_dec
from torchdec import DEC, Autoencoder
from torchdec.clusters import choose_k
from torchdec.metrics import generalizability

X, _ = blobs(150, 8, 3, seed=1)
SMALL = Autoencoder((16,), 3, max_epochs=5, random_state=0)


def test_groups_that_are_there_are_counted() -> None:
    choice = choose_k(X, range(2, 7), representation=SMALL, random_state=0)
    assert choice.n_clusters == 3
    assert all(candidate.generalizability is None for candidate in choice.candidates)


def test_g_is_that_of_a_model_that_has_not_seen_the_rows_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    fit = DEC.fit

    def noted(self: DEC, rows, y=None):
        seen.append((self, np.concatenate(list(rows.chunks(1000)))))
        return fit(self, rows, y)

    monkeypatch.setattr(DEC, "fit", noted)
    choice = choose_k(X, [2, 3], representation=SMALL, hold_out=0.2, random_state=0)
    assert [model.n_clusters for model, _ in seen] == [2, 3]
    for candidate, (model, inside) in zip(choice.candidates, seen, strict=True):
        assert len(inside) == 120
        outside = X[~(X[:, None] == inside).all(axis=2).any(axis=1)]
        assert len(outside) == 30
        expected = generalizability(model.predict_proba(inside), model.predict_proba(outside))
        assert candidate.generalizability == pytest.approx(expected)


def test_what_was_chosen_does_not_depend_on_g() -> None:
    without, with_g = (
        choose_k(X, [2, 3], representation=SMALL, hold_out=share, random_state=0) for share in (0, 0.2)
    )
    assert [c.strength for c in without.candidates] == [c.strength for c in with_g.candidates]
    assert (without.n_clusters, without.reason) == (with_g.n_clusters, with_g.reason)


def test_a_frozen_representation_is_used_as_it_is() -> None:
    fitted = SMALL.fit(X)
    choice = choose_k(X, [2, 3], representation=FrozenEstimator(fitted), random_state=0)
    assert choice.candidates == choose_k(X, [2, 3], representation=SMALL, random_state=0).candidates


@pytest.mark.parametrize("hold_out", [-0.1, 1.0, float("nan"), 0.001, 0.999])
def test_a_share_that_leaves_no_rows_is_refused(hold_out: float) -> None:
    with pytest.raises(ValueError, match="hold_out="):
        choose_k(X, [2, 3], representation=SMALL, hold_out=hold_out, random_state=0)


@pytest.mark.parametrize("ks", [[], [0, 2], [76], 5, "four", [2.5], X])
def test_numbers_that_cannot_be_are_refused(ks: Any) -> None:
    with pytest.raises(ValueError, match=r"^ks") as caught:
        choose_k(X, ks, representation=SMALL)
    assert len(str(caught.value)) < 200


CLOUD = np.random.default_rng(0).normal(size=(90, 6)).astype(np.float32)


@pytest.mark.parametrize("representation", ["neighbors", "autoencoder"])
@pytest.mark.parametrize("ks", ["auto", range(2, 6)], ids=str)
@pytest.mark.parametrize("rows", [X[:32], CLOUD[:32]], ids=["blobs", "cloud"])
def test_a_dec_of_the_same_seed_chooses_the_same_by_the_same_figures(
    rows: np.ndarray, ks: Any, representation: str
) -> None:
    """Of a cloud any other figure, of another embedding or another division, would differ."""
    choice = choose_k(rows, ks, representation=REPRESENTATIONS[representation], random_state=3)
    assert choice == small_dec(ks, representation, random_state=3, max_iter=0).fit(rows).choice_
    assert choice.reason.startswith(f"Of {'1 to 16' if ks == 'auto' else '2 to 5'} clusters, ")


@pytest.mark.parametrize("n", [4, 5, 6, 9, 13, 20, 40])
def test_few_rows_are_chosen_for_too(n: int) -> None:
    rows, _ = blobs(n, 5, 2, spread=0.1)
    choice = choose_k(rows, representation=REPRESENTATIONS["neighbors"], random_state=0)
    assert choice.n_clusters == 2


def test_numbers_beyond_the_distinct_rows_are_left_out_and_the_reason_says_so() -> None:
    rows = np.repeat(np.eye(3, 5, dtype=np.float32), 20, axis=0)
    choice = choose_k(rows, range(2, 9), representation=SMALL, random_state=0)
    assert [candidate.n_clusters for candidate in choice.candidates] == [2, 3]
    assert choice.n_clusters == 3
    assert choice.reason.endswith(" 4 to 8 not tried: X has 3 distinct rows after encoding.")
    with pytest.raises(ValueError, match="n_clusters=4 is more than the 3 distinct rows"):
        choose_k(rows, [4, 5], representation=SMALL, random_state=0)


def test_rows_that_are_all_equal_are_refused_as_a_dec_does() -> None:
    with pytest.raises(ValueError, match="40 rows that are all equal"):
        choose_k(np.ones((40, 4)), representation=SMALL)


def test_one_cluster_is_a_number_to_try_too() -> None:
    choice = choose_k(CLOUD, [1], representation=SMALL, random_state=0)
    assert (choice.n_clusters, choice.runner_up) == (1, None)
    assert small_dec([1]).fit(CLOUD).labels_.max() == 0
