import tracemalloc

import numpy as np
import pytest
from scipy.sparse import vstack

from torchdec_bench.datasets import Dataset, DatasetError, reuters_like, reuters_like_chunks
from torchdec_bench.datasets import _generated as generated


@pytest.fixture(scope="module")
def corpus() -> Dataset:
    return reuters_like(16_384, seed=3)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "_CHUNK", 1000)


@pytest.mark.usefixtures("small_chunks")
def test_the_same_seed_gives_the_same_rows_whatever_their_number() -> None:
    rows, again, other = reuters_like(3000, seed=3), reuters_like(1700, seed=3), reuters_like(1700, seed=4)
    assert (rows.x[:1700] != again.x).nnz == 0
    np.testing.assert_array_equal(rows.y[:1700], again.y)
    assert (again.x != other.x).nnz > 0


def test_rows_are_as_long_and_words_as_frequent_as_in_reuters(corpus: Dataset) -> None:
    words_in_row = np.diff(corpus.x.indptr)
    assert words_in_row.mean() == pytest.approx(generated.MEAN_WORDS_IN_ROW, rel=0.03)
    for level in (0.2, 0.5, 0.8, 0.95):
        wanted = np.interp(level, generated.LEVELS, generated.WORDS_IN_ROW)
        assert np.quantile(words_in_row, level) == pytest.approx(wanted, rel=0.1)
    found = np.sort(np.bincount(corpus.x.indices, minlength=2000) / 16_384)[::-1]
    wanted = generated.share_of_rows()
    for rank in (1, 10, 100, 1000):
        assert found[rank - 1] == pytest.approx(wanted[rank - 1], rel=0.15)


def test_each_row_has_the_length_and_each_class_the_share_of_reuters(corpus: Dataset) -> None:
    squares = corpus.x.multiply(corpus.x).sum(axis=1)
    np.testing.assert_allclose(squares, 2000, rtol=1e-5)
    assert corpus.x.dtype == np.float32
    assert corpus.x.indices.dtype == np.int32
    np.testing.assert_allclose(np.bincount(corpus.y) / 16_384, generated.CLASS_SHARES, atol=0.01)


def test_the_classes_differ_in_their_words(corpus: Dataset) -> None:
    of_class = [np.bincount(corpus.x[corpus.y == c].indices, minlength=2000) for c in range(4)]
    apart = np.corrcoef(np.log1p(of_class))
    first = corpus.x[corpus.y == 0]
    halves = [np.bincount(half.indices, minlength=2000) for half in (first[:3000], first[3000:6000])]
    assert apart[0, 1] < np.corrcoef(np.log1p(halves))[0, 1] - 0.05


@pytest.mark.usefixtures("small_chunks")
def test_chunks_are_the_corpus_and_need_no_more_memory_when_there_are_more() -> None:
    chunks = list(reuters_like_chunks(1700, seed=3))
    assert [len(y) for _, y in chunks] == [1000, 700]
    assert (vstack([x for x, _ in chunks]) != reuters_like(1700, seed=3).x).nnz == 0
    peaks = []
    for n_rows in (2000, 8000):
        tracemalloc.start()
        for _ in reuters_like_chunks(n_rows):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(DatasetError, match="n_rows is 0"):
        reuters_like(0)
    with pytest.raises(DatasetError, match="seed is -1"):
        reuters_like_chunks(10, seed=-1)
