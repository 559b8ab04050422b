"""Encoder and decoder stacks; every weight is drawn from the generator that is passed in."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Generator, nn

Initializer = Literal["glorot", "gaussian"]


def stack(widths: Sequence[int], generator: Generator, init: Initializer = "glorot") -> nn.Sequential:
    """Build fully connected layers of the given widths, ReLU between them, the last one linear.

    Biases start at zero. Weights are Glorot's uniform, or Gaussian with standard deviation 0.01 as in the
    code of the paper.
    """
    modules: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        if modules:
            modules.append(nn.ReLU())
        modules.append(_linear(n_in, n_out, generator, init))
    return nn.Sequential(*modules)


def linear_layers(network: nn.Module) -> list[nn.Linear]:
    """List the linear layers of a stack, from input to output."""
    return [module for module in network.modules() if isinstance(module, nn.Linear)]


def _linear(n_in: int, n_out: int, generator: Generator, init: Initializer) -> nn.Linear:
    # skip_init leaves the global generator alone; nn.Linear's own start would draw from it.
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, n_in, n_out)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        layer.bias.zero_()
        if init == "glorot":
            nn.init.xavier_uniform_(layer.weight, generator=generator)
        else:
            nn.init.normal_(layer.weight, std=0.01, generator=generator)
    return layer
