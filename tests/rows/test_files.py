import contextlib
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from torchdec.rows import RowsError, as_rows, read_rows

X = np.array([[0.0, 1.5, 0.0], [2.0, 0.0, 0.25], [0.0, 0.0, 0.0], [3.0, 0.0, -4.0]])


def everything(rows):
    return np.concatenate(list(rows.chunks(3)))


def refusal(path):
    with pytest.raises(RowsError) as caught:
        read_rows(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


SPRUNG = []


class Trap:
    """Leaves a mark in SPRUNG when anything unpickles it."""

    def __reduce__(self):
        return (_spring, ())


def _spring():
    SPRUNG.append("unpickled")
    return 1.0


@pytest.fixture
def nothing_unpickled():
    SPRUNG.clear()
    yield
    assert not SPRUNG


def test_a_trap_that_is_unpickled_leaves_its_mark():
    SPRUNG.clear()
    pickle.loads(pickle.dumps(Trap()))
    assert SPRUNG


def save_npy(path, array):
    np.save(path.with_suffix(".npy"), array)
    return path.with_suffix(".npy")


def save_npz(path, array, save=np.savez):
    save(path.with_suffix(".npz"), x=array)
    return path.with_suffix(".npz")


def save_compressed(path, array):
    return save_npz(path, array, np.savez_compressed)


def save_csr(path, array):
    sp.save_npz(path.with_suffix(".npz"), sp.csr_array(array))
    return path.with_suffix(".npz")


def save_csv(path, array):
    pd.DataFrame(array).add_prefix("c").to_csv(path.with_suffix(".csv"), index=False)
    return path.with_suffix(".csv")


def save_parquet(path, array):
    pd.DataFrame(array).add_prefix("c").to_parquet(path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


SAVERS = [save_npy, save_npz, save_compressed, save_csr, save_csv, save_parquet]
SUFFIXES = [".npy", ".npz", ".csv", ".parquet"]


@pytest.mark.parametrize("save", SAVERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(
    array=hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8),
        elements=st.floats(width=32, allow_nan=False),
        fill=st.just(0),
    )
)
def test_a_file_gives_the_rows_of_the_array_that_was_saved(save, tmp_path, array):
    rows = read_rows(save(tmp_path / "rows", array))
    assert rows.shape == array.shape
    np.testing.assert_array_equal(everything(rows), everything(as_rows(array)))
    index = np.arange(len(array))[::-1]
    np.testing.assert_array_equal(rows.take(index), as_rows(array).take(index))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "float16", "float32", "float64", ">f8"])
@pytest.mark.parametrize("save", [save_npy, save_npz])
def test_numpy_files_may_have_any_real_dtype(save, dtype, tmp_path):
    array = np.array([[0, 1], [1, 1]], dtype=dtype)
    np.testing.assert_array_equal(everything(read_rows(save(tmp_path / "rows", array))), array)


@pytest.mark.parametrize("dtype", ["bool", "uint16", "float16", "float64", ">f8"])
def test_csr_parts_may_have_any_real_dtype(dtype, tmp_path):
    parts = {"data": np.ones(3, dtype), "indices": [0, 1, 0], "indptr": [0, 2, 3], "shape": [2, 2]}
    np.savez(tmp_path / "x.npz", **parts)
    np.testing.assert_array_equal(everything(read_rows(tmp_path / "x.npz")), [[1, 1], [1, 0]])


def test_a_path_may_be_a_string_and_the_suffix_in_capitals(tmp_path):
    save_npy(tmp_path / "x", X).rename(tmp_path / "x.NPY")
    np.testing.assert_array_equal(everything(read_rows(str(tmp_path / "x.NPY"))), X)


def test_npy_stays_on_disk(tmp_path):
    path = save_npy(tmp_path / "x", X)
    rows = read_rows(path)
    writer = np.load(path, mmap_mode="r+")
    writer[1] = 7
    writer.flush()
    np.testing.assert_array_equal(rows.take(np.array([1])), [[7, 7, 7]])


def test_reading_rows_cannot_change_the_file(tmp_path):
    path = save_npy(tmp_path / "x", X.astype(np.float32))
    before = path.read_bytes()
    rows = read_rows(path)
    rows.take(np.arange(4))[:] = -1
    next(rows.chunks(4))[:] = -1
    del rows
    assert path.read_bytes() == before


TRAPS = np.array([[Trap()]], dtype=object)


@pytest.mark.usefixtures("nothing_unpickled")
@pytest.mark.parametrize(
    "arrays",
    [{"x": X}, {"data": [1.5], "indices": [1], "indptr": [0, 1], "shape": [1, 3]}],
    ids=["x", "CSR parts"],
)
def test_labels_in_an_npz_are_never_read(arrays, tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, y=TRAPS, **arrays)
    np.testing.assert_array_equal(everything(read_rows(path))[0], X[0])
    with np.load(path) as archive, pytest.raises(ValueError, match="allow_pickle=False"):
        archive["y"]


@pytest.mark.usefixtures("nothing_unpickled")
@pytest.mark.parametrize("save", [save_npy, save_npz])
def test_pickled_rows_are_refused_and_not_loaded(save, tmp_path):
    assert "cannot be read" in refusal(save(tmp_path / "x", TRAPS))


@pytest.mark.usefixtures("nothing_unpickled")
@pytest.mark.parametrize("part", ["data", "indices", "indptr", "shape", "format"])
def test_a_pickled_part_of_a_csr_matrix_is_refused_and_not_loaded(part, tmp_path):
    parts = {"data": [1.5], "indices": [1], "indptr": [0, 1], "shape": [1, 3], "format": b"csr"}
    np.savez(tmp_path / "x.npz", **(parts | {part: TRAPS}))
    assert "cannot be read" in refusal(tmp_path / "x.npz")


@pytest.mark.usefixtures("nothing_unpickled")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_pickle_under_another_suffix_is_refused_and_not_loaded(suffix, tmp_path):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(pickle.dumps(Trap()))
    assert f"cannot be read as {suffix}" in refusal(path)


@pytest.mark.parametrize(
    ("suffix", "start", "message"),
    [
        (".csv", b"PK\x03\x04\0\0", "begins as a .zip, .xlsx or .npz does: unpack it, or rename it to"),
        (".tsv", b"PAR1\0\0PAR1", "begins as a .parquet does: rename it"),
        (".csv", b"\x93NUMPY\x01\0", "begins as a .npy does: rename it"),
        (".csv", b"\x1f\x8b\x08\0\0", "begins as a .gz does: unpack it"),
        (".xlsx", b"\x28\xb5\x2f\xfd\0", "begins as a .zst does: unpack it"),
        (".h5ad", b"PAR1\0\0PAR1", "begins as a .parquet does: rename it"),
        (".csv", b'[{"a": 1, "b": 2}]', "begins as JSON does: write it as .csv or .parquet"),
        (".csv.gz", b"\x1f\x8b\x08\0\0", "x.csv.gz: is compressed; unpack it, and give the file inside"),
        (".csv", b"a,b\n1,2\n3,\0\n", "it may be damaged or of another kind: write it again"),
    ],
)
def test_a_file_of_another_kind_than_its_suffix_is_named_by_what_it_begins_with(suffix, start, message, tmp_path):
    (tmp_path / f"x{suffix}").write_bytes(start)
    assert message in refusal(tmp_path / f"x{suffix}")


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "nowhere.npy"
    assert refusal(path) == f"{path}: there is no such file; check the path"


@pytest.mark.parametrize("name", ["x.doc", "x", "x.csv.old"])
def test_another_suffix_is_refused_with_those_that_can_be_read(name, tmp_path):
    path = tmp_path / name
    path.write_text("1,2\n")
    assert refusal(path) == (
        f"{path}: has the suffix {path.suffix!r}; give a file of type .npy, .npz, .csv, .tsv, .xlsx, .parquet, "
        ".h5ad, .txt, a .zarr array, an image (.png, .jpg, .tif ...), or a folder of .parquet, .npz or images"
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_file_is_named_as_empty(suffix, tmp_path):
    path = tmp_path / f"x{suffix}"
    path.touch()
    assert refusal(path) == f"{path}: is empty (0 bytes); write it again"


@pytest.mark.parametrize("save", [save_npy, save_npz, save_compressed, save_csr, save_parquet])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_named_as_damaged(save, kept, tmp_path):
    path = save(tmp_path / "x", np.random.default_rng(0).random((40, 30)))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    assert "it may be damaged or of another kind: write it again" in refusal(path)


@pytest.mark.parametrize("save", [save_compressed, save_csr, save_npy, save_parquet])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(where=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_one_wrong_byte_gives_rows_or_a_rows_error(save, tmp_path, where, byte):
    path = save(tmp_path / "x", X)
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] = byte
    path.write_bytes(content)
    with contextlib.suppress(RowsError):
        assert everything(read_rows(path)).dtype in (np.float32, np.float64, np.int64, np.uint64)


def test_an_npy_under_the_name_of_an_npz_is_explained(tmp_path):
    save_npy(tmp_path / "x", X).rename(tmp_path / "x.npz")
    assert "holds one array, not an archive of arrays; rename it to .npy" in refusal(tmp_path / "x.npz")


@pytest.mark.parametrize("shape", [(5,), (2, 2, 2, 2, 2)])
@pytest.mark.parametrize("save", [save_npy, save_npz])
def test_an_array_that_is_not_a_table_is_refused(save, shape, tmp_path):
    message = refusal(save(tmp_path / "x", np.zeros(shape)))
    assert f"has shape {shape}" in message
    assert "Reshape your data" in message


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
@pytest.mark.parametrize("save", [save_npy, save_npz])
def test_an_array_without_rows_or_columns_is_refused(save, shape, tmp_path):
    assert f"(shape={shape}) while a minimum of 1 is required" in refusal(save(tmp_path / "x", np.zeros(shape)))


@pytest.mark.parametrize("save", [save_npy, save_npz])
def test_complex_numbers_and_text_are_refused(save, tmp_path):
    assert "Complex data not supported" in refusal(save(tmp_path / "x", np.ones((2, 2), complex)))
    assert "holds values of dtype <U1" in refusal(save(tmp_path / "x", np.array([["a"]])))


def test_an_npz_without_rows_names_what_it_holds_and_what_is_wanted(tmp_path):
    np.savez(tmp_path / "x.npz", images=X, y=[1])
    message = refusal(tmp_path / "x.npz")
    assert "holds the arrays images, y; wanted are an array x, or the CSR parts data, indices" in message
    with zipfile.ZipFile(tmp_path / "none.npz", "w"):
        pass
    assert "holds the arrays (none)" in refusal(tmp_path / "none.npz")


def test_the_parts_of_a_csc_matrix_are_not_taken_for_csr(tmp_path):
    sp.save_npz(tmp_path / "x.npz", sp.csc_array(np.triu(np.ones((3, 3)))))
    assert "of format b'csc'; save matrix.tocsr() instead" in refusal(tmp_path / "x.npz")


@pytest.mark.parametrize(
    "wrong",
    [
        {"indices": [0, 9, 0]},
        {"indices": [0, -1, 0]},
        {"indices": [0, 1]},
        {"indptr": [0, 3, 2]},
        {"indptr": [0, 2]},
        {"indptr": [0, 2, 99]},
        {"shape": [2]},
        {"shape": [2, -2]},
        {"shape": 4},
        {"data": [[1.0, 1.0, 1.0]]},
    ],
    ids=str,
)
def test_csr_parts_that_do_not_fit_together_are_refused(wrong, tmp_path):
    parts = {"data": np.ones(3), "indices": [0, 1, 0], "indptr": [0, 2, 3], "shape": [2, 2]}
    np.savez(tmp_path / "x.npz", **(parts | wrong))
    assert "cannot be read as .npz" in refusal(tmp_path / "x.npz")


def test_a_member_of_an_npz_with_a_wrong_checksum_is_refused(tmp_path):
    path = save_npz(tmp_path / "x", X)
    content = bytearray(path.read_bytes())
    content[content.index(np.float64(1.5).tobytes())] ^= 1
    path.write_bytes(content)
    assert "Bad CRC-32" in refusal(path)


def test_the_shape_of_images_is_read_where_there_is_one(tmp_path):
    flat, pictures, shape = np.ones((2, 12)), np.arange(24.0).reshape(2, 2, 2, 3), np.array([2, 2, 3])
    np.savez(tmp_path / "with.npz", x=flat, image_shape=shape)
    np.savez(tmp_path / "as_they_are.npz", x=pictures)
    sp.save_npz(tmp_path / "sparse.npz", sp.csr_array(flat))
    with np.load(tmp_path / "sparse.npz") as parts:
        np.savez(tmp_path / "sparse.npz", **parts, image_shape=shape)
    np.save(tmp_path / "as_they_are.npy", pictures)
    for name in ("with.npz", "as_they_are.npz", "sparse.npz", "as_they_are.npy"):
        rows = read_rows(tmp_path / name)
        assert rows.image_shape == (2, 2, 3), name
        assert rows.shape == (2, 12)
    np.testing.assert_array_equal(everything(rows), pictures.reshape(2, 12))
    np.savez(tmp_path / "without.npz", x=flat)
    np.save(tmp_path / "x.npy", flat)
    assert read_rows(tmp_path / "without.npz").image_shape is None
    assert read_rows(tmp_path / "x.npy").image_shape is None


@pytest.mark.parametrize("shape", [[4], [1, 2, 3, 4], [0, 4], [2.0, 2.0], [2, 3]])
def test_a_shape_that_no_image_has_is_refused(tmp_path, shape):
    np.savez(tmp_path / "x.npz", x=np.ones((2, 4)), image_shape=np.array(shape))
    assert "image_shape" in refusal(tmp_path / "x.npz")
