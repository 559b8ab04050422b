"""Stacks have the paper's shape, and their weights come from the generator that is passed in."""

import pytest
import torch
from torch import nn

from torchdec._core import workers
from torchdec._core.networks import BatchNorm, ReLU, linear_layers, stack, without_batch_norm
from torchdec._core.randomness import generator


def test_relu_lies_between_layers_and_not_on_the_last() -> None:
    network = stack((4, 5, 6, 2), generator(0))
    kinds = [type(module) for module in network]
    assert kinds == [nn.Linear, ReLU, nn.Linear, ReLU, nn.Linear]
    assert [layer.out_features for layer in linear_layers(network)] == [5, 6, 2]


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


def test_weights_are_those_of_the_generator() -> None:
    one, same, other = (stack((4, 5), generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one[0].weight, same[0].weight)
    assert not torch.equal(one[0].weight, other[0].weight)
    assert not one[0].bias.any()


def test_the_papers_start_is_gaussian_with_sd_one_hundredth() -> None:
    weight = stack((300, 300), generator(0), "gaussian")[0].weight
    assert abs(weight.std().item() - 0.01) < 5e-4


def test_folding_batch_norm_keeps_the_function() -> None:
    network = stack((4, 8, 8, 2), generator(0), batch_norm=True)
    x = torch.randn(64, 4, generator=generator(1)) * 3 + 1
    for _ in range(50):
        network(x)
    folded = without_batch_norm(network)
    assert not any(isinstance(module, nn.BatchNorm1d) for module in folded)
    torch.testing.assert_close(folded(x), network.eval()(x), rtol=1e-4, atol=1e-5)


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
