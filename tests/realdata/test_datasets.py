"""The package prepares the real data exactly as the measurements in experiments do."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix, issparse

from torchdec.datasets import _generated, load
from torchdec.datasets._formats import read_npz
from torchdec.datasets._prepare import matrix, newsgroup_rows, tf_idf

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments"))

import measure
import reuters_tables

pytestmark = pytest.mark.realdata

NAMES = {
    "mnist": "mnist",
    "usps": "usps",
    "fashion": "fashion-mnist",
    "pbmc": "pbmc",
    "newsgroups": "20newsgroups",
    "agnews": "ag-news",
    "bladder": "mouse-bladder",
}


def assert_same_bits(found: object, wanted: object) -> None:
    if issparse(wanted):
        for matrix_ in (found, wanted):
            matrix_.sort_indices()
        np.testing.assert_array_equal(found.indptr, wanted.indptr)
        np.testing.assert_array_equal(found.indices, wanted.indices)
        found, wanted = found.data, wanted.data
    assert found.dtype == wanted.dtype == np.float32
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("name", NAMES)
def test_rows_and_classes_are_those_that_were_measured(name: str, data_folder: Path) -> None:
    dataset = load(NAMES[name], folder=data_folder)
    assert_same_bits(dataset.x.astype(np.float32), measure.rows_of(name))
    np.testing.assert_array_equal(dataset.y, measure.labels_of(name))
    about = measure.DATASETS[name]
    assert (dataset.title, dataset.n_clusters) == (about.title, about.n_clusters)
    assert not dataset.stand_in


def test_reuters10k_is_what_was_measured_times_the_factor_of_the_paper(data_folder: Path) -> None:
    dataset = load("reuters10k", folder=data_folder)
    measured = measure.rows_of("reuters10k")
    counts = matrix(read_npz(data_folder / "reuters_rcv1sub.npz"))
    assert_same_bits(tf_idf(counts)[:10_000], measured)
    assert_same_bits(dataset.x, csr_matrix(measured * np.float32(np.sqrt(2000))))
    np.testing.assert_array_equal(dataset.y, measure.labels_of("reuters10k"))
    assert dataset.stand_in
    assert dataset.title == measure.DATASETS["reuters10k"].title


def test_posts_become_the_rows_of_the_published_recipe(data_folder: Path) -> None:
    with np.load(data_folder / "newsgroups20.npz") as file:
        text, offsets = file["text"].tobytes(), file["offsets"]
        wanted = csr_array((file["data"], file["indices"], file["indptr"]), shape=tuple(file["shape"]))
    posts = [text[first:last].decode() for first, last in pairwise(offsets)]
    found = newsgroup_rows(posts)
    assert abs(found - wanted).max() < 1e-5


def test_the_tables_of_the_generated_corpus_are_those_of_real_documents(data_folder: Path) -> None:
    for name, table in reuters_tables.tables(data_folder).items():
        assert getattr(_generated, name) == pytest.approx(table), name
