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
    np.testing.assert_array_equal(learnt(x, False)[1], means)


TIMES = np.random.default_rng(0).normal(0, 60, size=(500, 1)).round(3)
NOISE = np.random.default_rng(1).normal(0, 50, size=(500, 3))


@pytest.mark.parametrize("offset", [1e4, 1.7e9, 1.7e12, -1e12])
@pytest.mark.parametrize("standardize", [True, "auto"])
def test_moments_of_a_column_far_from_zero_have_all_their_digits(offset, standardize):
    scale, means, deviations = learnt(np.hstack([TIMES + offset, NOISE]), standardize)
    assert means[0] - offset == pytest.approx(TIMES.mean(), abs=1e-3)
    if standardize is True:
        np.testing.assert_allclose(deviations[0], TIMES.std(), rtol=1e-4)
    else:
        assert means[1:].tolist() == [0, 0, 0]
        assert deviations.tolist() == [1] * 4
        left = np.hstack([TIMES - TIMES.mean(), NOISE])
        assert scale == pytest.approx(np.mean(np.square(left)) ** -0.5, rel=1e-4)


def test_whole_numbers_beyond_float64_have_the_deviation_of_their_differences():
    x = 1_700_000_000_000_000_000 + np.arange(100)[:, None] * np.array([1, 3])
    _, _, deviations = learnt(x, True)
    np.testing.assert_allclose(deviations, (x - x[0]).std(axis=0), rtol=1e-6)


@pytest.mark.parametrize("first", [0.0, 1e6])
def test_a_first_row_that_lies_elsewhere_costs_no_digits(first):
    x = np.vstack([[[first]], TIMES + 1e6])
    np.testing.assert_allclose(learnt(x, True)[2], x.std(axis=0), rtol=1e-6)


@pytest.mark.parametrize(("far", "dtype"), [(9.0, None), (11.0, torch.float32), (1500.0, torch.float64)])
def test_a_column_is_far_beside_what_it_and_columns_on_average_differ_by(far, dtype):
    unit = np.sqrt(np.hstack([TIMES, NOISE]).var(axis=0).mean())
    means = learnt(np.hstack([TIMES + far * max(unit, TIMES.std()) - TIMES.mean(), NOISE]))[1]
    assert (means is None) if dtype is None else (means.dtype == dtype and np.count_nonzero(means) == 1)


@pytest.mark.parametrize("background", [1.0, 255.0])
def test_pixels_of_a_background_that_hardly_differ_stay_as_they_are(background):
    x = background * (1 - load_digits().data / 16)
    assert (x.std(axis=0) < 0.01 * x.mean(axis=0)).any()
    assert learnt(x)[1] is None


@pytest.mark.parametrize(("offset", "dtype"), [(5_000, torch.float32), (1.7e9, torch.float64)])
def test_told_to_leave_columns_only_an_offset_leaves(offset, dtype):
    assert learnt(TIMES + 500, False)[1] is None
    scale, means, deviations = learnt(TIMES + offset, False)
    assert means.dtype == dtype
    assert deviations.tolist() == [1]
    assert scale == pytest.approx(1 / TIMES.std())


def test_a_float32_array_far_from_zero_keeps_what_it_still_holds():
    x = (TIMES + 1e7).astype(np.float32)
    np.testing.assert_allclose(learnt(x, True)[2], x.astype(float).std(axis=0), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_roundings_of_a_constant_are_no_variation(dtype):
    noise = np.random.default_rng(0).integers(-1, 2, size=(500, 1)).astype(dtype)
    x = dtype(0.7) * (1 + noise * np.finfo(dtype).eps)
    assert len(np.unique(x)) > 1
    assert learnt(np.hstack([x, 10 * x]), True)[1:] == (None, None)


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


def test_the_numbers_are_float32_where_no_column_is_far():
    _, means, deviations = learnt(load_wine().data)
    assert means.dtype == deviations.dtype == torch.float32
