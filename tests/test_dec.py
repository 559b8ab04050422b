"""DEC as its users meet it: fit, predict, history, and what is said when something is wrong."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from small import REPRESENTATIONS, blobs, small_dec
from torchdec import DEC, Autoencoder, NeighborEncoder, _starts, load, save
from torchdec._core import centroids
from torchdec._core.objective import log_soft_assignment
from torchdec._core.records import Centroids, Epoch, StopReason, Update
from torchdec._core.self_training import SelfTraining
from torchdec._core.training import SGD
from torchdec._starts import PRESETS
from torchdec.metrics import clustering_accuracy
from torchdec.rows import as_rows

Blobs = tuple[NDArray[np.float32], NDArray[np.int64]]


def unchanged(rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Change nothing, as an augmentation."""
    return rows


@pytest.mark.parametrize("representation", ["autoencoder", "neighbors"])
def test_clusters_that_are_there_are_found(representation: str) -> None:
    X, y = blobs(150, 8, 3)
    model = small_dec(3, representation, tol=0.2).fit(X)
    assert clustering_accuracy(y, model.labels_) > 0.98


@pytest.mark.parametrize("representation", ["autoencoder", "neighbors"])
def test_labels_are_the_argmax_of_q_and_equal_predict(representation: str, two_blobs: Blobs) -> None:
    X, _ = two_blobs
    model = small_dec(2, representation)
    labels = model.fit_predict(X)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, model.predict(X))
    np.testing.assert_array_equal(labels, model.predict_proba(X).argmax(axis=1))


def test_labels_are_those_of_the_last_weights_not_of_the_last_targets(two_blobs: Blobs) -> None:
    """Also when self-training is cut off in the middle of its training."""
    X, _ = two_blobs
    model = small_dec(2, tol=0.0, learning_rate=1.0)
    updates = model.iter_fit(X)
    for record in updates:
        if isinstance(record, Update) and record.number == 2:
            break
    updates.close()
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    assert model.stop_reason_ is StopReason.INTERRUPTED


@pytest.mark.parametrize("alpha", [0.5, 1.0, 5.0])
def test_probabilities_are_equation_1_with_the_given_alpha(alpha: float, two_blobs: Blobs) -> None:
    X, _ = two_blobs
    model = small_dec(2, alpha=alpha).fit(X)
    z, mu = torch.from_numpy(model.transform(X)), torch.from_numpy(model.cluster_centers_)
    np.testing.assert_allclose(model.predict_proba(X), log_soft_assignment(z, mu, alpha).exp(), rtol=1e-5)


@pytest.mark.parametrize("representation", ["autoencoder", "neighbors"])
def test_the_same_seed_gives_the_same_bits(representation: str, two_blobs: Blobs) -> None:
    X, _ = two_blobs
    one, two = (small_dec(2, representation, random_state=5).fit(X) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    other = small_dec(2, representation, random_state=6).fit(X)
    assert not np.array_equal(one.transform(X), other.transform(X))


def test_labels_never_enter_training(two_blobs: Blobs) -> None:
    X, y = two_blobs
    np.testing.assert_array_equal(small_dec().fit(X).transform(X), small_dec().fit(X, y).transform(X))


@pytest.mark.parametrize(
    ("parameters", "steps"),
    [
        ({}, 3),
        ({"augment": unchanged}, 30),
        ({"augment": unchanged, "update_interval": "epoch"}, 3),
        ({"augment": unchanged, "update_interval": 2}, 2),
    ],
)
def test_targets_stay_for_more_passes_where_rows_are_changed(
    parameters: dict[str, Any], steps: int, two_blobs: Blobs
) -> None:
    X, _ = two_blobs
    history = small_dec(batch_size=-(-len(X) // 3), **parameters).fit(X).history_
    assert [record.step for record in history if isinstance(record, Update)][:2] == [0, steps]


@pytest.mark.parametrize(
    ("model", "n_rows", "expected"),
    [
        (DEC(), 2**15 - 1, (256, 0.01)),
        (DEC(), 2**15, (2048, 0.04)),
        (DEC(update_interval=160), 2**15, (256, 0.01)),
        (DEC(batch_size=64), 2**15, (64, 0.01)),
        (DEC(learning_rate=0.5), 2**15, (2048, 0.5)),
    ],
)
def test_many_rows_are_self_trained_in_larger_batches_and_steps_unless_updates_are_counted_in_steps(
    model: DEC, n_rows: int, expected: tuple[int, float]
) -> None:
    assert model._pace(n_rows) == expected


@pytest.mark.parametrize("n", [3, 31, 32, 33, 64])
def test_any_number_of_rows_trains_whatever_the_batch_size(n: int) -> None:
    X, _ = blobs(n, 4, 2)
    model = small_dec(2, batch_size=32).fit(X)
    assert np.isfinite(model.predict_proba(X)).all()
    assert len(model.labels_) == n


def test_one_cluster_is_allowed(two_blobs: Blobs) -> None:
    assert set(small_dec(1).fit_predict(two_blobs[0])) == {0}


def test_duplicates_and_constant_columns_are_allowed() -> None:
    X, y = blobs(60, 4, 2)
    X = np.vstack([X, X])
    X[:, 0] = 3
    assert clustering_accuracy(np.tile(y, 2), small_dec(2).fit_predict(X)) > 0.9


def test_rows_sorted_by_class_give_as_good_clusters_as_shuffled_ones() -> None:
    X, y = blobs(150, 8, 3)
    order = np.argsort(y, kind="stable")
    assert clustering_accuracy(y[order], small_dec(3, tol=0.2).fit_predict(X[order])) > 0.98


def test_history_tells_the_stages_in_order(two_blobs: Blobs) -> None:
    X, _ = two_blobs
    model = small_dec().fit(X)
    kinds = [type(record) for record in model.history_]
    assert kinds == sorted(kinds, key=[Epoch, Centroids, Update].index)
    assert {Epoch, Centroids, Update} == set(kinds)
    seconds = [record.seconds for record in model.history_]
    assert seconds == sorted(seconds)
    assert model.history_[-1].number == model.n_iter_


def test_k_means_has_the_twenty_starts_of_the_paper(two_blobs: Blobs) -> None:
    model = small_dec(2, init="k-means++").fit(two_blobs[0])
    (start,) = (record for record in model.history_ if isinstance(record, Centroids))
    assert start.n_init == 20


def test_training_stops_when_fewer_rows_than_tol_change(two_blobs: Blobs) -> None:
    model = small_dec(2, tol=0.3).fit(two_blobs[0])
    *before, last = [record for record in model.history_ if isinstance(record, Update)]
    assert last.changed < 0.3
    assert all(update.changed >= 0.3 for update in before if update.number)
    assert model.stop_reason_ is StopReason.CONVERGED


def test_training_that_does_not_settle_goes_back_to_its_calmest_update(
    two_blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = [0.0, 0.3, 0.2, 0.25, 0.2, 0.22]
    states = []
    real = SelfTraining.updates

    def restless(training: SelfTraining) -> Iterator[Update]:
        for update, changed in zip(real(training), shares, strict=False):
            states.append(training.centers.detach().numpy().copy())
            yield replace(update, changed=changed)

    monkeypatch.setattr(SelfTraining, "updates", restless)
    model = small_dec(2, tol=0.0, patience=3).fit(two_blobs[0])
    assert model.stop_reason_ is StopReason.UNSETTLED
    assert model.n_iter_ == 5
    np.testing.assert_array_equal(model.cluster_centers_, states[2])
    np.testing.assert_array_equal(model.labels_, model.predict(two_blobs[0]))


def test_training_stops_at_max_iter_and_says_so(two_blobs: Blobs) -> None:
    with pytest.warns(ConvergenceWarning, match=r"max_iter=3, tol=0.0, last fraction .* Try a larger max_iter"):
        model = small_dec(2, tol=0.0, max_iter=3).fit(two_blobs[0])
    assert (model.n_iter_, model.stop_reason_) == (3, StopReason.MAX_ITER)


def test_no_updates_leave_kmeans_as_it_is(two_blobs: Blobs) -> None:
    X, _ = two_blobs
    model = small_dec(2, max_iter=0).fit(X)
    nearest = np.linalg.norm(model.transform(X)[:, None] - model.cluster_centers_, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(model.labels_, nearest)


def test_a_scalar_scale_makes_the_mean_square_one_and_is_applied_in_predict(two_blobs: Blobs) -> None:
    X, _ = two_blobs
    one, ten = small_dec().fit(X), small_dec().fit(8 * X)
    assert one.scale_ == pytest.approx(np.mean(X.astype(float) ** 2) ** -0.5, rel=1e-6)
    np.testing.assert_allclose(one.transform(X), ten.transform(8 * X), rtol=1e-4, atol=1e-5)


def test_every_kind_of_rows_gives_the_same_model(two_blobs: Blobs, tmp_path: Any) -> None:
    import pandas as pd

    X, _ = two_blobs
    X = np.where(np.abs(X) < 0.3, 0, X).astype(np.float32)
    np.save(tmp_path / "x.npy", X)
    expected = small_dec().fit(X).transform(X)
    for other in (
        sp.csr_matrix(X),
        sp.csr_array(X),
        sp.coo_matrix(X),
        X.astype(np.float64),
        np.asfortranarray(X),
        np.load(tmp_path / "x.npy", mmap_mode="r"),
        pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])]),
        as_rows(X),
    ):
        np.testing.assert_array_equal(small_dec().fit(other).transform(other), expected)


def test_feature_names_are_kept_and_checked(two_blobs: Blobs) -> None:
    import pandas as pd

    X = pd.DataFrame(two_blobs[0], columns=list("abcdef"))
    model = small_dec().fit(X)
    assert list(model.feature_names_in_) == list("abcdef")
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X[list("bacdef")])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("abdef", "X lacks 'c'; give the columns 'a', 'b', 'c', 'd', 'e' and 1 more."),
        ("abcdefg", "X has 'g', unknown to the fit; give the columns 'a', 'b',"),
        ("abcdgh", "X lacks 'e', 'f' and has 'g', 'h', unknown to the fit; give"),
        (
            "mnopqr",
            "X lacks 'a', 'b', 'c', 'd', 'e' and 1 more and has 'm', 'n', 'o', 'p', 'q' and 1 ",
        ),
        (
            "abdcef",
            "column 2 is 'd' and was 'c'; put the columns in the order 'a', 'b', 'c', 'd', 'e' and",
        ),
    ],
)
def test_rows_of_other_columns_are_refused_by_name(columns: str, message: str, two_blobs: Blobs) -> None:
    import pandas as pd

    model = small_dec().fit(pd.DataFrame(two_blobs[0], columns=list("abcdef")))
    rows = as_rows(pd.DataFrame(np.ones((3, len(columns))), columns=list(columns)))
    with pytest.raises(ValueError, match=re.escape(message)):
        model.predict(rows)


def test_set_output_names_the_columns_of_the_code(two_blobs: Blobs) -> None:
    code = small_dec().set_output(transform="pandas").fit(two_blobs[0]).transform(two_blobs[0])
    assert list(code.columns) == ["dec0", "dec1", "dec2"]


def test_a_frozen_representation_serves_many_k_without_training_again(two_blobs: Blobs) -> None:
    X, _ = two_blobs
    fitted = clone(REPRESENTATIONS["autoencoder"]).set_params(random_state=0).fit(X)
    before = fitted.transform(X)
    for k in (2, 3):
        model = clone(small_dec(k, max_iter=0)).set_params(representation=FrozenEstimator(fitted)).fit(X)
        assert not any(isinstance(record, Epoch) for record in model.history_)
        np.testing.assert_array_equal(model.transform(X), before)
        small_dec(k).set_params(representation=FrozenEstimator(fitted)).fit(X)
    np.testing.assert_array_equal(fitted.transform(X), before)


def test_a_frozen_representation_of_other_columns_or_kind_is_refused(two_blobs: Blobs) -> None:
    import pandas as pd

    X, _ = two_blobs
    fitted = clone(REPRESENTATIONS["autoencoder"]).fit(X)
    with pytest.raises(ValueError, match="X has 5 features, but the frozen representation was fitted on 6"):
        small_dec().set_params(representation=FrozenEstimator(fitted)).fit(X[:, :5])
    named = pd.DataFrame(X, columns=list("abcdef"))
    with pytest.raises(ValueError, match="column 0 is 'b' and was 'a'"):
        small_dec().set_params(representation=FrozenEstimator(clone(fitted).fit(named))).fit(named[list("bacdef")])
    with pytest.raises(ValueError, match="X lacks 'f'"):
        small_dec().set_params(representation=FrozenEstimator(clone(fitted).fit(named))).fit(named[list("abcde")])
    with pytest.raises(NotFittedError):
        small_dec().set_params(representation=FrozenEstimator(Autoencoder())).fit(X)


def test_pipelines_and_searches_reach_nested_parameters(two_blobs: Blobs) -> None:
    X, y = two_blobs
    search = GridSearchCV(
        make_pipeline(StandardScaler(), small_dec()),
        {"dec__representation__embedding_dim": [2, 4]},
        scoring=lambda model, X, y: clustering_accuracy(y, model.predict(X)),
        cv=2,
    ).fit(X, y)
    assert (
        search.best_estimator_.transform(X).shape[1] == search.best_params_["dec__representation__embedding_dim"]
    )


def test_presets_are_the_estimators_that_the_docstring_names() -> None:
    presets = {name: make() for name, make in PRESETS.items()}
    assert isinstance(presets["neighbors"], NeighborEncoder)
    assert presets["autoencoder"].get_params() == Autoencoder().get_params()
    assert presets["sdae"].get_params() == Autoencoder.paper().get_params()
    assert (presets["sdae"].layer_steps, presets["sdae"].max_steps) == (50_000, 100_000)


def test_reconstruction_keeps_the_decoder_in_the_loss(two_blobs: Blobs) -> None:
    X, _ = two_blobs
    plain, idec = small_dec().fit(X), small_dec(reconstruction_weight=10.0).fit(X)
    assert idec.history_[-1].loss > plain.history_[-1].loss
    assert not np.array_equal(plain.transform(X), idec.transform(X))


def test_reconstruction_without_a_decoder_is_an_error(two_blobs: Blobs) -> None:
    with pytest.raises(ValueError, match=r"reconstruction_weight=1\.0 needs a decoder"):
        small_dec(2, "neighbors", reconstruction_weight=1.0).fit(two_blobs[0])
    without = clone(REPRESENTATIONS["neighbors"]).fit(two_blobs[0]).set_params(reconstruction_weight=1.0)
    with pytest.raises(ValueError, match="needs a decoder"):
        small_dec(reconstruction_weight=1.0).set_params(representation=FrozenEstimator(without)).fit(two_blobs[0])
    with pytest.raises(ValueError, match="was fitted without a decoder"):
        without.inverse_transform(without.transform(two_blobs[0]))


def test_a_code_of_another_width_is_not_decoded(two_blobs: Blobs) -> None:
    autoencoder = clone(REPRESENTATIONS["autoencoder"]).fit(two_blobs[0])
    with pytest.raises(ValueError, match="Z has 7 columns, but the embedding has 3"):
        autoencoder.inverse_transform(np.zeros((2, 7)))


def test_a_column_of_bytes_is_named_and_a_series_is_no_table(two_blobs: Blobs) -> None:
    import pandas as pd

    X = pd.DataFrame(two_blobs[0], columns=list("abcdef"))
    with pytest.raises(ValueError, match="column 'plan' of X holds bytes"):
        small_dec().fit(X.assign(plan=b"Pro"))
    with pytest.raises(ValueError, match="2-dimensional container"):
        small_dec().fit(X["a"])


def test_a_code_that_was_learnt_first_is_cut_anew_by_its_graph_unless_the_paper_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    real = centroids.separated
    monkeypatch.setattr(
        centroids, "separated", lambda points, *rest: seen.append(len(points)) or real(points, *rest)
    )
    X = np.random.default_rng(0).normal(size=(1000, 6)).astype(np.float32)
    small_dec(init="k-means++").fit(X)
    small_dec().fit(X[:999])  # few rows are partitioned
    assert seen == []
    small_dec().fit(X)
    assert seen == [1000]


def test_dead_clusters_are_reported_in_a_warning(two_blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    real = _starts.kmeans_centroids

    def with_a_far_centre(*args: Any, **kwargs: Any) -> Any:
        centers, labels, record = real(*args, **kwargs)
        centers[1] = 1e4
        return centers, labels, record

    monkeypatch.setattr(_starts, "kmeans_centroids", with_a_far_centre)
    with pytest.warns(ConvergenceWarning, match="Cluster 1 lost its rows and was re-seeded at update 0"):
        model = small_dec(init="k-means++").fit(two_blobs[0])
    assert set(model.labels_) == {0, 1}


def test_collapse_is_reported_with_the_sizes(two_blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    real = SelfTraining.updates

    def collapsing(training: SelfTraining) -> Any:
        for update in real(training):
            if update.number:
                with torch.no_grad():
                    training.centers[1] = 1e4
            yield update

    monkeypatch.setattr(SelfTraining, "updates", collapsing)
    with pytest.warns(ConvergenceWarning, match=r"collapsed: 100% of the rows are in one; sizes \[120, 0\]"):
        small_dec().fit(two_blobs[0])


def test_interruption_before_self_training_leaves_the_estimator_unfitted(two_blobs: Blobs) -> None:
    model = small_dec()
    records = model.iter_fit(two_blobs[0])
    next(records)
    records.close()
    with pytest.raises(NotFittedError):
        model.predict(two_blobs[0])


def test_an_interrupt_from_the_keyboard_keeps_the_model_and_goes_on_up(
    two_blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = SGD.step
    taken = []

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        taken.append(1)
        if len(taken) == 3:
            raise KeyboardInterrupt
        return step(*args, **kwargs)

    monkeypatch.setattr(SGD, "step", interrupted)
    model = small_dec(2, tol=0.0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(two_blobs[0])
    assert model.stop_reason_ is StopReason.INTERRUPTED
    assert len(model.predict(two_blobs[0])) == 120


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.full((9, 3), [np.nan, np.nan, 1]), "18 NaN"),
        (np.full((9, 3), np.nan), "9 rows that hold nothing"),
        (np.array([[0.0, np.inf], [1.0, 2.0], [3.0, 4.0]]), "infinite"),
        (np.ones((9, 3)), "9 rows that are all equal, which cannot be cut into n_clusters=2"),
        (np.ones((1, 3)), "n_samples=1 is fewer than n_clusters=2; try n_clusters=1 or fewer"),
        (np.ones(9), r"has shape \(9,\).*Reshape your data"),
        (np.array([["a", "b"], ["c", "d"]]), r"give a data frame, pandas\.DataFrame\(X\)"),
        (np.ones((9, 3), dtype=complex), "Complex data"),
        (np.empty((0, 3)), "0 sample"),
        (np.empty((3, 0)), "0 feature"),
    ],
)
def test_rows_that_cannot_be_clustered_are_refused_in_words(X: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small_dec(2).fit(X)


def test_fewer_distinct_rows_than_clusters_is_said() -> None:
    X = np.repeat(np.eye(2, 3, dtype=np.float32), 10, axis=0)
    with pytest.raises(ValueError, match=r"n_clusters=3 is more than the 2 distinct rows"):
        small_dec(3).fit(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 0}, "'n_clusters' parameter of DEC must be an int in the range .* Got 0"),
        ({"alpha": 0.0}, "'alpha' parameter of DEC"),
        ({"representation": "vgg"}, "'representation' parameter of DEC .* Got 'vgg'"),
        ({"update_interval": "day"}, "'update_interval' parameter of DEC"),
        ({"device": "tpu9"}, "device='tpu9' cannot be used here"),
        ({"precision": "float8"}, "'precision' parameter of DEC"),
    ],
)
def test_parameters_that_cannot_be_used_are_named(
    parameters: dict[str, Any], message: str, two_blobs: Blobs
) -> None:
    with pytest.raises(ValueError, match=message):
        small_dec().set_params(**parameters).fit(two_blobs[0])


def test_another_width_at_predict_is_said(two_blobs: Blobs) -> None:
    model = small_dec().fit(two_blobs[0])
    for narrow in (two_blobs[0][:, :5], as_rows(two_blobs[0][:, :5])):
        with pytest.raises(ValueError, match="X has 5 features, but DEC is expecting 6"):
            model.predict(narrow)


def test_bfloat16_training_finds_the_clusters_too() -> None:
    X, y = blobs(90, 8, 3)
    model = small_dec(3, precision="bfloat16", tol=0.2).fit(X)
    assert model.transform(X).dtype == np.float32
    assert clustering_accuracy(y, model.labels_) > 0.95


@pytest.mark.parametrize("k", [3, 6])
def test_the_number_of_clusters_can_be_chosen(k: int, tmp_path: Path) -> None:
    X, truth = blobs(60 * k, 8, k, spread=0.05)
    model = small_dec("auto").fit(X)
    assert model.cluster_centers_.shape[0] == k == model.choice_.n_clusters
    assert clustering_accuracy(truth, model.labels_) > 0.95
    save(model, tmp_path / "m")
    np.testing.assert_array_equal(load(tmp_path / "m").predict(X), model.labels_)
    assert small_dec(3).fit(X).choice_ is None


def test_too_few_rows_to_choose_from_are_refused() -> None:
    with pytest.raises(ValueError, match=r"n_samples=3 is too few to choose .* give 4 rows or more"):
        small_dec("auto").fit(np.eye(3))


@pytest.mark.parametrize("numbers", [range(2, 5), [4, 2, 3], np.array([2, 3, 4])], ids=type)
def test_one_of_several_numbers_of_clusters_is_chosen(numbers: Any, tmp_path: Path) -> None:
    X, _ = blobs(120, 8, 3, spread=0.05)
    model = small_dec(numbers).fit(X)
    assert model.choice_.reason.startswith("Of 2 to 4 clusters, 3 is the largest number")
    assert len(model.cluster_centers_) == 3
    save(model, tmp_path / "m")
    assert sorted(load(tmp_path / "m").n_clusters) == [2, 3, 4]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (range(2, 41), "n_clusters goes up to 40, but .* each half of the 60 rows; try 30 or fewer"),
        ([], "n_clusters=.. must hold whole numbers of 1 or more"),
        ([0, 2], "n_clusters=.0, 2. must hold whole numbers"),
        ([2.5, 3], "n_clusters=.2.5, 3. must hold whole numbers"),
        (np.ones((60, 8)), "n_clusters=<ndarray of shape .60, 8.> must hold whole numbers"),
    ],
    ids=str,
)
def test_numbers_of_clusters_that_cannot_be_tried_are_refused(numbers: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small_dec(numbers).fit(blobs(60, 8, 3)[0])
