"""Which data sets there are: what each is called, where it comes from, and how its files become rows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from torchdec_bench.datasets._dataset import DatasetError
from torchdec_bench.datasets._download import Remote
from torchdec_bench.datasets._formats import (
    Parts,
    naming,
    read_idx,
    read_newsgroups,
    read_npz,
    read_root_topics,
    read_stl10,
    read_tokens,
)
from torchdec_bench.datasets._prepare import (
    count_words,
    hog_and_colours,
    log_normalised,
    matrix,
    newsgroup_rows,
    scaled_tf_idf,
)


@dataclass(frozen=True)
class Original:
    """The files that the publisher gives out, and how they are read.

    Attributes
    ----------
    folder : str
        Where they lie, below a folder of data sets.
    keep : bool
        Whether reading takes so long that what was read is kept as the entry's `.npz`.
    """

    folder: str
    remotes: tuple[Remote, ...]
    read: Callable[[Path], Parts]
    keep: bool = False


@dataclass(frozen=True)
class StandIn:
    """Other data that are taken where the real ones are not there; `kept` names the `.npz` of what was read."""

    file: str
    title: str
    source: str
    read: Callable[[Path], Parts] = read_npz
    kept: str = ""


@dataclass(frozen=True)
class Entry:
    """A data set; `file` is the `.npz` that holds it in a folder of data sets, `n_rows` how many are taken."""

    title: str
    source: str
    n_clusters: int
    file: str = ""
    rows: Callable[[Parts], Any] = lambda parts: parts["x"]
    image_shape: tuple[int, ...] | None = None
    n_rows: int | None = None
    original: Original | None = None
    stand_in: StandIn | None = None
    bundled: Callable[[Path], Parts] | None = None


def _digits(_: Path) -> Parts:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return {"x": x.astype(np.uint8), "y": y}


def _idx(folder: Path) -> Parts:
    images, labels = (
        np.concatenate([read_idx(folder / f"{part}-{kind}-ubyte.gz") for part in ("train", "t10k")])
        for kind in ("images-idx3", "labels-idx1")
    )
    return {"x": images.reshape(len(images), -1), "y": labels}


def _idx_files(base: str, digests: tuple[str, str, str, str]) -> tuple[Remote, ...]:
    kinds = ("images-idx3", "labels-idx1")
    names = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in kinds]
    return tuple(Remote(name, base + name, f"md5:{md5}") for name, md5 in zip(names, digests, strict=True))


def _usps(folder: Path) -> Parts:
    from sklearn.datasets import load_svmlight_file

    pixels, labels = [], []
    for path in (folder / "usps.bz2", folder / "usps.t.bz2"):
        with naming(path):
            x, y = load_svmlight_file(str(path), n_features=256, dtype=np.float32)
        pixels.append((x.toarray() + 1) / 2)  # published from -1 to 1
        labels.append(y - 1)
    return {"x": np.concatenate(pixels), "y": np.concatenate(labels)}


def _stl10(folder: Path) -> Parts:
    images, labels = read_stl10(folder / "stl10_binary.tar.gz")
    return {"x": hog_and_colours(images), "y": labels}


def _stl10_of_cifar10(path: Path) -> Parts:
    parts = read_npz(path)
    return {"x": hog_and_colours(parts["x"].reshape(-1, 32, 32, 3)), "y": parts["y"]}


def _csr(counts: Any, labels: Any) -> Parts:
    return {
        "data": counts.data,
        "indices": counts.indices,
        "indptr": counts.indptr,
        "shape": np.array(counts.shape),
        "y": labels,
    }


def _newsgroups(folder: Path) -> Parts:
    posts, groups = read_newsgroups(folder / "20news-bydate.tar.gz")
    return _csr(newsgroup_rows(posts), groups)


_TOKENS = tuple(
    f"lyrl2004_tokens_{part}.dat.gz" for part in ("test_pt0", "test_pt1", "test_pt2", "test_pt3", "train")
)
_TOPICS = "rcv1-v2.topics.qrels.gz"


def _reuters(folder: Path) -> Parts:
    """Count the 2,000 most frequent stems of documents with one root topic, in the order of the paper's code."""
    classes = read_root_topics(folder / _TOPICS)
    labels = []

    def texts() -> Any:
        for document, stems in read_tokens(folder / name for name in _TOKENS):
            if document in classes:
                labels.append(classes[document])
                yield stems

    counts = count_words(texts())
    if len(labels) != len(classes):
        raise DatasetError(
            f"{folder}: holds {len(labels):,} of the {len(classes):,} documents with one root topic; a file of "
            "tokens is cut off or of another collection"
        )
    order = np.random.RandomState(1234).permutation(len(labels))  # so that the first 10,000 are REUTERS-10k
    return _csr(counts[order], np.array(labels)[order])


_RCV1 = "https://www.jmlr.org/papers/volume5/lewis04a"
_REUTERS = Original(
    "reuters",
    (
        Remote(_TOPICS, f"{_RCV1}/a08-topic-qrels/{_TOPICS}"),
        *(Remote(name, f"{_RCV1}/a12-token-files/{name}") for name in _TOKENS),
    ),
    _reuters,
    keep=True,
)
_RCV1_SUBSET = "reuters_rcv1sub.npz"
_SUBSET = (
    "Stand-in: documents of the five LIBSVM subsets of RCV1-v2 (30,000, repeats taken out) with just one root "
    "topic; term counts recovered from their weights, the 2,000 stems chosen among these documents"
)

ENTRIES = {
    "mnist": Entry(
        "MNIST, 70,000 x 784",
        "MNIST (LeCun, Cortes, Burges): 60,000 training and 10,000 test images of handwritten digits.",
        10,
        "mnist.npz",
        image_shape=(28, 28),
        original=Original(
            "mnist",
            _idx_files(
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                (
                    "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                    "d53e105ee54ea40749a09fcbcd1e9432",
                    "9fb629c4189551a2d022fa330f9573f3",
                    "ec29112dd5afa0611ce80d1b7f02629c",
                ),
            ),
            _idx,
        ),
    ),
    "usps": Entry(
        "USPS, 9,298 x 256",
        "USPS (Hull 1994): 7,291 training and 2,007 test images of digits on envelopes, pixels from 0 to 1.",
        10,
        "usps.npz",
        image_shape=(16, 16),
        original=Original(
            "usps",
            tuple(
                Remote(name, f"https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/{name}", md5)
                for name, md5 in (
                    ("usps.bz2", "md5:ec16c51db3855ca6c91edd34d0e9b197"),
                    ("usps.t.bz2", "md5:8ea070ee2aca1ac39742fdd1ef5ed118"),
                )
            ),
            _usps,
        ),
    ),
    "fashion-mnist": Entry(
        "Fashion-MNIST, 70,000 x 784",
        "Fashion-MNIST (Zalando): 60,000 training and 10,000 test images of clothes.",
        10,
        "fashion_mnist.npz",
        image_shape=(28, 28),
        original=Original(
            "fashion-mnist",
            _idx_files(
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                (
                    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                    "25c81989df183df01b3e8a0aad5dffbe",
                    "bef4ecab320f06d8554ea6380940ec79",
                    "bb300cfdad3c16e7a12a480ee83cd310",
                ),
            ),
            _idx,
        ),
    ),
    "stl10": Entry(
        "STL-10, 13,000 x 1,428",
        "STL-10 (Coates, Lee, Ng): HOG and an 8 x 8 colour map of its 13,000 labelled images.",
        10,
        "stl10.npz",
        original=Original(
            "stl10",
            (
                Remote(
                    "stl10_binary.tar.gz",
                    "https://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
                    "md5:91f7769df0f17e558f3565bffb0c7dfb",
                ),
            ),
            _stl10,
            keep=True,
        ),
        stand_in=StandIn(
            "cifar10_test_jpeg.npz",
            "CIFAR-10 test as STL-10, 10,000 x 1,428",
            "Stand-in: HOG and an 8 x 8 colour map of the 10,000 test images of CIFAR-10, which went through JPEG "
            "and were enlarged from 32 x 32 to 96 x 96; not STL-10.",
            _stl10_of_cifar10,
            "stl10_of_cifar10.npz",
        ),
    ),
    "reuters": Entry(
        "REUTERS, 685,071 x 2,000",
        "RCV1-v2 (Lewis et al. 2004): documents with just one of four root topics, sublinear tf-idf of the 2,000 "
        "most frequent stems, times sqrt(2000).",
        4,
        "reuters.npz",
        lambda parts: scaled_tf_idf(matrix(parts)),
        original=_REUTERS,
        stand_in=StandIn(_RCV1_SUBSET, "REUTERS subset, 23,428 x 2,000", f"{_SUBSET}; 23,428 rows, not 685,071."),
    ),
    "reuters10k": Entry(
        "REUTERS-10k, 10,000 x 2,000",
        "RCV1-v2 (Lewis et al. 2004): 10,000 rows of reuters, drawn as in the paper's code; idf of all its rows.",
        4,
        "reuters.npz",
        lambda parts: scaled_tf_idf(matrix(parts)),
        n_rows=10_000,
        original=_REUTERS,
        stand_in=StandIn(
            _RCV1_SUBSET,
            "REUTERS-10k rebuilt, 10,000 x 2,000",
            f"{_SUBSET}; 10,000 rows with the class sizes of the published REUTERS-10k.",
        ),
    ),
    "20newsgroups": Entry(
        "20 newsgroups, 18,846 x 2,000",
        "20news-bydate: posts without headers, footers and quotes; sublinear tf-idf of the 2,000 most frequent "
        "words.",
        20,
        "newsgroups20.npz",
        matrix,
        original=Original(
            "20newsgroups",
            (
                Remote(
                    "20news-bydate.tar.gz",
                    "https://ndownloader.figshare.com/files/5975967",
                    "sha256:8f1b2514ca22a5ade8fbb9cfa5727df95fa587f4c87b786e15c759fa66d95610",
                ),
            ),
            _newsgroups,
            keep=True,
        ),
    ),
    "digits": Entry(
        "scikit-learn digits, 1,797 x 64",
        "scikit-learn's digits: the test images of UCI's Optical Recognition of Handwritten Digits, 8 x 8.",
        10,
        image_shape=(8, 8),
        bundled=_digits,
    ),
    "pbmc": Entry(
        "10x PBMC, 4,271 x 2,000",
        "4,271 blood cells of 10x Genomics, the 2,000 genes kept by scDCC; log-normalised counts.",
        8,
        "sc_10x_pbmc_top2000.npz",
        lambda parts: log_normalised(matrix(parts)),
    ),
    "mouse-bladder": Entry(
        "Mouse bladder, 2,746 x 2,003",
        "2,746 cells of a mouse's bladder, the 2,003 genes kept by scDCC; log-normalised counts.",
        16,
        "sc_mouse_bladder_top2000.npz",
        lambda parts: log_normalised(matrix(parts)),
    ),
    "ag-news": Entry(
        "AG news titles, 8,000 x 2,000",
        "8,000 AG news texts of Rakib et al., stripped of stop words; tf-idf of the 2,000 most frequent words.",
        4,
        "agnews8000.npz",
        matrix,
    ),
}
