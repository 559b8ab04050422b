"""Layers give what torch's own give, in value and gradient."""

import pytest
import torch
from torch import nn

from torchdec._core import layers, workers
from torchdec._core.layers import BatchNorm, ReLU, stack
from torchdec._core.randomness import generator


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("n_rows", [1, 2, 333])
def test_a_stack_in_one_kernel_a_layer_is_the_modules_one_after_the_other(n_rows: int, batch_norm: bool) -> None:
    if not layers._has_kernel():
        pytest.skip("this processor has no products of bfloat16")
    network = stack((20, 33, 64, 5), generator(0), batch_norm=batch_norm).train(n_rows > 1)
    x = torch.randn(n_rows, 20, generator=generator(1))
    found = []
    for forward in (network, lambda values: nn.Sequential.forward(network, values)):
        leaf = x.clone().requires_grad_()
        network.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            code = forward(leaf)
        code.float().square().sum().backward()
        found.append([code, leaf.grad, *(parameter.grad for parameter in network.parameters())])
    for ours, torchs in zip(*found, strict=True):
        assert ours.dtype == torchs.dtype
        assert torch.equal(ours, torchs)


def test_a_stack_of_bfloat16_needs_no_autocast() -> None:
    network, x = stack((20, 33, 5), generator(0)), torch.randn(9, 20, generator=generator(1))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        expected = network(x)
    with torch.inference_mode():
        assert torch.equal(network.bfloat16()(x.bfloat16()), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_stack_without_modules_gives_what_it_gets(dtype: torch.dtype) -> None:
    values = torch.randn(3, 4, generator=generator(0)).to(dtype)
    assert torch.equal(layers.Stack()(values), values)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_relu_is_torchs_and_so_is_its_gradient(dtype: torch.dtype) -> None:
    values = torch.randn(50, 33, generator=generator(0)).to(dtype)
    values[0, :6] = torch.tensor([0.0, -0.0, float("inf"), -float("inf"), 1e-40, -1e-40], dtype=dtype)
    gradient = torch.randn(50, 33, generator=generator(1)).to(dtype)
    found = []
    for relu in (ReLU(), nn.ReLU()):
        leaf = values.clone().requires_grad_()
        rectified = relu(leaf * 1)
        rectified.backward(gradient.clone())
        found.append((rectified, leaf.grad))
    (ours, our_gradient), (torchs, torchs_gradient) = found
    assert ours.dtype == dtype
    assert torch.equal(ours, torchs)
    assert torch.equal(our_gradient, torchs_gradient)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_batch_norm_over_workers_is_that_of_the_whole_batch(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second worker of two has no rows here, so the first one has the whole batch."""
    results = []
    for size in (1, 2):
        monkeypatch.setattr(workers, "size", lambda size=size: size)
        monkeypatch.setattr(workers, "total", lambda value: value)
        norm = BatchNorm(5)
        with torch.no_grad():
            norm.weight.copy_(torch.arange(1.0, 6.0))
        x = (3 + 2 * torch.randn(40, 5, generator=generator(0))).to(dtype).requires_grad_()
        y = norm(x)
        (y.float() * torch.randn(40, 5, generator=generator(1))).square().sum().backward()
        results.append([y, x.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var])
    close = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 0.03, "atol": 0.3}
    for one, two in zip(*results, strict=True):
        assert one.dtype == two.dtype
        torch.testing.assert_close(two, one, **close)
