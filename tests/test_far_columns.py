"""No column loses what it differs by, however far from 0, whatever the source and wherever a model goes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.preprocessing import StandardScaler

from small import REPRESENTATIONS, blobs, small_dec
from torchdec import DEC, Checkpoint, NeighborEncoder, export_onnx, load, save
from torchdec._core.records import Epoch
from torchdec._model_file import ModelFileError
from torchdec.clusters import describe
from torchdec.metrics import clustering_accuracy
from torchdec.report._content import Content
from torchdec.rows import as_rows, read_rows

NAMES = ["a", "b", "c", "d", "e"]
# Whole numbers, which all sources hold exactly with any offset.
NEAR, TRUTH = blobs(120, 5, 3, spread=0.1)
NEAR = np.rint(50 * NEAR).astype(np.int64)
SECONDS, MILLISECONDS, NANOSECONDS = 1_700_000_000, 1_700_000_000_000, 1_700_000_000_000_000_000
NEIGHBORS = clone(REPRESENTATIONS["neighbors"]).set_params(max_epochs=20)
LARGER = NeighborEncoder((64, 64), 5, max_epochs=20, batch_size=64)


def fit(rows: Any, **parameters: Any) -> DEC:
    return small_dec(3).set_params(**{"representation": NEIGHBORS, **parameters}).fit(rows)


def accuracy(model: DEC, truth: np.ndarray = TRUTH) -> float:
    return clustering_accuracy(truth, model.labels_)


def on_disk(x: np.ndarray, folder: Path) -> Any:
    np.save(folder / "x.npy", x)
    return read_rows(folder / "x.npy")


def csv(x: np.ndarray, folder: Path) -> Any:
    pd.DataFrame(x, columns=NAMES).to_csv(folder / "x.csv", index=False)
    return read_rows(folder / "x.csv")


def parquet(table: Any, folder: Path, n_files: int = 1) -> Any:
    for number in range(n_files):
        part = table.slice(number * len(table) // n_files, len(table) // n_files)
        pq.write_table(part, folder / f"{number}.parquet", row_group_size=17)
    return read_rows(folder if n_files > 1 else folder / "0.parquet")


def csr_parts(x: np.ndarray, folder: Path) -> Any:
    for number in range(3):
        sp.save_npz(folder / f"{number}.npz", sp.csr_array(x[40 * number : 40 * (number + 1)]))
    return read_rows(folder)


def columns(x: np.ndarray) -> Any:
    return pa.table(dict(zip(NAMES, x.T, strict=True)))


SOURCES = {
    "float64 array": lambda x, _: x.astype(np.float64),
    "int64 array": lambda x, _: x,
    "big-endian array": lambda x, _: x.astype(">f8"),
    "objects": lambda x, _: x.astype(object),
    "lists": lambda x, _: x.tolist(),
    "CSR": lambda x, _: sp.csr_array(x.astype(np.float64)),
    "CSC of int64": lambda x, _: sp.csc_array(x),
    "DataFrame": lambda x, _: pd.DataFrame(x, columns=NAMES).astype({"a": float}),
    "nullable DataFrame": lambda x, _: pd.DataFrame(x, columns=NAMES).astype("Int64"),
    ".npy": lambda x, folder: on_disk(x.astype(np.float64), folder),
    ".npy of int64": on_disk,
    ".csv": csv,
    ".csv of floats": lambda x, folder: csv(x.astype(np.float64), folder),
    ".parquet": lambda x, folder: parquet(columns(x.astype(np.float64)), folder),
    ".parquet of int64": lambda x, folder: parquet(columns(x), folder, 3),
    ".parquet of decimals": lambda x, folder: parquet(
        pa.table({name: pa.array(v).cast(pa.decimal128(30, 2)) for name, v in zip(NAMES, x.T, strict=True)}),
        folder,
    ),
    ".parquet of lists": lambda x, folder: parquet(pa.table({"v": list(x.astype(np.float64))}), folder, 2),
    "CSR parts": csr_parts,
    "CSR parts of floats": lambda x, folder: csr_parts(x.astype(np.float64), folder),
}


@pytest.fixture(scope="module")
def models() -> dict[int, DEC]:
    return {offset: fit(NEAR + offset) for offset in (SECONDS, MILLISECONDS)}


@pytest.mark.parametrize("source", SOURCES)
def test_any_source_gives_the_clusters_and_the_code_of_an_array(
    source: str, models: dict[int, DEC], tmp_path: Path
) -> None:
    rows = SOURCES[source](NEAR + MILLISECONDS, tmp_path)
    model, wanted = fit(rows), models[MILLISECONDS]
    assert accuracy(model) == 1
    np.testing.assert_array_equal(model.labels_, wanted.labels_)
    np.testing.assert_array_equal(model.transform(rows), wanted.transform(NEAR + MILLISECONDS))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("representation", ["neighbors", "autoencoder"])
@pytest.mark.parametrize("offset", [0.0, 1e7, 1e9, -1e12])
def test_an_offset_of_all_columns_changes_no_cluster(offset: float, representation: str, precision: Any) -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 200)
    centers = 8 * random.normal(size=(3, 5))
    x = centers[truth] + random.normal(size=(200, 5)) + offset
    stage_1 = clone(REPRESENTATIONS[representation]).set_params(max_epochs=20)
    model = fit(x, representation=stage_1, precision=precision)
    assert accuracy(model, truth) == 1


@pytest.mark.parametrize("offset", [0, SECONDS])
def test_unix_seconds_beside_a_column_around_zero(offset: int, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    truth = random.integers(0, 3, 300)
    time, noise = (60 * truth + random.normal(size=300)).round(3), random.normal(size=300).round(3)
    pd.DataFrame({"time": time + offset, "v": noise}).to_csv(tmp_path / "x.csv", index=False)
    assert accuracy(fit(read_rows(tmp_path / "x.csv"), representation=LARGER), truth) == 1


@pytest.mark.parametrize("offset", [(0, 0), (500_000, 5_400_000)])
def test_metres_of_utm(offset: tuple[int, int], tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    truth = random.integers(0, 3, 300)
    place = np.array([[0, 0], [3, 0], [0, 3]])[truth] + random.normal(scale=0.3, size=(300, 2)) + offset
    pd.DataFrame(place.round(3), columns=["east", "north"]).to_csv(tmp_path / "x.csv", index=False)
    assert accuracy(fit(read_rows(tmp_path / "x.csv"), representation=LARGER), truth) == 1


def test_degrees_times_ten_million_as_int32() -> None:
    place = np.array([525_200_000, 134_050_000]) + 100 * NEAR[:, :2]
    rows = place.astype(np.int32)
    assert accuracy(fit(rows)) == accuracy(fit(100 * NEAR[:, :2])) > 0.98


@pytest.mark.parametrize("step", [1, 1_000_000_000])
def test_nanoseconds_differ_by_single_ones_too(step: int) -> None:
    model = fit(NANOSECONDS + step * NEAR)
    assert accuracy(model) == 1
    np.testing.assert_array_equal(model.predict(NANOSECONDS + step * NEAR[::-1]), model.labels_[::-1])


@pytest.mark.parametrize("standardize", [True, False, "auto"])
def test_the_offset_leaves_whether_columns_are_standardised_or_not(standardize: Any) -> None:
    model = fit(NEAR + SECONDS, representation=clone(NEIGHBORS).set_params(standardize=standardize))
    assert accuracy(model) == 1
    assert model.feature_means_.dtype == np.float64


@pytest.mark.parametrize("offset", [500, SECONDS])
@pytest.mark.parametrize("transformer", [TruncatedSVD(3), StandardScaler(with_mean=False), PCA(3)], ids=str)
def test_an_offset_that_a_transformer_keeps_leaves_after_it(transformer: Any, offset: int, tmp_path: Path) -> None:
    model = fit(NEAR + offset, representation=transformer)
    assert accuracy(model) == 1
    save(model, tmp_path / "m")
    np.testing.assert_array_equal(
        load(tmp_path / "m").predict_proba(NEAR + offset), model.predict_proba(NEAR + offset)
    )


@pytest.mark.parametrize("d", [5, 100])
@pytest.mark.parametrize("constant", [True, False])
def test_one_far_column_beside_near_ones_leaves_them_as_they_are(d: int, constant: bool) -> None:
    x, truth = blobs(150, d, 3, spread=0.3, seed=2)
    far = np.column_stack([x.astype(np.float64), SECONDS + (np.zeros(150) if constant else x[:, 0])])
    model = fit(far, representation=LARGER)
    assert accuracy(model, truth) == accuracy(fit(x, representation=LARGER), truth) == 1
    assert np.flatnonzero(model.feature_means_).tolist() == [d]
    assert (model.feature_deviations_ == 1).all()


def test_rows_that_float32_takes_for_equal_are_clustered_and_equal_ones_refused() -> None:
    assert accuracy(fit(NEAR + 2.0**40)) == 1
    with pytest.raises(ValueError, match="rows that are all equal"):
        fit(np.full((20, 3), 2.0**40 + 1))


def test_new_rows_are_assigned_alike_by_the_model_its_file_and_another_engine(
    models: dict[int, DEC], tmp_path: Path
) -> None:
    model, new = models[SECONDS], NEAR[::2] + SECONDS + 0.25
    assert clustering_accuracy(TRUTH[::2], model.predict(new)) == 1
    save(model, tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert loaded.feature_means_.dtype == np.float64
    np.testing.assert_array_equal(loaded.predict_proba(new), model.predict_proba(new))
    export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].type == "tensor(double)"
    code, q, labels = session.run(["code", "probabilities", "labels"], {"rows": new})
    np.testing.assert_allclose(code, model.transform(new), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(q, model.predict_proba(new), atol=1e-5)
    np.testing.assert_array_equal(labels, model.predict(new))


@pytest.mark.parametrize("offset", [0, 1000])
def test_a_model_that_float32_serves_well_is_written_in_it(offset: int, tmp_path: Path) -> None:
    model = fit(NEAR + offset)
    assert (model.feature_means_ is None) == (offset == 0)
    save(model, tmp_path / "m")
    assert {tensor.dtype for tensor in load_file(tmp_path / "m").values()} == {torch.float32}
    export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].type == "tensor(float)"


@pytest.mark.parametrize(
    "damage",
    [
        lambda tensors: tensors.update(deviations=tensors["deviations"].float()),
        lambda tensors: tensors.update(centers=tensors["centers"].double()),
        lambda tensors: tensors.update(means=tensors["means"].half(), deviations=tensors["deviations"].half()),
        lambda tensors: tensors.update(means=torch.full((5,), torch.nan, dtype=torch.float64)),
    ],
    ids=["mixed", "centres", "half", "not finite"],
)
def test_a_file_of_other_dtypes_is_refused(damage: Any, models: dict[int, DEC], tmp_path: Path) -> None:
    save(models[SECONDS], tmp_path / "m")
    with safe_open(tmp_path / "m", "pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    damage(tensors)
    save_file(tensors, tmp_path / "m", metadata)
    with pytest.raises(ModelFileError, match="is damaged: its tensors are not finite"):
        load(tmp_path / "m")


def test_a_fit_that_goes_on_has_the_same_bits(models: dict[int, DEC], tmp_path: Path) -> None:
    x, settings = NEAR + SECONDS, models[SECONDS].get_params(deep=False)
    records = DEC(**settings).iter_fit(x, checkpoint=Checkpoint(tmp_path / "c", every=0))
    next(record for record in records if isinstance(record, Epoch))
    records.close()
    assert (tmp_path / "c").exists()
    again = DEC(**settings).fit(x, checkpoint=Checkpoint(tmp_path / "c", every=0))
    np.testing.assert_array_equal(again.feature_means_, models[SECONDS].feature_means_)
    np.testing.assert_array_equal(again.transform(x), models[SECONDS].transform(x))


def test_reconstructions_are_in_the_units_of_the_rows() -> None:
    autoencoder = clone(REPRESENTATIONS["autoencoder"]).set_params(max_steps=400, random_state=0)
    x = NEAR + MILLISECONDS
    rows = autoencoder.fit(x).inverse_transform(autoencoder.transform(x))
    assert rows.dtype == np.float64
    assert np.abs(rows - x).mean() < 0.3 * x.std(axis=0).mean()


def test_what_stands_out_is_that_of_the_rows_without_the_offset(models: dict[int, DEC]) -> None:
    near, far = (
        describe(models[SECONDS], pd.DataFrame(NEAR + SECONDS, columns=NAMES)),
        describe(models[MILLISECONDS], pd.DataFrame(NEAR + MILLISECONDS, columns=NAMES)),
    )
    deviations = (NEAR - NEAR.mean(axis=0)) / NEAR.std(axis=0)
    for clusters, offset in ((near, SECONDS), (far, MILLISECONDS)):
        for cluster in clusters:
            own = deviations[models[offset].labels_ == cluster.number].mean(axis=0)
            wanted = {NAMES[i]: pytest.approx(own[i], abs=1e-3) for i in range(5)}
            assert dict(cluster.features) == wanted


def test_the_page_colours_by_values_that_keep_their_differences(models: dict[int, DEC]) -> None:
    frame = pd.DataFrame(NEAR + MILLISECONDS, columns=NAMES)
    content = Content(as_rows(frame), None, describe(models[MILLISECONDS], frame))
    columns = content.of_points(np.arange(len(NEAR)))["columns"]
    assert {column["name"] for column in columns} == set(NAMES)
    for column in columns:
        near = NEAR[:, NAMES.index(column["name"])]
        np.testing.assert_array_equal(column["values"] - column["values"][0], near - near[0])


@pytest.mark.parametrize("kind", [".csv", ".parquet"])
def test_new_rows_keep_their_differences_in_a_file_of_rows_from_everywhere(
    kind: str, models: dict[int, DEC], tmp_path: Path
) -> None:
    new = np.concatenate([[[0] * 5], [[2 * SECONDS] * 5], NEAR + SECONDS]).astype(np.float64)
    rows = csv(new, tmp_path) if kind == ".csv" else parquet(columns(new), tmp_path)
    np.testing.assert_array_equal(models[SECONDS].predict(rows)[2:], models[SECONDS].labels_)
