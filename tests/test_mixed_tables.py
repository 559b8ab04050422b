"""Rows of a prepared table of numbers and kinds: how they are known as such, and their clusters."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from small import REPRESENTATIONS, small_dec
from small_tables import KINDS, mixed_table
from torchdec import DEC, NeighborEncoder
from torchdec._core.compute import resolve
from torchdec._core.records import Centroids
from torchdec._core.scaling import learn_scale
from torchdec.clusters import choose_k
from torchdec.rows import RowsWarning, as_rows
from torchdec.rows._arrays import DenseRows
from torchdec.rows._derived import PartOfRows, StandardizedRows, filled_rows
from torchdec.rows._protocol import kinds_of

# Three classes, one of which has few rows: by distances the large one is cut instead.
UNEQUAL = (0.75, 0.2, 0.05)


def test_parts_of_a_table_are_tables_too() -> None:
    rows, _ = mixed_table(20)
    assert kinds_of(rows) == KINDS
    assert kinds_of(PartOfRows(rows, np.arange(5))) == KINDS
    with pytest.warns(match="1 of 20 rows holds nothing"):
        assert kinds_of(filled_rows(rows, np.array([3]))) == KINDS
    assert kinds_of(StandardizedRows(rows, None, None)) == KINDS


def test_other_rows_are_no_table() -> None:
    rows = as_rows(np.eye(4))
    assert kinds_of(rows) is None
    assert kinds_of(PartOfRows(rows, np.arange(2))) is None
    assert kinds_of(StandardizedRows(rows, None, None)) is None


def test_a_table_that_is_prepared_is_not_standardised() -> None:
    # One column holds nearly all variance, for which other rows would be standardised.
    values = np.random.default_rng(0).normal(size=(50, 6)) + 1
    values[:, 0] *= 1000
    compute = resolve("cpu", "float32")
    assert learn_scale(DenseRows(values), "auto", compute)[2] is not None
    assert learn_scale(DenseRows(values, kinds=()), "auto", compute)[2] is None
    assert learn_scale(DenseRows(values, kinds=()), True, compute)[2] is not None


@pytest.mark.parametrize("representation", ["neighbors", "autoencoder", PCA(5)], ids=str)
def test_clusters_of_a_table_are_its_latent_classes(representation: object) -> None:
    rows, truth = mixed_table(400, sizes=UNEQUAL)
    model = small_dec(3).set_params(representation=REPRESENTATIONS.get(representation, representation))
    records = list(model.iter_fit(rows))
    found = next(record for record in records if isinstance(record, Centroids))
    assert found.found_by == "latent classes"
    assert sorted(found.sizes) == pytest.approx(np.sort(np.bincount(truth)), abs=25)


def test_self_training_keeps_the_classes() -> None:
    rows, truth = mixed_table(400, sizes=UNEQUAL)
    model = DEC(3, representation=NeighborEncoder(max_epochs=20), random_state=0).fit(rows)
    assert adjusted_rand_score(truth, model.labels_) > 0.8
    np.testing.assert_array_equal(model.predict(rows), model.labels_)


def test_more_rows_than_the_graph_has_get_the_classes_of_those() -> None:
    rows, truth = mixed_table(600, sizes=UNEQUAL)
    encoder = NeighborEncoder(max_epochs=20, graph_rows=300)
    model = DEC(3, representation=encoder, max_iter=0, random_state=0).fit(rows)
    assert adjusted_rand_score(truth, model.labels_) > 0.8


def test_kmeans_is_used_where_it_is_asked_for() -> None:
    rows, _ = mixed_table(200)
    records = list(small_dec(3).set_params(init="k-means++").iter_fit(rows))
    assert next(record for record in records if isinstance(record, Centroids)).found_by == "k-means"


def test_the_number_of_classes_is_chosen_by_the_rows_whoever_asks() -> None:
    rows, _ = mixed_table(400)
    model = small_dec().set_params(n_clusters=[2, 3, 4, 5]).fit(rows)
    assert model.choice_ == choose_k(rows, [2, 3, 4, 5], representation="autoencoder", random_state=0)
    assert model.choice_.n_clusters == 3 == len(model.cluster_names_)


def test_new_rows_may_lack_all_dates_and_a_level_that_is_new_is_told() -> None:
    random = np.random.default_rng(0)
    is_old = np.arange(80) % 2 == 0
    frame = pd.DataFrame(
        {
            "plan": np.where(is_old, random.choice(["Pro", "Max"], 80), random.choice(["Free", "Basic"], 80)),
            "seen": pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 90, 80) + 300 * is_old, "D"),
            "spend": random.normal(np.where(is_old, 50, 5), 2),
        }
    )
    model = small_dec(2).fit(frame)
    without = frame.assign(seen=pd.NaT)
    with pytest.warns(RowsWarning, match="column 'seen' is empty in all rows, and had values in the fit"):
        assert np.mean(model.predict(without) == model.labels_) > 0.9
    with pytest.warns(RowsWarning, match=r"'plan' holds 'Gold', which .*, in 80 of 80 rows"):
        model.predict(frame.assign(plan="Gold"))
