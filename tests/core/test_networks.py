"""Stacks have the paper's shape, and their weights come from the generator that is passed in."""

import torch
from torch import nn

from torchdec._core.layers import ReLU, linear_layers, stack, without_batch_norm
from torchdec._core.randomness import generator


def test_relu_lies_between_layers_and_not_on_the_last() -> None:
    network = stack((4, 5, 6, 2), generator(0))
    kinds = [type(module) for module in network]
    assert kinds == [nn.Linear, ReLU, nn.Linear, ReLU, nn.Linear]
    assert [layer.out_features for layer in linear_layers(network)] == [5, 6, 2]


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
