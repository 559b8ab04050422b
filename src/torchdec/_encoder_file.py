"""An encoder as tensors and JSON, and back: torchdec's own stacks, and modules whose class the reader gives."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from torchdec._core.layers import Stack, relu_stack, widths_of
from torchdec.rows._shown import shown

Modules = Mapping[str, Callable[..., nn.Module]]
# Rows that an encoder and its copy are compared on before a file is written.
_TRIED = 16


class EncoderError(ValueError):
    """An encoder that a file cannot bring back, or a file that does not fit its encoder."""


def structure_of(encoder: nn.Module, n_features: int) -> dict[str, Any]:
    """Say of which class an encoder is and how it is made again, as JSON has it.

    An encoder of the user's own is made by calling its class with the keyword arguments in its attribute `config`,
    or with none.

    Raises
    ------
    EncoderError
        If what is made so, with the same weights, computes something else.
    """
    structure: dict[str, Any] = {"class": type(encoder).__name__}
    structure["config"] = {"widths": widths_of(encoder)} if isinstance(encoder, Stack) else _config(encoder)
    try:
        copy = rebuilt(structure, tensors_of(encoder), {type(encoder).__name__: type(encoder)})
        same = _same_function(encoder, copy, n_features)
    except Exception as error:  # of the user's class, of any kind
        raise EncoderError(_cannot_come_back(encoder, " ".join(str(error).split()))) from error
    if not same:
        raise EncoderError(_cannot_come_back(encoder, "with the same weights it computes something else"))
    return structure


def tensors_of(encoder: nn.Module) -> dict[str, Tensor]:
    """Return the weights and buffers of an encoder by name."""
    return {name: value.detach().cpu().contiguous() for name, value in encoder.state_dict().items()}


def rebuilt(structure: Mapping[str, Any], tensors: Mapping[str, Tensor], modules: Modules) -> nn.Module:
    """Make an encoder of its structure and its tensors.

    Raises
    ------
    EncoderError
        If its class is not known, or the tensors are not those of such an encoder.
    """
    name, config = structure["class"], structure["config"]
    if name == "Stack":
        encoder: nn.Module = relu_stack(config["widths"])
    elif isinstance(modules.get(name), nn.Module) or not callable(modules.get(name, nn.Module)):
        raise EncoderError(
            f"modules[{name!r}] is {shown(modules[name])}; give the class itself: {{{name!r}: {name}}}"
        )
    elif name in modules:
        # As a module's own constructor draws weights from it, though they are replaced.
        with torch.random.fork_rng(devices=[]):
            encoder = modules[name](**config)
    else:
        raise EncoderError(
            f"the encoder is of the class {name}, which the file does not hold; give it: "
            f'torchdec.load(path, modules={{"{name}": {name}}})'
        )
    _refuse_other_tensors(encoder, tensors, name)
    encoder.load_state_dict(dict(tensors))
    return encoder.eval().requires_grad_(False)


def _refuse_other_tensors(encoder: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Refuse tensors of other names or shapes than the encoder has, as those of another class are."""
    here = {key: tuple(value.shape) for key, value in encoder.state_dict().items()}
    saved = {key: tuple(value.shape) for key, value in tensors.items()}
    differ = [key for key in {**saved, **here} if here.get(key) != saved.get(key)]
    if differ:
        which = f"{differ[0]!r}{f' and {len(differ) - 1:,} more' if len(differ) > 1 else ''}"
        shapes = f"{_shape(saved.get(differ[0]))} in the file, {_shape(here.get(differ[0]))} in the class"
        kind = type(encoder).__qualname__
        made = name if kind == name else f"{name}, for which a {kind} was made"
        raise EncoderError(f"its tensors are not those of a {made}: {which} ({shapes}); give the class of the fit")


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else f"of shape {shape}"


def _config(encoder: nn.Module) -> dict[str, Any]:
    config = getattr(encoder, "config", {})
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(config)))
    except (TypeError, ValueError) as error:
        raise EncoderError(_cannot_come_back(encoder, f"its config is not plain JSON: {error}")) from None
    return plain


@torch.inference_mode()
def _same_function(encoder: nn.Module, copy: nn.Module, n_features: int) -> bool:
    rows = torch.randn(_TRIED, n_features, generator=torch.Generator().manual_seed(0))
    device = next((tensor.device for tensor in encoder.state_dict().values()), rows.device)
    return torch.equal(encoder(rows.to(device)), copy.to(device)(rows.to(device)))


def _cannot_come_back(encoder: nn.Module, why: str) -> str:
    name = type(encoder).__name__
    if type(encoder).__module__.startswith("torch."):
        return (
            f"The encoder is torch's {name}, and a file does not say which layers and arguments it has; make it a "
            "class of its own, whose constructor makes the layers."
        )
    return (
        f"The encoder is a {name} that a file cannot bring back: {why}. Make it a class of its own whose "
        "constructor needs no arguments, or give it an attribute config, a dict of those arguments."
    )
