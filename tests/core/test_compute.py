"""Device and precision: what is asked for, what is there, and what is said when it is not."""

from collections.abc import Iterator

import faiss
import joblib
import pytest
import torch

from torchdec._core import compute
from torchdec._core.compute import resolve


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads(), faiss.omp_get_max_threads()
    yield
    torch.set_num_threads(before[0])
    faiss.omp_set_num_threads(before[1])


@pytest.mark.usefixtures("threads")
def test_no_more_threads_run_than_the_container_has_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(4)
    faiss.omp_set_num_threads(4)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 3)
    resolve("cpu")
    assert (torch.get_num_threads(), faiss.omp_get_max_threads()) == (3, 3)


@pytest.mark.usefixtures("threads")
def test_fewer_threads_than_cores_stay_as_the_user_set_them(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(2)
    faiss.omp_set_num_threads(2)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 3)
    resolve("cpu")
    assert (torch.get_num_threads(), faiss.omp_get_max_threads()) == (2, 2)


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
