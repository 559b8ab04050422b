"""A number of clusters is recommended from one representation; G is taken on rows that were held out."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from small import blobs
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


@pytest.mark.parametrize("n_divisions", [0, -1, 2.5])
def test_divisions_that_cannot_be_are_refused(n_divisions: float) -> None:
    with pytest.raises(ValueError, match=f"n_divisions={n_divisions} divides"):
        choose_k(X, [2, 3], representation=SMALL, n_divisions=n_divisions)  # type: ignore[arg-type]


@pytest.mark.parametrize("ks", [[], [0, 2], [76]])
def test_numbers_that_cannot_be_are_refused(ks: list[int]) -> None:
    with pytest.raises(ValueError, match="ks"):
        choose_k(X, ks, representation=SMALL)
