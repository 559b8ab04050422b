"""Rows that hold nothing are left out of the fit, told, and in no cluster."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import torchdec
from small import blobs, small_dec
from torchdec import Checkpoint
from torchdec.clusters import choose_k, describe, exemplars, merge, split
from torchdec.metrics import ari
from torchdec.rows import RowsError, RowsWarning, as_rows
from torchdec.rows._blocks import SlicedRows
from torchdec.rows._derived import FilledRows
from torchdec.scoring import Predictor

X, Y = blobs(60, 6, 3)
EMPTY = np.array([0, 7, 20, 21, 59])
FILLED = np.setdiff1d(np.arange(60), EMPTY)
GAPS = X.copy()
GAPS[EMPTY] = np.nan


def fitted(rows: Any, **parameters: Any) -> Any:
    with pytest.warns(RowsWarning, match=r"^5 of 60 rows hold nothing and are left out of the fit \(rows 0, 7"):
        return small_dec(3, **parameters).fit(rows)


@pytest.fixture(scope="module")
def model() -> Any:
    torch_state = torch.get_rng_state()
    yield fitted(GAPS)
    torch.set_rng_state(torch_state)


@pytest.mark.parametrize(
    "rows",
    [
        GAPS,
        pd.DataFrame(GAPS),
        np.ma.masked_array(np.where(np.isnan(GAPS), -9999, X), mask=np.isnan(GAPS)),
        list(np.ma.masked_array(np.where(np.isnan(GAPS), -9999, X), mask=np.isnan(GAPS))),
        SlicedRows(GAPS, 8),
    ],
    ids=["array", "frame", "masked", "list of masked", "blocks"],
)
def test_a_fit_is_that_of_the_other_rows(rows: Any) -> None:
    alone, whole = small_dec(3).fit(X[FILLED]), fitted(rows)
    np.testing.assert_array_equal(whole.labels_[EMPTY], -1)
    assert ari(whole.labels_[FILLED], Y[FILLED]) == 1
    if not isinstance(rows, SlicedRows):  # whose rows are read in another order
        np.testing.assert_array_equal(whole.labels_[FILLED], alone.labels_)
        np.testing.assert_array_equal(whole.cluster_centers_, alone.cluster_centers_)
        np.testing.assert_array_equal(whole.confidence_quantiles_, alone.confidence_quantiles_)
        np.testing.assert_array_equal(whole.center_radii_, alone.center_radii_)


@pytest.mark.parametrize("parameters", [{"representation": "neighbors"}, {"init": "k-means++"}], ids=str)
def test_every_way_to_fit_leaves_them_out(parameters: Any) -> None:
    np.testing.assert_array_equal(np.flatnonzero(fitted(GAPS, **parameters).labels_ < 0), EMPTY)


def test_they_are_in_no_cluster_wherever_rows_are_assigned(model: Any, tmp_path: Path) -> None:
    np.testing.assert_array_equal(model.predict(GAPS), model.labels_)
    np.testing.assert_array_equal(model.predict_proba(GAPS)[EMPTY], 0)
    np.testing.assert_allclose(model.predict_proba(GAPS)[FILLED].sum(axis=1), 1, rtol=1e-5)
    assert np.isnan(model.transform(GAPS)[EMPTY]).all()
    assert np.isfinite(model.transform(GAPS)[FILLED]).all()
    assert model.predict(GAPS[EMPTY]).tolist() == [-1] * 5
    assert model.predict(GAPS, reject=0.2)[EMPTY].tolist() == [-1] * 5
    scores = model.outlier_scores(GAPS)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(scores)), EMPTY)
    torchdec.save(model, tmp_path / "model.safetensors")
    table = Predictor(str(tmp_path / "model.safetensors"))(pd.DataFrame(GAPS))
    assert table.cluster[EMPTY].tolist() == [-1] * 5
    assert table.confidence[EMPTY].tolist() == [0] * 5


def test_clusters_are_described_by_the_other_rows(model: Any) -> None:
    clusters, alone = describe(model, GAPS), describe(model, X[FILLED])
    assert [c.size for c in clusters] == [c.size for c in alone]
    assert sum(c.share for c in clusters) == pytest.approx(1)
    assert [c.features for c in clusters] == [c.features for c in alone]
    assert not set(np.concatenate(exemplars(model, GAPS))) & set(EMPTY)
    assert all(cluster.size == 0 for cluster in describe(model, GAPS[EMPTY]))


def test_clusters_are_merged_and_split_beside_them(model: Any) -> None:
    merged = merge(model, 0, 2)
    np.testing.assert_array_equal(merged.labels_, merged.predict(GAPS))
    np.testing.assert_array_equal(np.flatnonzero(merged.labels_ < 0), EMPTY)
    np.testing.assert_array_equal(merged.predict_proba(GAPS)[EMPTY], 0)
    with pytest.warns(RowsWarning, match="5 of 60"):
        cut = split(model, 1, GAPS, updates=1)
    np.testing.assert_array_equal(np.flatnonzero(cut.labels_ < 0), EMPTY)


def test_an_interrupted_fit_goes_on_beside_them(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "fit"
    interrupted = small_dec(3)
    records = interrupted.iter_fit(GAPS, checkpoint=Checkpoint(path, every=0))
    with pytest.warns(RowsWarning):
        next(record for record in records if type(record).__name__ == "Centroids")
    records.close()
    assert path.exists()
    with pytest.warns(RowsWarning):
        resumed = interrupted.fit(GAPS, checkpoint=Checkpoint(path))
    np.testing.assert_array_equal(resumed.predict_proba(GAPS), model.predict_proba(GAPS))


def test_a_number_of_clusters_is_chosen_without_them() -> None:
    representation = small_dec().representation
    with pytest.warns(RowsWarning, match="5 of 60"):
        choice = choose_k(GAPS, range(2, 5), representation=representation, random_state=0)
    alone = choose_k(X[FILLED], range(2, 5), representation=representation, random_state=0)
    assert choice == alone
    with pytest.warns(RowsWarning, match="5 of 60"):
        model = small_dec("auto").fit(GAPS)  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.flatnonzero(model.labels_ < 0), EMPTY)


def test_too_few_rows_that_hold_something_are_refused() -> None:
    with pytest.raises(RowsError, match="X has 60 rows that hold nothing, and no others"):
        small_dec(3).fit(np.full((60, 2), np.nan))
    few = np.full((60, 2), np.nan)
    few[:2] = [[0, 1], [1, 0]]
    with (
        pytest.warns(RowsWarning, match="58 of 60"),
        pytest.raises(ValueError, match=r"n_samples=2 \(beside 58 that hold nothing\) is fewer than n_clusters=3"),
    ):
        small_dec(3).fit(few)


@pytest.mark.parametrize("dtype", ["i4", "u1", "f2", "f8", "?", "O"])
def test_what_is_masked_is_missing_whatever_the_dtype(dtype: str) -> None:
    values = np.ma.masked_array(np.ones((4, 2), dtype), mask=[[0, 0], [1, 1], [0, 0], [0, 0]])
    expected = [[1, 1], [np.nan] * 2, [1, 1], [1, 1]]
    np.testing.assert_array_equal(as_rows(values).take(np.arange(4)), expected)
    values.mask[2, 1] = True
    with pytest.raises(RowsError, match=r"1 NaN .* \(row 2, counted from 0\), all in column 1"):
        small_dec().fit(values)
    unmasked = np.ma.masked_array(np.eye(3, dtype="i4"))
    np.testing.assert_array_equal(as_rows(unmasked).take(np.arange(3)), np.eye(3))


def test_the_rows_that_hold_something_stay_in_their_blocks() -> None:
    rows = FilledRows(SlicedRows(GAPS, 7), EMPTY)
    assert rows.block_starts is not None
    np.testing.assert_array_equal(rows.block_starts, [0, 6, 12, 18, 24, 31, 38, 45, 52, 55])
    np.testing.assert_array_equal(np.concatenate(list(rows.chunks(9))), X[FILLED])
    all_of_a_block = FilledRows(SlicedRows(GAPS[20:24], 2), np.array([0, 1]))
    np.testing.assert_array_equal(all_of_a_block.block_starts, [0, 2])


def test_an_onnx_graph_puts_them_in_no_cluster(model: Any, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    torchdec.export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    partly = X[:1].copy()
    partly[0, 3] = np.nan
    code, q, labels = session.run(None, {"rows": np.concatenate([GAPS, partly])})
    np.testing.assert_array_equal(labels, [*model.labels_, -1])
    np.testing.assert_array_equal(np.flatnonzero((q == 0).all(axis=1)), [*EMPTY, 60])
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(code).all(axis=1)), [*EMPTY, 60])
