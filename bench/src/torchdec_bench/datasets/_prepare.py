"""How counts, texts and pictures become rows: from the rows alone, never from labels."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix, diags

from torchdec_bench.datasets._dataset import DatasetError
from torchdec_bench.datasets._formats import Parts

# The paper's picture features: 12 x 12 cells of 8 pixels, of which the border is left out; a map of 8 x 8 colours.
_SIDE, _CELL, _ORIENTATIONS, _MAP = 96, 8, 9, 8


def matrix(parts: Parts) -> csr_array:
    """Return CSR parts as a matrix of float32."""
    return csr_array(
        (parts["data"].astype(np.float32), parts["indices"], parts["indptr"]), shape=tuple(parts["shape"])
    )


def tf_idf(counts: csr_array) -> csr_array:
    """Return sublinear tf-idf of counts, each row of length 1."""
    from sklearn.feature_extraction.text import TfidfTransformer

    return csr_array(TfidfTransformer(norm="l2", sublinear_tf=True).fit_transform(counts))


def scaled_tf_idf(counts: csr_array) -> csr_array:
    """Return sublinear tf-idf times sqrt(d), so that the mean of ||x||^2 / d is 1 (Xie et al. 2016, section 4)."""
    rows = tf_idf(counts)
    rows.data *= np.float32(np.sqrt(rows.shape[1]))
    return rows


def log_normalised(counts: csr_array) -> csr_array:
    """Return log(1 + counts), each row brought to the median of all totals: the habit for single cells."""
    total = np.asarray(counts.sum(axis=1)).ravel()
    return csr_array((diags(np.median(total) / total) @ csr_matrix(counts)).tocsr().log1p().astype(np.float32))


def count_words(texts: Iterable[str], n_words: int = 2000) -> csr_matrix:
    """Return how often each text has each of the most frequent words of all, in alphabetical order."""
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(max_features=n_words, dtype=np.int32).fit_transform(texts)


def newsgroup_rows(posts: Iterable[str]) -> csr_matrix:
    """Return sublinear tf-idf of the 2,000 most frequent words of posts without headers, footers and quotes."""
    from sklearn.datasets._twenty_newsgroups import (
        strip_newsgroup_footer,
        strip_newsgroup_header,
        strip_newsgroup_quoting,
    )
    from sklearn.feature_extraction.text import TfidfVectorizer

    bare = (strip_newsgroup_quoting(strip_newsgroup_footer(strip_newsgroup_header(post))) for post in posts)
    return TfidfVectorizer(max_features=2000, sublinear_tf=True).fit_transform(bare).astype(np.float32)


def hog_and_colours(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return 1,428 features of each picture: 1,300 of its gradients and a map of its colours.

    The paper names HOG and an 8 x 8 colour map, and d = 1,428; its code keeps (HOG - 0.2) * 10 and
    (CrCb - 128) / 10, but not the program for HOG. 1,300 = 10 x 10 cells of 13 is the analytic form of
    Felzenszwalb et al. (PAMI 2010, section 6.2): each cell's histogram of 9 orientations is normalised by each of
    its four blocks and cut at 0.2; 9 features sum over the blocks, 4 over the orientations.

    Parameters
    ----------
    images : ndarray of uint8 of shape (n, height, width, 3)
        Colours as RGB; brought to 96 x 96 pixels where they are not.

    Returns
    -------
    ndarray of float32 of shape (n, 1428)

    Raises
    ------
    DatasetError
        If scikit-image is not installed.
    """
    try:
        from skimage.transform import resize
    except ImportError:
        raise DatasetError("The features of stl10 need scikit-image; try pip install scikit-image") from None
    features = np.empty((len(images), 1428), dtype=np.float32)
    for row, image in zip(features, images, strict=True):
        square = image
        if image.shape[:2] != (_SIDE, _SIDE):
            square = resize(image, (_SIDE, _SIDE), order=1, preserve_range=True)
        row[:1300] = (_hog(square) - 0.2) * 10
        row[1300:] = (_colour_map(square) - 128) / 10
    return features


def _hog(image: NDArray[Any]) -> NDArray[np.float64]:
    from skimage.feature import hog

    blocks = hog(
        image,
        orientations=_ORIENTATIONS,
        pixels_per_cell=(_CELL, _CELL),
        cells_per_block=(2, 2),
        block_norm="L2",
        channel_axis=-1,
        feature_vector=False,
    )
    blocks = np.minimum(blocks, 0.2)
    # A cell that is not at the border is in four blocks, and in each of them at another corner.
    four = np.stack([blocks[1 - i : 11 - i, 1 - j : 11 - j, i, j] for i in (0, 1) for j in (0, 1)], axis=2)
    by_orientation = 0.5 * four.sum(axis=2)
    by_block = four.sum(axis=3) / np.sqrt(2 * _ORIENTATIONS)
    return np.concatenate([by_orientation, by_block], axis=2).ravel()


def _colour_map(image: NDArray[Any]) -> NDArray[np.float64]:
    """Return Cr and Cb (ITU-R BT.601, full range) of each of 8 x 8 blocks."""
    step = _SIDE // _MAP
    red, green, blue = np.moveaxis(image.reshape(_MAP, step, _MAP, step, 3).mean(axis=(1, 3)), 2, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return np.stack([0.713 * (red - luma) + 128, 0.564 * (blue - luma) + 128], axis=2).ravel()
