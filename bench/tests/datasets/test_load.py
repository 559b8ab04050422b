"""Data sets from files in the formats of their publishers, and from the `.npz` that were made of them."""

import dataclasses
import gzip
from pathlib import Path

import numpy as np
import pytest
from originals import idx, rcv1, stl10, svmlight, tar, write
from scipy.sparse import issparse
from served import Server

from torchdec_bench.datasets import NAMES, DatasetError, cache_folder, load
from torchdec_bench.datasets import _catalog as catalog
from torchdec_bench.datasets._load import where

KINDS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def digits(rng: np.random.Generator) -> tuple[dict[str, bytes], np.ndarray, np.ndarray]:
    x, y = rng.integers(0, 256, (7, 28, 28)), rng.integers(0, 10, 7)
    contents = (x[:5], y[:5], x[5:], y[5:])
    files = {f"{kind}-ubyte.gz": idx(content) for kind, content in zip(KINDS, contents, strict=True)}
    return files, x.reshape(7, 784), y


def test_the_bundled_digits_need_no_file() -> None:
    dataset = load("digits")
    assert dataset.x.dtype == np.uint8
    assert dataset.x.shape == (1797, 64)
    assert sorted(set(dataset.y)) == list(range(dataset.n_clusters))
    assert not dataset.stand_in


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_idx_files_become_pixels_and_classes(name: str, tmp_path: Path, rng: np.random.Generator) -> None:
    files, x, y = digits(rng)
    for file, content in files.items():
        write(tmp_path / name / file, content)
    dataset = load(name, folder=tmp_path)
    np.testing.assert_array_equal(dataset.x, x)
    np.testing.assert_array_equal(dataset.y, y)
    assert (dataset.x.dtype, dataset.y.dtype, dataset.image_shape) == (np.uint8, np.int64, (28, 28))


def test_usps_goes_from_0_to_1(tmp_path: Path, rng: np.random.Generator) -> None:
    x, y = rng.integers(-1000, 1001, (6, 256)) / 1000, np.array([1, 10, 2, 3, 10, 1])
    write(tmp_path / "usps" / "usps.bz2", svmlight(x[:4], y[:4]))
    write(tmp_path / "usps" / "usps.t.bz2", svmlight(x[4:], y[4:]))
    dataset = load("usps", folder=tmp_path)
    np.testing.assert_allclose(dataset.x, (x + 1) / 2, atol=1e-6)
    assert dataset.x.dtype == np.float32
    np.testing.assert_array_equal(dataset.y, y - 1)


def test_stl10_is_read_from_its_archive_and_nothing_is_unpacked(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, images, labels = stl10(rng)
    write(tmp_path / "data" / "stl10" / "stl10_binary.tar.gz", archive)
    read = []
    monkeypatch.setattr(catalog, "hog_and_colours", lambda found: read.append(found) or found[:, 0, :2, 0])
    dataset = load("stl10", folder=tmp_path / "data")
    np.testing.assert_array_equal(read[0], images)
    np.testing.assert_array_equal(dataset.y, labels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    again = load("stl10", folder=tmp_path / "data")
    assert len(read) == 1
    np.testing.assert_array_equal(again.x, dataset.x)


def test_cifar10_stands_in_for_stl10_and_says_so(tmp_path: Path, rng: np.random.Generator) -> None:
    pytest.importorskip("skimage")
    x = rng.integers(0, 256, (3, 3072), dtype=np.uint8)
    np.savez(tmp_path / "cifar10_test_jpeg.npz", x=x, y=np.array([3, 0, 1]))
    for _ in range(2):  # the second is what the first has kept
        dataset = load("stl10", folder=tmp_path)
        assert dataset.stand_in
        assert "CIFAR-10" in dataset.source
        assert dataset.x.shape == (3, 1428)
        assert dataset.image_shape is None


def test_reuters_is_counted_from_the_tokens_of_documents_with_one_root_topic(tmp_path: Path) -> None:
    documents = rcv1(tmp_path / "reuters")
    dataset = load("reuters", folder=tmp_path)
    assert dataset.x.shape == (5, 4)  # bring, excit, mexic, recov
    assert sorted(dataset.y) == [0, 0, 1, 2, 3]
    np.testing.assert_allclose((dataset.x.multiply(dataset.x)).sum(axis=1), 4, rtol=1e-6)
    first = np.flatnonzero(np.random.RandomState(1234).permutation(5) == 0)[0]  # document 2286
    assert dataset.y[first] == catalog.ENTRIES["reuters"].n_clusters - 4
    recov, excit = dataset.x[first].toarray().ravel()[[3, 1]]
    idf = np.log(6 / np.array([3, 4])) + 1  # of recov, in 2 documents, and of excit, in 3
    assert recov / excit == pytest.approx((1 + np.log(3)) * idf[0] / idf[1])
    again = load("reuters10k", folder=tmp_path)
    assert (tmp_path / "reuters.npz").is_file()
    np.testing.assert_array_equal(again.x.toarray(), dataset.x.toarray())
    assert len(documents) == 5


def test_a_lost_file_of_tokens_is_noticed(tmp_path: Path) -> None:
    rcv1(tmp_path / "reuters")
    write(tmp_path / "reuters" / "lyrl2004_tokens_train.dat.gz", gzip.compress(b".I 7\n.W\nrecov\n"))
    with pytest.raises(DatasetError, match="4 of the 5 documents with one root topic"):
        load("reuters", folder=tmp_path)
    assert not (tmp_path / "reuters.npz").exists()


def test_posts_lose_headers_and_quotes_and_stay_in_their_order(tmp_path: Path) -> None:
    def post(words: str) -> bytes:
        return f"From: someone\n\n> quoted\n{words} \xe9\n\n--\nname".encode("latin-1")

    members = {
        "20news-bydate-test/sci.med/9": post("pill pill pill"),
        "20news-bydate-train/sci.med/10": post("pill"),
        "20news-bydate-train/sci.med/9": post("doctor"),
        "20news-bydate-train/alt.atheism/1": post("belief"),
        "../20news-bydate-train/alt.atheism/2": post("outside"),
    }
    write(tmp_path / "20newsgroups" / "20news-bydate.tar.gz", tar(members))
    dataset = load("20newsgroups", folder=tmp_path)
    np.testing.assert_array_equal(dataset.y, [0, 1, 1, 1])
    np.testing.assert_allclose(dataset.x.toarray(), [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])
    assert dataset.x.dtype == np.float32


def test_cells_are_brought_to_the_median_of_all_totals(tmp_path: Path) -> None:
    counts = np.array([[1, 3], [8, 0], [10, 10]], dtype=np.uint16)
    rows, columns = counts.nonzero()
    np.savez(
        tmp_path / "sc_10x_pbmc_top2000.npz",
        data=counts[rows, columns],
        indices=columns,
        indptr=[0, 2, 3, 5],
        shape=counts.shape,
        y=[0, 1, 0],
    )
    dataset = load("pbmc", folder=tmp_path)
    np.testing.assert_allclose(dataset.x.toarray(), np.log1p([[2, 6], [8, 0], [4, 4]]), rtol=1e-6)


def test_the_named_folder_comes_before_the_cache_and_the_real_data_before_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(path: Path, value: int) -> None:
        path.parent.mkdir(exist_ok=True)
        np.savez(path, data=[value], indices=[0], indptr=[0, 1], shape=[1, 1], y=[value])

    monkeypatch.setenv("TORCHDEC_DATA", str(tmp_path / "named"))
    save(tmp_path / "named" / "reuters_rcv1sub.npz", 1)
    assert load("reuters").stand_in
    save(cache_folder() / "reuters.npz", 2)
    dataset = load("reuters")
    assert (dataset.stand_in, dataset.y[0]) == (False, 2)
    save(tmp_path / "named" / "reuters.npz", 3)
    assert load("reuters").y[0] == 3
    assert load("reuters", folder=cache_folder()).y[0] == 2


def test_what_is_nowhere_is_fetched_into_the_cache_when_asked_to(
    server: Server, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, x, _ = digits(rng)
    entry = catalog.ENTRIES["mnist"]
    remotes = tuple(
        dataclasses.replace(remote, url=f"{server.address}/{remote.file}", digest="")
        for remote in entry.original.remotes
    )
    original = dataclasses.replace(entry.original, remotes=remotes)
    monkeypatch.setitem(catalog.ENTRIES, "mnist", dataclasses.replace(entry, original=original))
    server.files = {f"/{file}": content for file, content in files.items()}
    server.break_after = [100]
    with pytest.raises(DatasetError, match=r"TORCHDEC_DATA .*download=True"):
        load("mnist")
    assert not server.ranges
    seen = set()
    dataset = load("mnist", download=True, progress=lambda file, done, total: seen.add(file))
    np.testing.assert_array_equal(dataset.x, x)
    assert seen == set(files)
    assert len(server.ranges) == 5
    load("mnist")
    assert len(server.ranges) == 5
    assert where("mnist") == str(cache_folder() / "mnist")


def test_every_address_is_https() -> None:
    for entry in catalog.ENTRIES.values():
        for remote in entry.original.remotes if entry.original else ():
            assert remote.url.startswith("https://")
            assert remote.url.endswith((remote.file, "5975967"))


def test_mistakes_say_what_to_try(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no data set 'minst'; there are mnist, usps"):
        load("minst")
    with pytest.raises(DatasetError, match=r"put mnist.npz in a folder .*TORCHDEC_DATA .*--download"):
        load("mnist", folder=tmp_path)
    with pytest.raises(DatasetError, match=r"ag-news has no address .*put agnews8000.npz"):
        load("ag-news", folder=tmp_path, download=True)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 broken", b"\x1f\x8b broken"])
def test_damaged_files_name_themselves(damage: bytes, tmp_path: Path) -> None:
    write(tmp_path / "usps.npz", damage)
    with pytest.raises(DatasetError, match=r"usps\.npz"):
        load("usps", folder=tmp_path)
    (tmp_path / "usps.npz").unlink()
    for name, file in (
        ("mnist", "train-images"),
        ("usps", r"usps\.bz2"),
        ("20newsgroups", "20news-bydate"),
        ("stl10", "stl10_binary"),
        ("reuters", "qrels"),
    ):
        entry = catalog.ENTRIES[name]
        for remote in entry.original.remotes:
            write(tmp_path / name / remote.file, damage)
        with pytest.raises(DatasetError, match=file):
            load(name, folder=tmp_path)


def test_an_idx_file_that_is_cut_off_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    files, _, _ = digits(rng)
    first = next(iter(files))
    for file, content in files.items():
        cut = gzip.compress(gzip.decompress(content)[:-1]) if file == first else content
        write(tmp_path / "mnist" / file, cut)
    with pytest.raises(DatasetError, match=f"{first}: is no idx file of bytes, or is cut off"):
        load("mnist", folder=tmp_path)


def test_rows_and_labels_must_be_equally_many(tmp_path: Path) -> None:
    np.savez(tmp_path / "usps.npz", x=np.zeros((3, 256)), y=[0, 1])
    with pytest.raises(DatasetError, match="3 rows and 2 labels"):
        load("usps", folder=tmp_path)


def test_every_name_says_where_it_would_come_from(tmp_path: Path) -> None:
    for name in NAMES:
        assert where(name, tmp_path)
    assert where("mnist", tmp_path) == "--download"
    assert where("ag-news", tmp_path) == "not there; wants agnews8000.npz"
    np.savez(tmp_path / "reuters_rcv1sub.npz", x=[1])
    assert where("reuters", tmp_path).startswith("stand-in ")
    assert not issparse(load("digits").x)
