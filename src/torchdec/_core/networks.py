"""Encoder and decoder stacks; every weight is drawn from the generator that is passed in."""

from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral
from typing import Literal, cast

import torch
from torch import Generator, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from torchdec._core.layers import BatchNorm, ReLU, Stack
from torchdec.rows._shown import shown

Initializer = Literal["glorot", "gaussian"]


def stack(
    widths: Sequence[int], generator: Generator, init: Initializer = "glorot", *, batch_norm: bool = False
) -> Stack:
    """Build fully connected layers of the given widths, ReLU between them, the last one linear.

    Biases start at zero. Weights are Glorot's uniform, or Gaussian with standard deviation 0.01 as in the
    code of the paper. `batch_norm` puts a batch normalisation before each ReLU.
    """
    if not all(isinstance(width, Integral) and width >= 1 for width in widths):
        hidden = shown(tuple(widths[1:-1]))
        raise ValueError(f"hidden={hidden} has a layer without units; try whole numbers from 1 on.")
    modules: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        if modules:
            modules += [BatchNorm(n_in), ReLU()] if batch_norm else [ReLU()]
        modules.append(_linear(n_in, n_out, generator, init))
    return Stack(*modules)


def without_batch_norm(network: nn.Sequential) -> Stack:
    """Fold each batch normalisation into the linear layer before it: the same function in evaluation mode."""
    modules: list[nn.Module] = []
    for module in network.eval():
        if isinstance(module, nn.BatchNorm1d):
            modules[-1] = fuse_linear_bn_eval(cast("nn.Linear", modules[-1]), module)
        else:
            modules.append(module)
    return Stack(*modules)


def relu_stack(widths: Sequence[int]) -> Stack:
    """Build what `stack` does, its weights yet to be loaded."""
    modules: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        modules += [ReLU()] if modules else []
        modules.append(empty_linear(n_in, n_out))
    return Stack(*modules)


def widths_of(network: nn.Module) -> list[int]:
    """Return the widths of the layers of a stack, the input's first."""
    layers = linear_layers(network)
    return [layers[0].in_features, *(layer.out_features for layer in layers)]


def linear_layers(network: nn.Module) -> list[nn.Linear]:
    """List the linear layers of a stack, from input to output."""
    return [module for module in network.modules() if isinstance(module, nn.Linear)]


def empty_linear(n_in: int, n_out: int) -> nn.Linear:
    """Return a layer whose weights are still to be set.

    `nn.Linear` alone would draw them from the global generator, and `nn.utils.skip_init` imports half of torch's
    compiler on the way, for a second.
    """
    layer = nn.Linear(n_in, n_out, device="meta")
    layer.weight = nn.Parameter(torch.empty(n_out, n_in))
    layer.bias = nn.Parameter(torch.empty(n_out))
    return layer


def _linear(n_in: int, n_out: int, generator: Generator, init: Initializer) -> nn.Linear:
    layer = empty_linear(n_in, n_out)
    with torch.no_grad():
        layer.bias.zero_()
        if init == "glorot":
            nn.init.xavier_uniform_(layer.weight, generator=generator)
        else:
            nn.init.normal_(layer.weight, std=0.01, generator=generator)
    return layer
