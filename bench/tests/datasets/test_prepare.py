import sys

import numpy as np
import pytest

from torchdec_bench.datasets import DatasetError
from torchdec_bench.datasets._prepare import hog_and_colours


def features(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return HOG by cell, without the paper's shift and scale, and the map of Cr and Cb around 0."""
    pytest.importorskip("skimage")
    (row,) = hog_and_colours(image[np.newaxis].astype(np.uint8))
    return row[:1300].reshape(10, 10, 13) / 10 + 0.2, row[1300:].reshape(8, 8, 2) * 10


def test_a_grey_surface_has_no_gradients_and_no_colour() -> None:
    hog, colours = features(np.full((96, 96, 3), 90))
    np.testing.assert_allclose(hog, 0, atol=1e-6)
    np.testing.assert_allclose(colours, 0, atol=1e-4)


def test_colours_lie_where_they_are_in_the_picture() -> None:
    image = np.zeros((96, 96, 3))
    image[:48, :, 0] = image[48:, :, 2] = 255  # red above blue
    _, colours = features(image)
    assert (colours[:4, :, 0] > 100).all()
    assert (colours[4:, :, 1] > 100).all()
    np.testing.assert_allclose(colours[0, 0], [0.713 * 0.701 * 255, -0.564 * 0.299 * 255], rtol=1e-4)


def test_stripes_are_of_one_orientation_and_other_stripes_of_another() -> None:
    stripes = np.repeat((np.arange(96) // 4 % 2 * 255)[:, np.newaxis], 96, axis=1)
    found = [features(np.repeat(image[..., np.newaxis], 3, axis=2))[0] for image in (stripes, stripes.T)]
    orientations = [set(hog[..., :9].argmax(axis=2).ravel()) for hog in found]
    assert [len(of_one) for of_one in orientations] == [1, 1]
    assert orientations[0] != orientations[1]
    for hog in found:  # each of the four blocks is cut at 0.2
        np.testing.assert_allclose(hog[..., :9].max(axis=2), 0.4, rtol=1e-5)
        np.testing.assert_allclose(hog[..., 9:], 0.2 / np.sqrt(18), atol=1e-5)


def test_smaller_pictures_are_enlarged() -> None:
    large = np.kron(np.random.default_rng(0).integers(0, 256, (4, 4, 3)), np.ones((24, 24, 1)))
    small = large[1::3, 1::3]
    assert small.shape == (32, 32, 3)
    (hog, colours), (small_hog, small_colours) = features(large), features(small)
    assert np.corrcoef(hog.ravel(), small_hog.ravel())[0, 1] > 0.8
    np.testing.assert_allclose(small_colours, colours, atol=25)


def test_without_scikit_image_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.transform", None)
    with pytest.raises(DatasetError, match="pip install scikit-image"):
        hog_and_colours(np.zeros((1, 96, 96, 3), dtype=np.uint8))
