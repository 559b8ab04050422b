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
        modules.append(nn.utils.skip_init(nn.Linear, n_in, n_out))  # type: ignore[no-untyped-call]
    return Stack(*modules)


def widths_of(network: nn.Module) -> list[int]:
    """Return the widths of the layers of a stack, the input's first."""
    layers = linear_layers(network)
    return [layers[0].in_features, *(layer.out_features for layer in layers)]


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
