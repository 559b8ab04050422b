"""Device and precision: what is asked for, what is there, and what is said when it is not."""

import pytest
import torch

from torchdec._core import compute
from torchdec._core.compute import resolve


def test_auto_takes_cuda_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert compute._best_device() == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert compute._best_device() == "cuda"


@pytest.mark.parametrize("device", ["tpu9", "cuda:99"])
def test_a_device_that_is_not_there_is_named(device: str) -> None:
    with pytest.raises(ValueError, match=f"device='{device}' cannot be used here .*try 'auto' or 'cpu'"):
        resolve(device)


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [({}, "float32"), ({"avx512_bf16": True}, "bfloat16"), ({"amx_bf16": True}, "bfloat16")],
)
def test_bfloat16_is_chosen_only_where_the_processor_multiplies_it(
    capabilities: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert resolve("cpu").precision == precision


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_training_multiplies_in_the_chosen_precision(precision: str, dtype: torch.dtype) -> None:
    a = torch.ones(2, 2)
    with resolve("cpu", precision).arithmetic():  # type: ignore[arg-type]
        assert (a @ a).dtype == dtype
