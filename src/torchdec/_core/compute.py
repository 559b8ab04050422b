"""Where the arithmetic happens and in which precision, chosen once."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch

from torchdec.rows._shown import shown

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class Compute:
    """A device and the precision of the networks' products on it while fitting.

    Formulas, losses, optimiser state and all that predicts stay float32.
    """

    device: torch.device
    precision: Literal["float32", "bfloat16"]

    @property
    def dtype(self) -> torch.dtype:
        """The precision as torch has it."""
        return torch.bfloat16 if self.precision == "bfloat16" else torch.float32

    def arithmetic(self) -> AbstractContextManager[Any]:
        """Return the context for a forward pass."""
        if self.precision == "bfloat16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()

    def has_room(self, n_bytes: int) -> bool:
        """Tell whether data is best kept on the device: a GPU with twice as much memory free."""
        return self.device.type == "cuda" and 2 * n_bytes <= torch.cuda.mem_get_info(self.device)[0]


def resolve(device: str = "auto", precision: Precision = "auto") -> Compute:
    """Turn the two parameters into a `Compute`.

    Raises
    ------
    ValueError
        If the device is unknown or not there.
    """
    _keep_freed_memory()
    chosen = torch.device(_best_device() if device == "auto" else _checked_device(device))
    if precision == "auto":
        precision = "bfloat16" if _multiplies_bfloat16(chosen) else "float32"
    return Compute(chosen, precision)


def _keep_freed_memory() -> None:
    """Free a block of nearly 32 MB, after which glibc keeps freed blocks up to that size for the next ones.

    Else the activations of a large layer go back to the system and come again, zeroed page by page, at each step.
    glibc raises its threshold to the largest block of memory of its own that was freed, up to 32 MB (mallopt(3)).
    """
    torch.empty(2**25 - 2**16, dtype=torch.uint8)


def _best_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _checked_device(device: str) -> str:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device={shown(device)} cannot be used here ({reason}); try 'auto' or 'cpu'.") from None
    return device


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Tell whether bfloat16 products run in hardware; emulated ones are fifty times slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False
