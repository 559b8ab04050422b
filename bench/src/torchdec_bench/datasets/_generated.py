"""A corpus with the size and the marginals of REUTERS, for measuring time and memory without the real one.

The tables below were measured on the 23,428 documents of the LIBSVM subsets of RCV1-v2 that stand in for REUTERS
(`experiments/reuters_tables.py` prints them); the shares of the classes are those of the published REUTERS-10k.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from torchdec_bench.datasets._dataset import Dataset, DatasetError

REUTERS_ROWS = 685_071
N_WORDS = 2000

# fmt: off
# How many different words a document has, at these quantiles over documents.
MEAN_WORDS_IN_ROW = 59.9
LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1.0)
WORDS_IN_ROW = (2, 20, 27, 33, 40, 48, 59, 72, 91, 118, 139, 162, 180, 209, 435)
# In which share of the documents the words of these ranks occur.
RANKS = (
    1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 90, 127, 180, 254, 360, 509, 719, 1016, 1437, 1600, 1750,
    1850, 1920, 1970, 1990, 2000,
)
SHARE_OF_ROWS = (
    0.42441, 0.35709, 0.34267, 0.33217, 0.30378, 0.28607, 0.26383, 0.2293, 0.2045, 0.18183, 0.15725,
    0.1336, 0.11614, 0.09369, 0.07303, 0.05711, 0.04204, 0.03146, 0.02258, 0.01528, 0.00982, 0.00845,
    0.0073, 0.00593, 0.00444, 0.00303, 0.00158, 0.0003,
)
# How often a word that occurs in a document occurs there: shares of 1, 2, 3, ... times.
TIMES_IN_ROW = (0.7028, 0.1669, 0.0603, 0.0288, 0.0148, 0.0089, 0.0053, 0.0035, 0.0023, 0.0016, 0.0011, 0.0038)
# fmt: on
# Classes: their shares, and the standard deviation of the log of a word's share in a class over its share in all.
CLASS_SHARES = (0.4312, 0.2403, 0.2471, 0.0814)
CLASS_SPREAD = 0.98

_CHUNK = 16_384


def reuters_like(n_rows: int = REUTERS_ROWS, seed: int = 0) -> Dataset:
    """Return a generated corpus with REUTERS' marginals: what a fit on REUTERS costs, not what it finds.

    Lengths of rows, frequencies of words, how often a word is repeated, idf and class shares are those of
    documents of RCV1-v2; which words occur together is drawn at random, given the class.

    Parameters
    ----------
    n_rows : int, default=685,071
        Number of documents; the default is REUTERS'. The first rows of a larger corpus are those of a smaller one.
    seed : int, default=0
        Same seed, same corpus.

    Returns
    -------
    Dataset
        `x` is CSR float32 of shape (n_rows, 2000), about 480 bytes a row: sublinear tf-idf of length sqrt(2000).
        While the chunks are put together it takes twice that; `reuters_like_chunks` never does.

    Raises
    ------
    DatasetError
        If `n_rows` or `seed` is no possible number.

    Examples
    --------
    >>> from torchdec_bench.datasets import reuters_like
    >>> reuters_like(1000).x.shape
    (1000, 2000)
    """
    chunks = list(reuters_like_chunks(n_rows, seed))
    return Dataset(
        "reuters-like",
        csr_array(vstack([x for x, _ in chunks], format="csr")),
        np.concatenate([y for _, y in chunks]),
        len(CLASS_SHARES),
        None,
        f"Generated like REUTERS, {n_rows:,} x 2,000",
        f"Generated with seed {seed}: word frequencies, row lengths, repeats and class shares of REUTERS.",
        True,
    )


def reuters_like_chunks(
    n_rows: int = REUTERS_ROWS, seed: int = 0
) -> Iterator[tuple[csr_array, NDArray[np.int64]]]:
    """Yield the rows and classes of `reuters_like`, at most 16,384 at a time, in memory that does not grow.

    Parameters
    ----------
    n_rows : int, default=685,071
        Number of documents in all.
    seed : int, default=0
        Same seed, same corpus.

    Yields
    ------
    x : csr_array of float32 of shape (m, 2000)
        Sublinear tf-idf, each row of length sqrt(2000).
    y : ndarray of int64 of shape (m,)
        Classes.

    Raises
    ------
    DatasetError
        If `n_rows` or `seed` is no possible number.

    Examples
    --------
    >>> from torchdec_bench.datasets import reuters_like_chunks
    >>> [len(y) for x, y in reuters_like_chunks(20_000)]
    [16384, 3616]
    """
    if n_rows < 1:
        raise DatasetError(f"n_rows is {n_rows}; give 1 or more")
    if seed < 0:
        raise DatasetError(f"seed is {seed}; give 0 or more")
    return _chunks(n_rows, seed)


def _chunks(n_rows: int, seed: int) -> Iterator[tuple[csr_array, NDArray[np.int64]]]:
    share = share_of_rows()
    rng = np.random.default_rng([seed, 0])
    words = rng.permutation(N_WORDS)  # the columns of the ranks
    idf = np.log((1 + REUTERS_ROWS) / (1 + REUTERS_ROWS * share)) + 1
    spread = np.exp(CLASS_SPREAD * rng.standard_normal((len(CLASS_SHARES), N_WORDS)))
    spread /= np.array(CLASS_SHARES) @ spread
    models = [_Class(share * of_class) for of_class in spread]
    for number, first in enumerate(range(0, n_rows, _CHUNK)):
        x, y = _chunk(np.random.default_rng([seed, 1 + number]), models, words, idf)
        yield x[: n_rows - first], y[: n_rows - first]


def share_of_rows() -> NDArray[np.float64]:
    """Return the share of the documents that have the word of each rank."""
    return np.exp(np.interp(np.log(np.arange(1, N_WORDS + 1)), np.log(RANKS), np.log(SHARE_OF_ROWS)))


class _Class:
    """Draws documents of one class: each word occurs at a rate of its own, as often as the length asks for.

    The occurrences of word j in a document of intensity t are Poisson with mean t w_j. The w_j are found by
    iteration so that the words occur in the shares of documents that they should; t goes by the length wanted.
    """

    def __init__(self, share: NDArray[np.float64]) -> None:
        # The mean of each hundredth of the documents.
        levels = np.arange(1000) / 1000 + 0.0005
        lengths = np.interp(levels, LEVELS, WORDS_IN_ROW).reshape(100, 10).mean(axis=1)
        share = np.minimum(share * lengths.mean() / share.sum(), 0.95)
        weights = share.copy()
        for _ in range(30):
            intensity = _intensity(weights, lengths)
            found = -np.expm1(-np.outer(intensity, weights)).mean(axis=0)
            weights *= share / found
        self._lengths, self._intensity = lengths, _intensity(weights, lengths)
        self._total, self._cumulative = weights.sum(), np.cumsum(weights) / weights.sum()

    def draw(self, rng: np.random.Generator, n_rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the row and the rank of each word drawn; the same pair may come more than once."""
        level = rng.random(n_rows) * len(self._lengths)
        intensity = self._intensity[level.astype(np.int64)]
        n_words = np.maximum(rng.poisson(intensity * self._total), 1)
        ranks = np.searchsorted(self._cumulative, rng.random(n_words.sum()), side="right")
        return np.repeat(np.arange(n_rows), n_words), np.minimum(ranks, N_WORDS - 1)


def _intensity(weights: NDArray[np.float64], lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return at which intensity a document has each of these numbers of different words, on average."""
    grid = np.geomspace(1e-3, 1e4, 400) / weights.sum() * 10
    found: NDArray[np.float64] = np.interp(lengths, -np.expm1(-np.outer(grid, weights)).sum(axis=1), grid)
    return found


def _chunk(
    rng: np.random.Generator, models: list[_Class], words: NDArray[np.int64], idf: NDArray[np.float64]
) -> tuple[csr_array, NDArray[np.int64]]:
    labels = np.searchsorted(np.cumsum(CLASS_SHARES)[:-1], rng.random(_CHUNK), side="right").astype(np.int64)
    drawn = []
    for number, model in enumerate(models):
        members = np.flatnonzero(labels == number)
        rows, ranks = model.draw(rng, len(members))
        drawn.append(members[rows] * N_WORDS + ranks)
    cells = np.unique(np.concatenate(drawn))
    rows, ranks = np.divmod(cells, N_WORDS)
    times = np.searchsorted(np.cumsum(TIMES_IN_ROW)[:-1], rng.random(len(cells)), side="right") + 1
    values = (1 + np.log(times)) * idf[ranks]
    length = np.sqrt(np.bincount(rows, values**2, _CHUNK))
    values *= np.sqrt(N_WORDS) / length[rows]
    ends = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=_CHUNK))]).astype(np.int32)
    x = csr_array((values.astype(np.float32), words[ranks].astype(np.int32), ends), shape=(_CHUNK, N_WORDS))
    x.sort_indices()
    return x, labels
