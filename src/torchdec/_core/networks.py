"""Encoder and decoder stacks; every weight is drawn from the generator that is passed in."""

from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral
from typing import Literal, cast

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from torchdec._core import workers

Initializer = Literal["glorot", "gaussian"]


def stack(
    widths: Sequence[int], generator: Generator, init: Initializer = "glorot", *, batch_norm: bool = False
) -> nn.Sequential:
    """Build fully connected layers of the given widths, ReLU between them, the last one linear.

    Biases start at zero. Weights are Glorot's uniform, or Gaussian with standard deviation 0.01 as in the
    code of the paper. `batch_norm` puts a batch normalisation before each ReLU.
    """
    if not all(isinstance(width, Integral) and width >= 1 for width in widths):
        raise ValueError(f"hidden={tuple(widths[1:-1])} has a layer without units; try whole numbers from 1 on.")
    modules: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        if modules:
            modules += [BatchNorm(n_in), nn.ReLU(inplace=True)] if batch_norm else [nn.ReLU(inplace=True)]
        modules.append(_linear(n_in, n_out, generator, init))
    return nn.Sequential(*modules)


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation by the mean and the variance of the whole batch, whichever workers have its rows."""

    def forward(self, values: Tensor) -> Tensor:
        """Normalise each feature."""
        if workers.size() == 1 or not self.training:
            return super().forward(values)
        values = values.float()
        n = workers.total(torch.tensor(float(len(values)), device=values.device))
        mean = workers.total_with_gradient(values.sum(dim=0)) / n
        centered = values - mean
        variance = workers.total_with_gradient(centered.square().sum(dim=0)) / n
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)  # type: ignore[union-attr, arg-type]
            self.running_var.lerp_(variance * n / (n - 1), self.momentum)  # type: ignore[union-attr, arg-type]
        return centered * (variance + self.eps).rsqrt() * self.weight + self.bias


def without_batch_norm(network: nn.Sequential) -> nn.Sequential:
    """Fold each batch normalisation into the linear layer before it: the same function in evaluation mode."""
    modules: list[nn.Module] = []
    for module in network.eval():
        if isinstance(module, nn.BatchNorm1d):
            modules[-1] = fuse_linear_bn_eval(cast("nn.Linear", modules[-1]), module)
        else:
            modules.append(module)
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
