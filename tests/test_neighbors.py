"""The encoder of the neighbour graph as an estimator of its own."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from torch import nn

from small import REPRESENTATIONS, blobs
from torchdec import DEC, NeighborEncoder, _neighbors
from torchdec._core.neighbor_graph import COPIES
from torchdec._core.records import Epoch, Search
from torchdec.metrics import clustering_accuracy


def test_the_fitted_encoder_is_a_plain_stack_without_decoder() -> None:
    encoder = clone(REPRESENTATIONS["neighbors"]).set_params(random_state=0).fit(blobs(64, 5, 2)[0])
    assert all(isinstance(module, nn.Linear | nn.ReLU) for module in encoder.encoder_)
    assert encoder.decoder_ is None


def test_two_rows_are_enough_and_one_is_not() -> None:
    encoder = clone(REPRESENTATIONS["neighbors"]).set_params(random_state=0)
    assert encoder.fit(np.eye(2, 3)).transform(np.eye(2, 3)).shape == (2, 3)
    with pytest.raises(ValueError, match="n_samples=1 leaves no neighbours"):
        encoder.fit(np.ones((1, 3)))


def test_rows_of_zeros_do_no_harm() -> None:
    X = np.abs(blobs(64, 5, 2)[0])
    X[:8] = 0
    encoder = clone(REPRESENTATIONS["neighbors"]).set_params(random_state=0)
    assert np.isfinite(encoder.fit(X).transform(X)).all()


def test_groups_that_lie_on_a_line_are_told_apart_in_few_dimensions() -> None:
    """By the cosine around their mean, the group in the middle would have no direction."""
    y = np.arange(150) % 3
    X = np.random.default_rng(0).normal(size=(150, 8)) + 4 * y[:, None]
    model = DEC(3, representation=clone(REPRESENTATIONS["neighbors"]), tol=0.2, random_state=0).fit(X)
    assert clustering_accuracy(y, model.labels_) > 0.98


def test_the_space_is_chosen_where_rows_are_wide_and_not_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice is made to say rows, so that what it decides on shows."""
    monkeypatch.setattr(_neighbors, "components_agree", lambda *_, **__: False)
    encoder = NeighborEncoder((8,), 2, max_epochs=1, random_state=0)
    random = np.random.default_rng(0)
    wide, narrow = (random.normal(size=(60, d)) * (random.random((60, d)) < 0.04) for d in (120, 90))
    assert encoder.fit(wide).space_ == "rows"
    assert encoder.fit(narrow).space_ == "components"
    assert clone(encoder).set_params(n_components=5).fit(wide).space_ == "components"
    assert clone(encoder).set_params(n_components=None).fit(narrow).space_ == "rows"
    assert encoder.fit(random.normal(size=(60, 120))).space_ == "components"  # few values are zero
    monkeypatch.setattr(_neighbors, "_MOST_VALUES", 60 * 120 - 1)
    assert encoder.fit(wide).space_ == "components"


def test_rows_of_few_features_go_without_some_of_them() -> None:
    encoder = NeighborEncoder((8,), 2, max_epochs=1, random_state=0)
    X = np.zeros((60, 100), dtype=np.float32)
    X[np.arange(240) // 4, np.random.default_rng(0).integers(100, size=240)] = 1
    assert encoder.fit(X).dropout_ == encoder.fit(sparse.csr_matrix(X)).dropout_ == 0.3
    assert encoder.fit(np.hstack([X, np.ones((60, 2), dtype=np.float32)])).dropout_ == 0
    assert clone(encoder).set_params(dropout=0.1).fit(X).dropout_ == 0.1
    assert encoder.fit(X + 1).dropout_ == 0


@pytest.mark.parametrize(("n", "expected"), [(60, 20), (720, 160), (9000, 198)])
def test_the_steps_that_are_left_open_follow_the_number_of_rows(n: int, expected: int) -> None:
    encoder = NeighborEncoder((8,), 2, n_neighbors=3, random_state=0)
    records = encoder.iter_fit(blobs(n, 5, 2)[0])
    assert next(record.n_steps for record in records if isinstance(record, Epoch)) == expected
    records = encoder.set_params(batch_size=n // 3, max_epochs=7).iter_fit(blobs(n, 5, 2)[0])
    assert next(record.n_steps for record in records if isinstance(record, Epoch)) == 21


def test_with_a_reconstruction_weight_codes_lead_back_to_their_rows() -> None:
    X = blobs(200, 12, 3)[0] + 5
    without = NeighborEncoder((32,), 4, max_epochs=2, random_state=0).fit(X)
    assert not hasattr(without, "inverse_transform")
    encoder = NeighborEncoder(
        (32,), 4, reconstruction_weight=10, batch_size=32, learning_rate=1e-2, random_state=0
    )
    encoder.fit(X)
    assert all(isinstance(module, nn.Linear | nn.ReLU) for module in encoder.decoder_)
    restored = encoder.inverse_transform(encoder.transform(X))
    assert np.square(restored - X).mean() < 0.1 * np.square(X).mean()
    assert NeighborEncoder((32,), 4, random_state=0).set_params(reconstruction_weight=1).has_decoder


def test_with_a_reconstruction_weight_of_its_own_it_serves_idec() -> None:
    stage_1 = clone(REPRESENTATIONS["neighbors"]).set_params(reconstruction_weight=1.0)
    model = DEC(2, representation=stage_1, reconstruction_weight=1.0, tol=0.5, random_state=0)
    assert model.fit(blobs(64, 5, 2)[0]).n_iter_ == 1


def test_bad_parameters_are_named_when_fitting() -> None:
    with pytest.raises(ValueError, match="'metric' parameter of NeighborEncoder"):
        NeighborEncoder(metric="hamming").fit(np.eye(4))  # type: ignore[arg-type]


def test_of_many_rows_it_learns_on_a_sample_and_serves_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = blobs(400, 6, 3)
    learnt_on = []
    nearest = _neighbors.nearest
    monkeypatch.setattr(
        _neighbors,
        "nearest",
        lambda points, *a, **k: learnt_on.append(len(points)) or nearest(points, *a, **k),
    )
    stage_1 = clone(REPRESENTATIONS["neighbors"]).set_params(graph_rows=150)
    model = DEC(3, representation=stage_1, tol=0.2, random_state=0).fit(X)
    assert learnt_on == [150]
    assert len(model.labels_) == 400
    assert clustering_accuracy(y, model.labels_) > 0.98
    whole = clone(stage_1).set_params(graph_rows=400, random_state=0).fit(X)
    assert learnt_on == [150, 400]
    assert len(whole.transform(X)) == 400


def test_a_sample_that_is_too_large_to_copy_is_read_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then only components are looked at, in both cases."""
    X = blobs(400, 6, 3)[0]
    stage_1 = clone(REPRESENTATIONS["neighbors"]).set_params(graph_rows=150, n_components=4, random_state=0)
    copied = clone(stage_1).fit(X).transform(X)
    monkeypatch.setattr(_neighbors, "_MOST_VALUES", 150 * 6 - 1)
    np.testing.assert_array_equal(clone(stage_1).fit(X).transform(X), copied)


@pytest.mark.parametrize(("augment", "n_searches"), [(None, 1), (lambda rows, generator: rows, 1 + COPIES)])
def test_the_search_reports_how_far_it_is_and_is_no_part_of_the_history(augment: Any, n_searches: int) -> None:
    encoder = clone(REPRESENTATIONS["neighbors"]).set_params(augment=augment, max_epochs=1)
    records = list(encoder.iter_fit(blobs(60, 5, 2)[0]))
    searches = [record for record in records if isinstance(record, Search)]
    assert searches == records[: len(searches)]
    assert [record.done for record in searches] == [*range(n_searches + 1)]
    assert {record.total for record in searches} == {n_searches}
    assert encoder.history_ == records[len(searches) :]
