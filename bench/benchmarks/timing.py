"""What the benchmarks share: functions timed in turn, the machine's own rate, files of results."""

import json
import os
import platform
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

RESULTS = Path(__file__).parent / "results"
NET = (784, 500, 500, 2000, 10)
AUTOENCODER = NET + NET[-2::-1]


def seconds_of(function: Callable[[], Any]) -> float:
    began = perf_counter()
    function()
    return perf_counter() - began


def in_turn(functions: dict[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """Call all functions, each of which returns seconds, one after the other, `repeats` times; return medians."""
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            taken[name].append(function())
    return {name: median(values) for name, values in taken.items()}


def products(
    widths: Iterable[int], n_rows: int, precision: str, device: str = "cpu", *, backward: bool
) -> Callable[[], float]:
    """Make a function that times the matrix products of one pass through a net, and nothing else.

    With `backward` also those of the gradients; the gradient of the rows themselves is not needed.
    """
    import torch

    dtype = getattr(torch, precision)
    layers = []
    for number, (n_in, n_out) in enumerate(pairwise(widths)):
        made = [
            torch.randn(*shape).to(device, dtype) for shape in ((n_rows, n_in), (n_in, n_out), (n_rows, n_out))
        ]
        layers.append((*made, number > 0))

    def run() -> None:
        for x, weight, gradient, has_below in layers:
            x @ weight
            if backward:
                x.T @ gradient
                if has_below:
                    gradient @ weight.T
        if device == "cuda":
            torch.cuda.synchronize()

    return lambda: seconds_of(run)


def simd() -> str:
    import torch

    matrices = ", AMX" if torch.cpu.get_capabilities().get("amx_bf16") else ""
    return torch.backends.cpu.get_cpu_capability() + matrices


def write(name: str, results: list[dict[str, Any]], device: str = "cpu") -> None:
    """Write the results with the machine that they are from."""
    import torch

    from torchdec._core.compute import resolve

    machine = {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "simd": simd(),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "precision": resolve(device).precision,
        "torch": torch.__version__,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n")
