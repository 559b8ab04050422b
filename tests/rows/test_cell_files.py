"""AnnData is read from `.h5ad` and from `.zarr` alike: X or a layer, whatever spelling marks the genes."""

import json

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from torchdec.rows import Preparation, RowsError, RowsWarning, read_rows

anndata = pytest.importorskip("anndata")
h5py = pytest.importorskip("h5py")
zarr = pytest.importorskip("zarr")
pytestmark = [
    pytest.mark.usefixtures("strings_of_pandas_2"),
    pytest.mark.filterwarnings("ignore:.*(zarr|Zarr|consolidated|vlen)"),  # of the writing
    pytest.mark.filterwarnings("ignore:.*:anndata._warnings.OldFormatWarning"),
]

N, D = 40, 12
COUNTS = np.random.default_rng(0).poisson(2.0, size=(N, D)).astype(np.float32)
SCALED = (COUNTS - COUNTS.mean(axis=0)) / COUNTS.std(axis=0)
GENES = [f"gene{number}" for number in range(D)]
CELLS = [f"cell{number}" for number in range(N)]
MARKED = np.arange(D) < 5
LOGARITHMS = np.log1p(COUNTS / COUNTS.sum(axis=1, keepdims=True) * np.median(COUNTS.sum(axis=1)))
KINDS = {"dense": np.asarray, "csr": sp.csr_matrix, "csc": sp.csc_matrix}


def write(path, x=COUNTS, obs=None, layers=None, **columns):
    cells = pd.DataFrame(obs or {}, index=CELLS)
    data = anndata.AnnData(x, obs=cells, var=pd.DataFrame(columns, index=GENES), layers=layers)
    if path.suffix == ".zarr":
        data.write_zarr(path)
    else:
        data.write_h5ad(path)
    return path


def values(rows):
    return np.concatenate(list(rows.chunks(7)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_zarr_of_anndata_gives_the_rows_of_its_h5ad(kind, tmp_path):
    x = KINDS[kind](COUNTS)
    one, other = (read_rows(write(tmp_path / f"x.{suffix}", x)) for suffix in ("h5ad", "zarr"))
    assert one.feature_names == other.feature_names == GENES
    assert one.names == other.names == CELLS
    assert one.preparation == other.preparation
    np.testing.assert_allclose(values(other), LOGARITHMS, rtol=1e-5)
    np.testing.assert_array_equal(values(one), values(other))


def test_a_zarr_of_the_second_format_is_read_too(tmp_path):
    with anndata.settings.override(zarr_write_format=2):
        path = write(tmp_path / "x.zarr", sp.csr_matrix(COUNTS), highly_variable=MARKED)
    assert (path / ".zgroup").exists()
    assert read_rows(path).feature_names == GENES[:5]


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_read_in_place_of_x_and_again_for_later_cells(suffix, kind, tmp_path):
    path = write(tmp_path / f"x.{suffix}", SCALED, layers={"counts": KINDS[kind](COUNTS)})
    rows = read_rows(path, layer="counts")
    np.testing.assert_allclose(values(rows), LOGARITHMS, rtol=1e-5)
    kept = Preparation.from_json(json.loads(json.dumps(rows.preparation.to_json())), D)
    np.testing.assert_array_equal(values(read_rows(path, preparation=kept)), values(rows))


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_a_layer_that_is_not_there_names_those_that_are(suffix, tmp_path):
    path = write(tmp_path / f"x.{suffix}", layers={"spliced": COUNTS, "unspliced": COUNTS})
    with pytest.raises(RowsError, match=r"x\.\w+: has no layer 'counts'; it has 'spliced', 'unspliced'$"):
        read_rows(path, layer="counts")
    with pytest.raises(RowsError, match=r"has no layer 'counts'; it has no layers$"):
        read_rows(write(tmp_path / f"y.{suffix}"), layer="counts")


def test_only_anndata_has_layers(tmp_path):
    np.save(tmp_path / "x.npy", COUNTS)
    with pytest.raises(RowsError, match=r"x\.npy: has no layers, .* leave out layer='counts'"):
        read_rows(tmp_path / "x.npy", layer="counts")


def test_scaled_values_beside_a_layer_of_counts_are_told(tmp_path):
    path = write(tmp_path / "x.h5ad", SCALED, layers={"raw_counts": COUNTS})
    with pytest.warns(RowsWarning, match=r"X holds scaled values .* \(--layer raw_counts\) takes the counts"):
        rows = read_rows(path)
    np.testing.assert_allclose(values(rows), SCALED, rtol=1e-5)
    read_rows(path, preparation=rows.preparation)  # for later cells, it was said before: no warning
    read_rows(write(tmp_path / "y.h5ad", LOGARITHMS, layers={"counts": COUNTS}))  # not scaled: no warning


def of_kinds(values):
    """Return a categorical of strings as pandas 2 makes them."""
    known = pd.Index(sorted(set(values) - {None}), dtype=object)
    return pd.Categorical(values, known)


SPELLINGS = {
    "bool": MARKED,
    "int": MARKED.astype(int),
    "float32": MARKED.astype(np.float32),
    "1.0 and NaN": np.where(MARKED, 1.0, np.nan),
    "True": np.where(MARKED, "True", "False"),
    "TRUE": np.where(MARKED, "TRUE", "FALSE"),
    "yes": np.where(MARKED, "yes", "no"),
    "blanks around": np.where(MARKED, " True", "False "),
    "T": np.where(MARKED, "T", "F"),
    "digits": np.where(MARKED, "1", "0"),
    "1 and -1": np.where(MARKED, 1, -1),
    "1.0 and -1.0": np.where(MARKED, 1.0, -1.0),
    "signs": np.where(MARKED, "+", "-"),
    "NA of R": np.where(MARKED, "TRUE", "NA"),
    "categories": of_kinds(np.where(MARKED, "TRUE", "FALSE")),
    "categories and NaN": of_kinds(np.where(MARKED, "yes", None)),
    "categories of bool": pd.Categorical(MARKED),
    "nullable boolean": pd.array(np.where(MARKED, True, None), dtype="boolean"),
    "nullable integer": pd.array(np.where(MARKED, 1, None), dtype="Int64"),
}


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
@pytest.mark.parametrize("name", SPELLINGS)
def test_genes_are_marked_in_any_spelling(name, suffix, tmp_path):
    rows = read_rows(write(tmp_path / f"x.{suffix}", highly_variable=SPELLINGS[name]))
    assert rows.feature_names == GENES[:5]


@pytest.mark.parametrize(
    ("marks", "shown"),
    [
        (np.where(MARKED, "maybe", "False"), "'maybe'"),
        (np.arange(D), "'2', '3', '4', '5', '6'"),
        (MARKED / 2, "'0.5'"),
    ],
)
def test_an_unknown_spelling_of_the_marks_is_refused_by_its_values(marks, shown, tmp_path):
    path = write(tmp_path / "x.h5ad", highly_variable=marks)
    with pytest.raises(RowsError, match=f"'highly_variable' of var holds {shown}, .* write True and False"):
        read_rows(path)


def test_marks_of_no_gene_are_told_and_passed_over(tmp_path):
    path = write(tmp_path / "x.h5ad", highly_variable=np.zeros(D, dtype=bool))
    with pytest.warns(RowsWarning, match="'highly_variable' of var marks no gene and is ignored"):
        assert read_rows(path).feature_names == GENES


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
@pytest.mark.parametrize("kind", ["dense", "csc", "csr"])
@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4", "int8", "uint16", "bool"])
def test_counts_of_any_dtype_become_the_same_logarithms(dtype, kind, suffix, tmp_path):
    if kind != "dense" and dtype in ("float16", ">f4"):
        pytest.skip("scipy makes no such matrix")
    counts = (COUNTS > 1) if dtype == "bool" else COUNTS
    rows = read_rows(write(tmp_path / f"x.{suffix}", KINDS[kind](counts.astype(dtype))))
    totals = counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(values(rows), np.log1p(counts / totals * np.median(totals)), rtol=1e-5)


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_columns_that_no_rows_are_made_of_are_not_read(suffix, tmp_path):
    obs = {
        "n": pd.array([None, *range(1, N)], dtype="Int64"),
        "flag": pd.array([None, *[True] * (N - 1)], dtype="boolean"),
        "kind": pd.Categorical(["a", None] * (N // 2)),
    }
    path = write(tmp_path / f"x.{suffix}", obs=obs, symbol=pd.Categorical([None, *"abcdefghijk"]))
    opened = h5py.File(path, "r+") if suffix == "h5ad" else zarr.open_group(path, mode="r+")
    opened["obs"]["n"].attrs["encoding-type"] = "of-the-future"
    if suffix == "h5ad":
        opened.close()
    np.testing.assert_allclose(values(read_rows(path)), LOGARITHMS, rtol=1e-5)


def test_marks_that_anndata_cannot_read_are_named_and_not_called_damaged(tmp_path):
    path = write(tmp_path / "x.h5ad", highly_variable=MARKED)
    with h5py.File(path, "r+") as file:
        file["var/highly_variable"].attrs["encoding-type"] = "of-the-future"
    with pytest.raises(RowsError, match="anndata does not read 'highly_variable' of var") as caught:
        read_rows(path)
    assert "damaged" not in str(caught.value)


def test_raw_is_not_read(tmp_path):
    data = anndata.AnnData(COUNTS, obs=pd.DataFrame(index=CELLS), var=pd.DataFrame(index=GENES))
    data.raw = data
    data = data[:, :4].copy()
    data.write_h5ad(tmp_path / "x.h5ad")
    assert read_rows(tmp_path / "x.h5ad").feature_names == GENES[:4]


def test_a_dense_array_within_a_zarr_of_anndata_is_taken_as_it_stands_and_told(tmp_path):
    path = write(tmp_path / "x.zarr", layers={"half": COUNTS / 2})
    for inside, expected in (("X", COUNTS), ("layers/half", COUNTS / 2)):
        with pytest.warns(RowsWarning, match=r"is taken as it stands; give .*x\.zarr, the AnnData"):
            np.testing.assert_array_equal(values(read_rows(path / inside)), expected)


@pytest.mark.parametrize(
    ("inside", "advice"),
    [
        ("X", r"give that folder$"),
        ("obs", r"give that folder$"),
        ("layers/n", r"give that folder with layer='n' \(--layer n\)$"),
    ],
)
def test_a_group_within_a_zarr_of_anndata_leads_to_its_folder(inside, advice, tmp_path):
    path = write(tmp_path / "x.zarr", sp.csr_matrix(COUNTS), layers={"n": sp.csr_matrix(COUNTS)})
    with pytest.raises(RowsError, match=rf"{inside}: is a group within the AnnData .*x\.zarr; {advice}"):
        read_rows(path / inside)


def test_the_arrays_that_a_group_names_can_be_read(tmp_path):
    zarr.create_group(tmp_path / "g.zarr").create_group("deep")
    zarr.create_array(tmp_path / "g.zarr" / "deep" / "a", shape=COUNTS.shape, dtype="f4")[:] = COUNTS
    with pytest.raises(RowsError, match=r"g\.zarr: is a group; give the path of .* in it \(deep/a\)"):
        read_rows(tmp_path / "g.zarr")
    np.testing.assert_array_equal(values(read_rows(tmp_path / "g.zarr" / "deep" / "a")), COUNTS)


@pytest.mark.parametrize("inside", ["X", "var/highly_variable", "obs/_index"])
def test_a_codec_that_could_run_code_is_refused_anywhere_in_an_anndata(inside, tmp_path):
    with anndata.settings.override(zarr_write_format=2):
        path = write(tmp_path / "x.zarr", highly_variable=MARKED)
    (path / ".zmetadata").unlink(missing_ok=True)
    about = json.loads((path / inside / ".zarray").read_text())
    about["filters"] = [{"id": "pickle"}]
    (path / inside / ".zarray").write_text(json.dumps(about))
    with pytest.raises(RowsError, match=r"x\.zarr"):
        read_rows(path)


def test_a_zarr_of_anndata_without_x_names_its_layers(tmp_path):
    path = write(tmp_path / "x.zarr", None, layers={"counts": COUNTS})
    with pytest.raises(RowsError, match=r"x\.zarr: has no X; .* take a layer \(layer=, --layer\): 'counts'"):
        read_rows(path)
    np.testing.assert_allclose(values(read_rows(path, layer="counts")), LOGARITHMS, rtol=1e-5)
