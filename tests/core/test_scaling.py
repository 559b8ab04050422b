"""One factor makes the mean square 1; columns whose units differ are told from pixels, words and components."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA

from torchdec._core.compute import resolve
from torchdec._core.scaling import learn_scale
from torchdec.rows import as_rows

COMPUTE = resolve("cpu", "float32")


def learnt(x, standardize="auto"):
    return learn_scale(as_rows(np.asarray(x)), standardize, COMPUTE)


@pytest.mark.parametrize(
    "x",
    [load_wine().data, load_breast_cancer().data, load_wine().data[:, [0, 5, 12]]],
    ids=["many columns", "more columns", "three columns, one in the hundreds"],
)
def test_tables_of_measurements_are_standardised(x):
    scale, means, deviations = learnt(x)
    np.testing.assert_allclose(means, x.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(deviations, x.std(axis=0), rtol=1e-5)
    assert scale == pytest.approx(1.0)


@pytest.mark.parametrize(
    "x",
    [
        load_iris().data,
        load_digits().data,
        PCA(10, random_state=0).fit_transform(load_wine().data),
        load_wine().data[:, :4],
        np.eye(50),
        load_iris().data[:, :1],
        PCA(2, random_state=0).fit_transform(load_wine().data),
    ],
    ids=["iris", "digits", "components", "four columns", "indicators", "one column", "two components"],
)
def test_other_rows_stay_as_they_are(x):
    scale, means, deviations = learnt(x)
    assert means is None
    assert deviations is None
    assert scale == pytest.approx(np.mean(np.square(x)) ** -0.5)


def test_rows_far_from_zero_are_brought_there_in_their_unit():
    x = load_iris().data + 100
    scale, means, deviations = learnt(x)
    np.testing.assert_allclose(means, x.mean(axis=0), rtol=1e-6)
    assert deviations.tolist() == [1] * 4
    assert scale == pytest.approx(np.mean(np.square(x - x.mean(axis=0))) ** -0.5)
    assert learnt(x, False)[1] is None


def test_it_is_done_or_left_out_when_told():
    assert learnt(load_iris().data, True)[1] is not None
    assert learnt(load_wine().data, False)[1] is None


def test_the_decision_does_not_depend_on_the_unit_of_the_table():
    for factor in (1e-6, 1e6):
        assert learnt(load_wine().data * factor)[1] is not None
        assert learnt(load_digits().data * factor)[1] is None


def test_a_column_that_never_varies_stays_in_its_unit():
    x = np.column_stack([load_wine().data, np.full(178, 3.7), np.zeros(178)])
    scale, means, deviations = learnt(x)
    assert deviations[-2:].tolist() == pytest.approx([3.7, 1.0])
    standard = (x - means.numpy()) / deviations.numpy() * scale
    assert np.mean(standard**2) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("standardize", [True, "auto", False])
def test_rows_of_zeros_and_equal_rows_have_a_scale(standardize):
    assert learnt(np.zeros((4, 6)), standardize) == (1.0, None, None)
    assert learnt(np.full((4, 6), 2.0), standardize) == (0.5, None, None)


@pytest.mark.parametrize("size", [1e-20, 1e20])
def test_sizes_that_leave_float32_are_refused(size):
    with pytest.raises(ValueError, match="root mean square"):
        learnt(np.array([[size, -size]]))


def test_the_numbers_are_float32():
    _, means, deviations = learnt(load_wine().data)
    assert means.dtype == deviations.dtype == torch.float32
