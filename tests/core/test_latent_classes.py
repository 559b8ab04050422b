"""Latent classes: what they are worth, where distances fail, and odd tables."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from small_tables import KINDS, N_NUMBERS, mixed_table, prepared_kind
from torchdec._core import latent_classes as module
from torchdec._core.latent_classes import fitted_classes, latent_classes
from torchdec.rows import as_rows


@pytest.mark.parametrize("seed", range(3))
def test_classes_of_unequal_sizes_are_found_among_columns_that_say_nothing(seed: int) -> None:
    rows, truth = mixed_table(600, seed, sizes=(0.75, 0.2, 0.05))
    values = rows.take(np.arange(len(rows)))
    by_distance = KMeans(3, n_init=10, random_state=seed).fit(values).labels_
    found = latent_classes(rows, KINDS, 3, random_state=seed)
    assert adjusted_rand_score(truth, found) > adjusted_rand_score(truth, by_distance) + 0.3


def test_classes_that_several_columns_tell_are_found() -> None:
    rows, truth = mixed_table(600)
    assert adjusted_rand_score(truth, latent_classes(rows, KINDS, 3, random_state=0)) > 0.9


def test_a_table_may_have_numbers_alone_or_kinds_alone() -> None:
    rows, truth = mixed_table(600, certain=0.95)
    values = rows.take(np.arange(len(rows)))
    numbers = latent_classes(as_rows(values[:, :N_NUMBERS]), (), 3, random_state=0)
    assert adjusted_rand_score(truth, numbers) > 0.85
    spans = [(start - N_NUMBERS, stop - N_NUMBERS) for start, stop in KINDS]
    kinds = latent_classes(as_rows(values[:, N_NUMBERS:]), spans, 3, random_state=0)
    assert adjusted_rand_score(truth, kinds) > 0.7


def test_bic_is_that_of_the_densities_written_out() -> None:
    rows, _ = mixed_table(400)
    n, k = len(rows), 3
    values = rows.take(np.arange(n)).astype(np.float64)
    found = fitted_classes(values, KINDS, k, np.random.RandomState(0))
    values = values.clip(*found.bounds)
    table = module._Table.of(values, KINDS, {})
    # One more pass of EM, written out as sums over rows, which changes a mixture that has settled by nothing.
    mixture = module._fitted(table, np.eye(k)[found.predict(values)], 1e-9)
    joint = mixture.joint(table)
    parts = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    sizes, numbers = parts.sum(axis=0), values[:, :N_NUMBERS]
    means = parts.T @ numbers / sizes[:, None]
    around = sum(parts[:, c] @ np.square(numbers - means[c]) for c in range(k)) / n
    deviations = np.sqrt(
        np.maximum((n * around + 100 * numbers.var(axis=0)) / (n + 100), 0.3 * numbers.var(axis=0))
    )
    density = np.tile(np.log((sizes + 1) / (n + k)), (n, 1))
    for c in range(k):
        density[:, c] += norm.logpdf(numbers, means[c], deviations).sum(axis=1)
        for start, stop in KINDS:
            level = values[:, start:stop].argmax(axis=1)
            of_class = np.bincount(level, parts[:, c], minlength=stop - start)
            of_class += np.bincount(level, minlength=stop - start) / n
            density[:, c] += np.log(of_class / of_class.sum())[level]
    expected = logsumexp(density, axis=1)
    np.testing.assert_allclose(mixture.log_likelihood(table), expected, atol=1e-3)
    assert found.log_likelihood(values).mean() == pytest.approx(expected.mean(), abs=1e-4)


def test_each_pass_is_worth_more_than_the_one_before() -> None:
    rows, _ = mixed_table(300)
    table = module._Table.of(rows.take(np.arange(300)), KINDS, {})
    parts = np.eye(3)[np.arange(300) % 3]
    worth = [module._fitted(table, parts, 0, most).worth for most in range(1, 12)]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(worth))
    assert worth[-1] > worth[0]


def test_numbers_of_few_values_are_levels() -> None:
    # The middle one of three codes tells a class, which a mean does not: both classes have the same.
    random = np.random.default_rng(0)
    truth = random.integers(2, size=400)
    codes = np.where(truth[:, None], 1, 2 * random.integers(2, size=(400, 4)))
    codes = np.where(random.random(codes.shape) < 0.2, random.integers(3, size=codes.shape), codes)
    values = ((codes - codes.mean(axis=0)) / codes.std(axis=0)).astype(np.float32)
    found = fitted_classes(values, (), 2, np.random.RandomState(0))
    assert sorted(found.codes) == [0, 1, 2, 3]
    assert adjusted_rand_score(truth, found.predict(values)) > 0.6
    # Values between those of the fit are read as the nearest.
    np.testing.assert_array_equal(found.predict(values + 0.1), found.predict(values))


def test_constant_columns_change_nothing() -> None:
    rows, _ = mixed_table(300)
    values = rows.take(np.arange(300))
    wider = np.hstack([values, np.full((300, 2), 7, dtype=np.float32)])
    one, other = (fitted_classes(each, KINDS, 3, np.random.RandomState(0)) for each in (values, wider))
    assert adjusted_rand_score(one.predict(values), other.predict(wider)) == 1
    assert np.isfinite(other.log_likelihood(wider)).all()


def test_more_rows_than_are_fitted_get_the_class_that_suits_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, truth = mixed_table(3000)
    monkeypatch.setattr(module, "_MOST_SEEN", 500)
    monkeypatch.setattr(module, "_CHUNK", 700)
    assert adjusted_rand_score(truth, latent_classes(rows, KINDS, 3, random_state=0)) > 0.9


def test_a_level_that_only_other_rows_have_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, truth = mixed_table(3000)
    levels = np.zeros(3000, dtype=np.int64)
    levels[-1] = 1
    values = np.hstack([rows.take(np.arange(3000)), prepared_kind(levels, 2)]).astype(np.float32)
    monkeypatch.setattr(module, "_MOST_SEEN", 500)
    width = values.shape[1]
    found = latent_classes(as_rows(values), [*KINDS, (width - 2, width)], 3, random_state=0)
    assert adjusted_rand_score(truth, found) > 0.9


@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_same_seed_gives_the_same_bits(n_threads: int) -> None:
    rows, _ = mixed_table(400)
    values = rows.take(np.arange(400))
    with threadpool_limits(n_threads):
        found = fitted_classes(values, KINDS, 4, np.random.RandomState(1))
    expected = fitted_classes(values, KINDS, 4, np.random.RandomState(1))
    np.testing.assert_array_equal(found.predict(values), expected.predict(values))
    np.testing.assert_array_equal(found.log_likelihood(values), expected.log_likelihood(values))


@pytest.mark.parametrize("k", [1, 2, 7, 12])
def test_each_class_has_a_row_however_few_rows_there_are(k: int) -> None:
    rows, _ = mixed_table(12)
    labels = latent_classes(rows, KINDS, k, random_state=0)
    assert set(labels.tolist()) == set(range(k))


def test_where_a_mixture_would_leave_a_class_empty_it_is_kmeans() -> None:
    # Twenty rows that differ by less than the least variance, and a far one.
    values = np.concatenate([np.repeat([[0.0], [1e-3]], 10, axis=0), [[4.0]]]).astype(np.float32)
    labels = latent_classes(as_rows(values), (), 3, random_state=0)
    assert len({labels[0], labels[10], labels[20]}) == 3
    assert len(set(labels[:10].tolist())) == len(set(labels[10:20].tolist())) == 1


def test_a_few_far_numbers_are_no_class() -> None:
    rows, truth = mixed_table(600)
    values = rows.take(np.arange(len(rows)))
    values[:6, :2] = 30.0
    found = latent_classes(as_rows(values), KINDS, 3, random_state=0)
    assert adjusted_rand_score(truth[6:], found[6:]) > 0.9


def test_farther_numbers_count_as_the_farthest_that_do() -> None:
    rows, _ = mixed_table(600)
    values = rows.take(np.arange(len(rows)))
    found = fitted_classes(values, KINDS, 3, np.random.RandomState(0))
    far, farther = values.copy(), values.copy()
    far[:, :N_NUMBERS], farther[:, :N_NUMBERS] = 10 * values[:, :N_NUMBERS], 20 * values[:, :N_NUMBERS]
    clear = (np.abs(far[:, :N_NUMBERS]) > 3).all(axis=1)
    assert clear.sum() > 50
    np.testing.assert_array_equal(found.predict(far[clear]), found.predict(farther[clear]))
    np.testing.assert_array_equal(found.log_likelihood(far[clear]), found.log_likelihood(farther[clear]))


def test_numbers_count_as_they_are_where_fewer_rows_would_differ_than_there_are_classes() -> None:
    values = np.zeros((100, 1), dtype=np.float32)
    values[0], values[1] = 10.0, 20.0
    labels = latent_classes(as_rows(values), (), 3, random_state=0)
    assert len({labels[0], labels[1], labels[2]}) == 3


def test_fewer_distinct_rows_than_classes_are_an_error() -> None:
    values = np.repeat(np.eye(2, dtype=np.float32), 5, axis=0)
    with pytest.raises(ValueError, match="n_clusters=3 is more than the 2 distinct rows"):
        latent_classes(as_rows(values), [(0, 2)], 3, random_state=0)


def test_rows_that_most_of_a_sample_does_not_have_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_SEEN", 10)
    levels = np.zeros(1000, dtype=np.int64)
    levels[:5] = 1
    values = prepared_kind(levels, 2).astype(np.float32)
    labels = latent_classes(as_rows(values), [(0, 2)], 2, random_state=0)
    assert adjusted_rand_score(levels, labels) == 1
