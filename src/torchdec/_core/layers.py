"""Encoder and decoder stacks: layers as torch has them, in fewer passes over memory, and by several workers.

Every weight is drawn from the generator that is passed in.
"""

from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from itertools import pairwise
from numbers import Integral
from typing import Any, Literal, cast

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from torchdec._core import workers
from torchdec.rows._shown import shown


class Stack(nn.Sequential):
    """Modules one after the other; in bfloat16 on a processor each linear layer as one kernel with bias and ReLU.

    By itself torch copies the bias into every row first, and passes over the result once more for the ReLU.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Apply all modules."""
        if not _in_one_kernel(values):
            whole: Tensor = super().forward(values)  # type: ignore[no-untyped-call]
            return whole
        rectified = False
        for module, following in pairwise([*self, None]):
            if isinstance(module, nn.Linear):
                rectified = isinstance(following, ReLU)
                values = _Layer.apply(values, module.weight, module.bias, rectified)  # type: ignore[no-untyped-call]
            elif not (isinstance(module, ReLU) and rectified):
                values = module(values)
        return values


def embedding_dim(encoder: nn.Module, n_features: int) -> int:
    """Return how many numbers an encoder makes of a row; one of another class than `Stack` is tried on one."""
    if isinstance(encoder, Stack):
        return cast("nn.Linear", encoder[-1]).out_features
    device = next((tensor.device for tensor in encoder.state_dict().values()), torch.device("cpu"))
    with torch.inference_mode():
        return int(deepcopy(encoder).eval()(torch.zeros(1, n_features, device=device)).shape[1])


def _in_one_kernel(values: Tensor) -> bool:
    if values.device.type != "cpu":
        return False
    if torch.is_autocast_enabled("cpu"):
        return torch.get_autocast_dtype("cpu") == torch.bfloat16 and _has_kernel()
    return values.dtype == torch.bfloat16 and _has_kernel()


@cache
def _has_kernel() -> bool:
    """Tell whether this torch and this processor have oneDNN's products of bfloat16."""
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(available and torch.ops.mkldnn._is_mkldnn_bf16_supported())


class _Layer(torch.autograd.Function):
    """max(0, x W' + b), or without the maximum, of values and parameters that are rounded to bfloat16."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor, rectified: bool) -> Tensor:
        values, weight, bias = (tensor.bfloat16() for tensor in (values, weight, bias))
        made: Tensor = torch.ops.mkldnn._linear_pointwise(
            values, weight, bias, "relu" if rectified else "none", [], ""
        )
        ctx.save_for_backward(values, weight, made if rectified else None)
        return made

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        values, weight, made = ctx.saved_tensors
        if made is not None:
            gradient = _through_relu(gradient, made)
        of_values = gradient @ weight if ctx.needs_input_grad[0] else None
        return of_values, (gradient.T @ values).float(), gradient.sum(dim=0).float(), None


class ReLU(nn.ReLU):
    """max(0, x), in place; bfloat16 on a processor as the whole numbers that its bits are, which is faster.

    A number is negative where its first bit is set, and so are those whole numbers.
    """

    def __init__(self) -> None:
        super().__init__(inplace=True)

    def forward(self, values: Tensor) -> Tensor:
        """Set what is negative to zero."""
        if values.dtype != torch.bfloat16 or values.device.type != "cpu":
            return super().forward(values)
        rectified: Tensor = _Rectified.apply(values)  # type: ignore[no-untyped-call]
        return rectified


class _Rectified(torch.autograd.Function):
    """ReLU of bfloat16 values, in place."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        values.view(torch.int16).clamp_min_(0)
        ctx.mark_dirty(values)
        ctx.save_for_backward(values)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (values,) = ctx.saved_tensors
        return _through_relu(gradient, values)


def _through_relu(gradient: Tensor, rectified: Tensor) -> Tensor:
    """Set a bfloat16 gradient to zero where the ReLU did, in place: the linear layer that follows made it."""
    bits = gradient.view(torch.int16)
    torch.ops.aten.threshold_backward.grad_input(bits, rectified.view(torch.int16), 0, grad_input=bits)
    return gradient


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation by the mean and the variance of the whole batch, whichever workers have its rows."""

    def forward(self, values: Tensor) -> Tensor:
        """Normalise each feature."""
        if workers.size() == 1 or not self.training:
            return super().forward(values)
        with torch.no_grad():
            n, mean, variance = _of_all_workers(values.float())
            self.running_mean.lerp_(mean, self.momentum)  # type: ignore[union-attr, arg-type]
            self.running_var.lerp_(variance * n / (n - 1), self.momentum)  # type: ignore[union-attr, arg-type]
        normalized: Tensor = _Normalized.apply(  # type: ignore[no-untyped-call]
            values, self.weight, self.bias, mean, variance, n, self.eps
        )
        return normalized


def _of_all_workers(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the number of rows of all workers, and mean and variance of each feature over them."""
    each = torch.zeros(workers.size(), 3, values.shape[1], device=values.device)
    own_variance, own_mean = torch.var_mean(values, dim=0, correction=0)
    each[workers.rank()] = torch.stack([torch.full_like(own_mean, len(values)), own_mean, own_variance])
    counts, means, variances = workers.total(each).unbind(dim=1)
    n = counts.sum(dim=0)
    mean = (counts * means).sum(dim=0) / n
    return n, mean, (counts * (variances + (means - mean).square())).sum(dim=0) / n


class _Normalized(torch.autograd.Function):
    """Normalise by the mean and the variance of `n` rows of all workers, which depend on the values too.

    torch's own kernels do it in one pass each, as if mean and variance were constants; what that leaves out of the
    gradient is linear in the values.
    """

    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        n: Tensor,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(values, weight, mean, variance, n)
        ctx.eps = eps
        return nn.functional.batch_norm(values, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        values, weight, mean, variance, n = ctx.saved_tensors
        of_values, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient.contiguous(), values, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        weight_total, bias_total = workers.total(torch.stack([of_weight, of_bias]))
        per_value = (variance + ctx.eps).rsqrt()
        slope = -weight * per_value.square() * weight_total / n
        constant = -weight * per_value * bias_total / n - slope * mean
        whole = torch.addcmul(constant, values.float(), slope).add_(of_values)
        return whole.to(values.dtype), of_weight, of_bias, None, None, None, None


Initializer = Literal["glorot", "gaussian"]


def stack(
    widths: Sequence[Any], generator: Generator, init: Initializer = "glorot", *, batch_norm: bool = False
) -> Stack:
    """Build fully connected layers of the given widths, ReLU between them, the last one linear.

    Biases start at zero. Weights are Glorot's uniform, or Gaussian with standard deviation 0.01 as in the
    code of the paper. `batch_norm` puts a batch normalisation before each ReLU.
    """
    if not all(isinstance(width, Integral) and int(width) >= 1 for width in widths):
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
