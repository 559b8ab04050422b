"""The three formulas against closed forms, the paper's gradients and naive loops."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from torchdec._core.objective import (
    kl_divergence,
    log_cluster_frequency,
    log_soft_assignment,
    log_target_distribution,
    reconstruction_error,
    squared_distances,
)

ALPHAS = [0.5, 1.0, 5.0]


def points(n: int, k: int, *, seed: int = 0, size: float = 1.0) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    z = size * torch.randn(n, 3, generator=g, dtype=torch.float64)
    return z, size * torch.randn(k, 3, generator=g, dtype=torch.float64)


def naive_q(z: Tensor, mu: Tensor, alpha: float) -> np.ndarray:
    q = np.empty((len(z), len(mu)))
    for i in range(len(z)):
        for j in range(len(mu)):
            distance = sum((float(a) - float(b)) ** 2 for a, b in zip(z[i], mu[j], strict=True))
            q[i, j] = (1 + distance / alpha) ** (-(alpha + 1) / 2)
        q[i] /= q[i].sum()
    return q


def naive_p(q: np.ndarray) -> np.ndarray:
    p = np.empty_like(q)
    f = [sum(q[i, j] for i in range(len(q))) for j in range(q.shape[1])]
    for i in range(len(q)):
        for j in range(q.shape[1]):
            p[i, j] = q[i, j] ** 2 / f[j]
        p[i] /= p[i].sum()
    return p


def targets(log_q: Tensor) -> Tensor:
    return log_target_distribution(log_q, log_cluster_frequency(log_q))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_q_equals_the_naive_loop_for_any_alpha(alpha: float) -> None:
    z, mu = points(7, 3)
    np.testing.assert_allclose(log_soft_assignment(z, mu, alpha).exp(), naive_q(z, mu, alpha), rtol=1e-12)


def test_alpha_is_1_by_default_as_in_the_paper() -> None:
    z, mu = points(7, 3)
    np.testing.assert_allclose(log_soft_assignment(z, mu).exp(), naive_q(z, mu, 1.0), rtol=1e-12)


def test_q_has_the_value_calculated_by_hand_for_alpha_3() -> None:
    # squared distances 3 and 0: kernels (1 + 1)^-2 = 1/4 and 1
    q = log_soft_assignment(torch.zeros(1, 3), torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]), 3.0).exp()
    torch.testing.assert_close(q, torch.tensor([[0.2, 0.8]]))


def test_p_equals_the_naive_loop() -> None:
    z, mu = points(9, 4)
    q = log_soft_assignment(z, mu)
    np.testing.assert_allclose(targets(q).exp(), naive_p(q.exp().numpy()), rtol=1e-12)


def test_p_of_a_part_with_the_frequency_of_all_is_that_part_of_p() -> None:
    z, mu = points(20, 4)
    q = log_soft_assignment(z, mu)
    part = log_target_distribution(q[5:9], log_cluster_frequency(q))
    torch.testing.assert_close(part, targets(q)[5:9], rtol=0, atol=0)


def test_p_from_the_frequency_of_the_part_alone_differs() -> None:
    z, mu = points(20, 4)
    q = log_soft_assignment(z, mu)
    assert not torch.allclose(targets(q[5:9]), targets(q)[5:9], atol=1e-3)


def test_kl_equals_the_naive_sum_over_clusters_and_mean_over_rows() -> None:
    z, mu = points(6, 3)
    log_q = log_soft_assignment(z, mu)
    log_p = targets(log_q)
    p, q = log_p.exp().numpy(), log_q.exp().numpy()
    naive = sum(p[i, j] * math.log(p[i, j] / q[i, j]) for i in range(6) for j in range(3)) / 6
    assert kl_divergence(log_p, log_q).item() == pytest.approx(naive, rel=1e-12)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_gradients_are_those_of_the_paper(alpha: float) -> None:
    z, mu = points(8, 3)
    log_p = targets(log_soft_assignment(z, mu, alpha))
    z.requires_grad_()
    mu.requires_grad_()
    kl_divergence(log_p, log_soft_assignment(z, mu, alpha)).backward()

    zd, mud = z.detach(), mu.detach()
    difference = zd[:, None] - mud[None]
    kernel = 1 / (1 + difference.square().sum(2) / alpha)
    q = log_soft_assignment(zd, mud, alpha).exp()
    terms = (alpha + 1) / alpha * (kernel * (log_p.exp() - q))[..., None] * difference
    torch.testing.assert_close(z.grad, terms.sum(1) / len(z))
    torch.testing.assert_close(mu.grad, -terms.sum(0) / len(z))


def test_gradients_are_finite_where_a_row_lies_on_a_centre() -> None:
    z = torch.zeros(2, 3, requires_grad=True)
    mu = torch.zeros(2, 3, requires_grad=True)
    with torch.no_grad():
        mu[1] = 1
    log_q = log_soft_assignment(z, mu)
    kl_divergence(targets(log_q.detach()), log_q).backward()
    assert z.grad is not None
    assert mu.grad is not None
    assert z.grad.isfinite().all()
    assert mu.grad.isfinite().all()


def test_rows_far_from_all_centres_and_targets_of_zero_stay_finite() -> None:
    z = torch.tensor([[0.0, 0.0, 0.0], [1e12, 0.0, 0.0]], requires_grad=True)
    mu = torch.tensor([[0.0, 0.0, 0.0], [1e15, 0.0, 0.0]])
    log_q = log_soft_assignment(z, mu, 20.0)
    log_p = targets(log_q.detach())
    assert log_p.exp().min() == 0
    loss = kl_divergence(log_p, log_q)
    loss.backward()
    assert loss.isfinite()
    assert z.grad is not None
    assert z.grad.isfinite().all()


@pytest.mark.parametrize("n", [1, 100])
def test_distances_are_exact_far_from_the_origin(n: int) -> None:
    z = torch.full((n, 2), 1000.0)
    torch.testing.assert_close(squared_distances(z, z + 0.0625), torch.full((n, n), 0.0078125), rtol=1e-6, atol=0)


def test_reconstruction_error_is_a_mean_over_rows_and_features() -> None:
    assert reconstruction_error(torch.zeros(2, 5), torch.full((2, 5), 3.0)).item() == 9


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_reconstruction_error_and_its_gradient_are_torchs_mse(dtype: torch.dtype) -> None:
    rows, reconstructed = (torch.randn(30, 7, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    found = []
    for error_of in (reconstruction_error, lambda x, y: torch.nn.functional.mse_loss(y.float(), x)):
        leaf = reconstructed.to(dtype).requires_grad_()
        error = error_of(rows, leaf)
        (3 * error).backward()
        found.append((error, leaf.grad))
    (error, gradient), (expected, expected_gradient) = found
    assert gradient.dtype == dtype
    torch.testing.assert_close(error, expected)
    torch.testing.assert_close(gradient, expected_gradient)


@given(
    n=st.integers(1, 12),
    k=st.integers(1, 6),
    alpha=st.floats(0.05, 50),
    size=st.floats(1e-3, 1e3),
    seed=st.integers(0, 10**6),
)
def test_q_and_p_are_distributions_and_p_is_purer(n: int, k: int, alpha: float, size: float, seed: int) -> None:
    z, mu = points(n, k, seed=seed, size=size)
    log_q = log_soft_assignment(z, mu, alpha)
    log_p = targets(log_q)
    for distribution in (log_q.exp(), log_p.exp()):
        torch.testing.assert_close(distribution.sum(1), torch.ones(n, dtype=torch.float64))
        assert (distribution >= 0).all()
    assert kl_divergence(log_p, log_q) >= -1e-12


@given(alpha=st.floats(0.1, 20), seed=st.integers(0, 10**6))
def test_float32_agrees_with_float64(alpha: float, seed: int) -> None:
    z, mu = points(10, 4, seed=seed)
    double = log_soft_assignment(z, mu, alpha).exp()
    single = log_soft_assignment(z.float(), mu.float(), alpha).exp()
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-6)
