"""The description of clusters is what one would count by hand."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from small import blobs, small_dec
from torchdec import DEC
from torchdec.clusters import describe, exemplars, merge, rename, summary

X, TRUTH = blobs(90, 6, 3)


@pytest.fixture(scope="module")
def model() -> DEC:
    return small_dec(3).fit(X)


def test_sizes_and_confidences_are_those_of_the_assignment(model: DEC) -> None:
    q = model.predict_proba(X)
    for cluster in describe(model, X):
        own = q[q.argmax(axis=1) == cluster.number].max(axis=1)
        assert (cluster.size, cluster.share) == (len(own), len(own) / 90)
        assert cluster.confidence == pytest.approx(own.mean(), rel=1e-5)
        assert cluster.confidence_p10 == pytest.approx(np.quantile(own, 0.1), rel=1e-5)


def test_what_stands_out_are_the_features_whose_mean_differs_most_in_standard_deviations(model: DEC) -> None:
    standard = (X - X.mean(axis=0)) / X.std(axis=0)
    for cluster in describe(model, X, n_features=6):
        means = standard[model.labels_ == cluster.number].mean(axis=0)
        expected = np.argsort(-np.abs(means))
        assert [name for name, _ in cluster.features] == [str(i) for i in expected]
        np.testing.assert_allclose([by for _, by in cluster.features], means[expected], atol=1e-3)


def test_features_have_the_names_of_the_columns() -> None:
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = small_dec(3).fit(frame)
    assert {name for cluster in describe(model, frame) for name, _ in cluster.features} <= set("abcdef")


def test_a_feature_that_is_the_same_in_all_rows_does_not_stand_out() -> None:
    rows = np.column_stack([X, np.full(90, 7.0)])
    model = small_dec(3).fit(rows)
    assert all(
        by == 0 for cluster in describe(model, rows, n_features=7) for name, by in cluster.features if name == "6"
    )


def test_exemplars_are_the_rows_nearest_to_the_centre_and_of_the_cluster(model: DEC) -> None:
    code = model.transform(X)
    for number, rows in enumerate(exemplars(model, X, n=5)):
        own = np.flatnonzero(model.labels_ == number)
        distance = np.linalg.norm(code[own] - model.cluster_centers_[number], axis=1)
        np.testing.assert_array_equal(rows, own[np.argsort(distance)[:5]])


def test_the_nearest_cluster_has_the_nearest_centre(model: DEC) -> None:
    centers = model.cluster_centers_
    for cluster in describe(model, X):
        others = [i for i in range(3) if i != cluster.number]
        assert cluster.nearest == min(others, key=lambda i: np.linalg.norm(centers[i] - centers[cluster.number]))


def test_sparse_rows_are_described_as_dense_ones(model: DEC) -> None:
    assert describe(model, csr_array(X)) == describe(model, X)


def test_a_cluster_without_rows_is_described_too(model: DEC) -> None:
    only = X[model.labels_ == 0]
    empty = describe(model, only)[1]
    assert (empty.size, empty.share, empty.confidence, empty.features, empty.exemplars) == (0, 0.0, None, (), ())


def test_one_cluster_has_no_nearest() -> None:
    assert describe(small_dec(1).fit(X), X)[0].nearest is None


def test_the_summary_is_the_description_as_a_table(model: DEC) -> None:
    table = summary(rename(model, 1, "second"), X)
    assert table.index.tolist() == [0, 1, 2]
    assert table.loc[1, "name"] == "second"
    assert table["size"].tolist() == [cluster.size for cluster in describe(model, X)]
    assert list(table.columns) == [name for name in asdict(describe(model, X)[0]) if name != "number"]


def test_rows_unlike_those_of_the_fit_are_outliers(model: DEC) -> None:
    scores = model.outlier_scores(X)
    assert 0.4 < np.median(scores) < 0.6
    assert model.outlier_scores(-5 * X).min() > np.median(scores)


def test_a_row_on_a_merged_cluster_s_second_centre_is_no_outlier(model: DEC) -> None:
    np.testing.assert_array_equal(merge(model, 0, 1).outlier_scores(X), model.outlier_scores(X))
    assert {len(rows) for rows in exemplars(merge(model, 0, 1), X)} == {10}
