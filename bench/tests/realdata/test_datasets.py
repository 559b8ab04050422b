"""The real data are those that their titles say, prepared as published."""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from torchdec_bench.datasets import _generated, load
from torchdec_bench.datasets._prepare import newsgroup_rows

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments"))

import reuters_tables

pytestmark = pytest.mark.realdata

SHAPES = {
    "mnist": (70_000, 784),
    "usps": (9_298, 256),
    "fashion-mnist": (70_000, 784),
    "reuters10k": (10_000, 2_000),
    "pbmc": (4_271, 2_000),
    "20newsgroups": (18_846, 2_000),
    "ag-news": (8_000, 2_000),
    "mouse-bladder": (2_746, 2_003),
}


@pytest.mark.parametrize("name", SHAPES)
def test_rows_and_classes_are_there(name: str, data_folder: Path) -> None:
    dataset = load(name, folder=data_folder)
    assert dataset.x.shape == SHAPES[name]
    assert np.array_equal(np.unique(dataset.y), np.arange(dataset.n_clusters))
    assert f"{SHAPES[name][0]:,} x {SHAPES[name][1]:,}" in dataset.title.replace("2003", "2,003")
    assert dataset.stand_in == (name == "reuters10k")


def test_reuters10k_is_on_the_scale_of_the_paper(data_folder: Path) -> None:
    rows = load("reuters10k", folder=data_folder).x
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    np.testing.assert_allclose(lengths, np.sqrt(2000), rtol=1e-5)


def test_posts_become_the_rows_of_the_published_recipe(data_folder: Path) -> None:
    with np.load(data_folder / "newsgroups20.npz") as file:
        text, offsets = file["text"].tobytes(), file["offsets"]
        wanted = csr_array((file["data"], file["indices"], file["indptr"]), shape=tuple(file["shape"]))
    posts = [text[first:last].decode() for first, last in pairwise(offsets)]
    found = newsgroup_rows(posts)
    # Which of the words that are as frequent as the 2,000th are taken is left to how a processor sorts; posts
    # without one of them are the same but for the numbers of the columns.
    alike = [
        np.allclose(np.sort(own.data), np.sort(other.data), atol=1e-5)
        for own, other in zip(csr_array(found), wanted, strict=True)
        if own.nnz == other.nnz
    ]
    assert sum(alike) > 0.95 * len(posts)


def test_the_tables_of_the_generated_corpus_are_those_of_real_documents(data_folder: Path) -> None:
    for name, table in reuters_tables.tables(data_folder).items():
        assert getattr(_generated, name) == pytest.approx(table), name
