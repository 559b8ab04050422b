"""Numbers that hold: against float64, across precisions and threads, for extreme sizes and orders."""

import numpy as np
import pytest
import torch

from small import REPRESENTATIONS, blobs, small_dec
from torchdec import DEC, Autoencoder
from torchdec._core.compute import resolve
from torchdec._core.objective import log_soft_assignment, log_target_distribution
from torchdec.metrics import clustering_accuracy

pytestmark = pytest.mark.numbers

EPSILON = {"float32": 2.0**-24}


def soft_assignment(z, centers, alpha):
    """Equation 1 in float64, as the paper writes it."""
    kernel = (1 + ((z[:, None] - centers) ** 2).sum(axis=2) / alpha) ** (-(alpha + 1) / 2)
    return kernel / kernel.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("size", [1e-4, 1.0, 1e3])
def test_equation_1_in_float32_is_that_of_float64_within_some_roundings(size, alpha):
    """Errors relative to q: 100 roundings, and (alpha + 1) / 2 times as many for the exponent."""
    draw = np.random.default_rng(0)
    z, centers = size * draw.normal(size=(200, 10)), size * draw.normal(size=(8, 10))
    z, centers = z.astype(np.float32), centers.astype(np.float32)
    ours = log_soft_assignment(torch.from_numpy(z), torch.from_numpy(centers), alpha).exp().numpy()
    exact = soft_assignment(z.astype(np.float64), centers.astype(np.float64), alpha)
    bound = 100 * (1 + (alpha + 1) / 2) * EPSILON["float32"]
    assert np.abs(ours / exact - 1).max() < bound


def test_equation_3_in_float32_is_that_of_float64_within_some_roundings():
    q = np.random.default_rng(0).dirichlet(np.ones(10), size=500)
    frequency = q.sum(axis=0)
    exact = q**2 / frequency
    exact /= exact.sum(axis=1, keepdims=True)
    log_q, log_f = (torch.from_numpy(np.log(value).astype(np.float32)) for value in (q, frequency))
    ours = log_target_distribution(log_q, log_f).exp().numpy()
    # The logarithms themselves are rounded, so tiny q have the error of their size.
    bound = 4 * (1 + np.abs(np.log(q)).max()) * EPSILON["float32"]
    assert np.abs(ours / exact - 1)[exact > 1e-30].max() < 3 * bound


@pytest.mark.skipif(resolve("cpu").precision != "bfloat16", reason="this processor has no bfloat16 products")
@pytest.mark.parametrize("representation", ["autoencoder", "neighbors"])
def test_bfloat16_finds_the_clusters_of_float32(representation):
    x, labels = blobs(300, 12, 4)
    accuracy = {}
    for precision in ("float32", "bfloat16"):
        model = small_dec(4, representation, precision=precision).fit(x)
        accuracy[precision] = clustering_accuracy(labels, model.labels_)
    assert abs(accuracy["float32"] - accuracy["bfloat16"]) <= 0.02


@pytest.mark.parametrize("representation", ["autoencoder", "neighbors"])
def test_rows_far_from_zero_have_the_clusters_of_rows_around_it(representation):
    x, labels = blobs(300, 6, 4)
    model = small_dec(4, representation).fit(x + 1000)
    assert clustering_accuracy(labels, model.labels_) > 0.95


@pytest.mark.parametrize("representation", ["autoencoder", "neighbors"])
def test_a_fit_is_the_same_within_roundings_whatever_the_number_of_threads(representation):
    x, _ = blobs(200, 8, 3)
    found = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(small_dec(3, representation, precision="float32").fit(x))
    finally:
        torch.set_num_threads(before)
    # Steps amplify roundings, which are small beside how far codes reach, not beside a coordinate near zero.
    extent = np.abs(found[0].cluster_centers_).max()
    for other in found[1:]:
        assert clustering_accuracy(found[0].labels_, other.labels_) == 1
        np.testing.assert_allclose(other.cluster_centers_, found[0].cluster_centers_, rtol=0, atol=0.02 * extent)


def test_one_row_in_ten_thousand_keeps_the_others_in_their_clusters():
    x, labels = blobs(10_000, 6, 2)
    x, labels = np.vstack([x[labels == 0], x[labels == 1][:1]]), np.r_[np.zeros(5_000, int), 1]
    model = small_dec(2).fit(x)
    assert np.isfinite(model.cluster_centers_).all()
    assert (np.bincount(model.labels_, minlength=2) > 0).all()


def test_a_thousand_clusters():
    x, _ = blobs(2_000, 6, 1_000, spread=0.01)
    model = DEC(1_000, representation=Autoencoder((16,), 6, max_steps=50), tol=1.0, random_state=0).fit(x)
    assert model.predict_proba(x[:5]).shape == (5, 1_000)
    assert len(np.unique(model.labels_)) > 500


@pytest.mark.parametrize("representation", ["autoencoder", "neighbors"])
def test_each_row_three_times_changes_no_cluster(representation):
    x, labels = blobs(120, 6, 3)
    model = small_dec(3, representation).fit(np.repeat(x, 3, axis=0))
    assert clustering_accuracy(np.repeat(labels, 3), model.labels_) == 1


@pytest.mark.parametrize("order", ["by cluster", "by the first feature", "backwards"])
@pytest.mark.parametrize("representation", ["autoencoder", "neighbors"])
def test_the_order_of_the_rows_does_not_matter(representation, order):
    x, labels = blobs(150, 6, 3)
    index = {"by cluster": np.argsort(labels), "by the first feature": np.argsort(x[:, 0])}.get(
        order, np.arange(150)[::-1]
    )
    model = small_dec(3, representation).fit(x[index])
    assert clustering_accuracy(labels[index], model.labels_) == 1


@pytest.mark.parametrize("representation", ["autoencoder", "neighbors"])
def test_a_loss_that_is_not_finite_names_stage_step_and_what_to_try(representation):
    x, _ = blobs(100, 6, 2)
    stage_1 = REPRESENTATIONS[representation]
    model = DEC(2, representation=type(stage_1)((16,), 3, learning_rate=1e30), random_state=0)
    with pytest.raises(
        FloatingPointError, match=r"stage '\w+' is (nan|inf) at step \d+; try a learning_rate below"
    ):
        model.fit(x)
