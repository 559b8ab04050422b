"""Two processes that fit one model end where one does, and a lost one ends the fit of the other."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.base import clone

from small import REPRESENTATIONS, Unchanged, blobs, rings, stage_2_gives
from torchdec import DEC, save
from torchdec._core import workers

TESTS = Path(__file__).parent
X = blobs(300, 6, 3, spread=0.4)[0]
RINGS, RING_OF = rings(0, 2, 4, n=100)
# Where a case has rows of its own.
ROWS = {"far columns": X.astype(np.float64) + 1_700_000_000, "several centres": RINGS}
CASES: dict[str, dict[str, Any]] = {
    "neighbors": {},
    "autoencoder": {"reconstruction_weight": 1.0},
    "layer-wise": {},
    "own": {"reconstruction_weight": 1.0},
    "far columns": {},
    "several centres": {"representation": Unchanged(), "update_interval": 3},
}
# A process of a group of any size on this machine alone; it fits every case and keeps model and losses.
WORKER = """
import sys, numpy as np, torch.distributed as dist
from pathlib import Path
from test_workers import fit_all
folder, rank, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=size)
fit_all(folder / f"{rank}-of-{size}")
dist.destroy_process_group()
"""


def dec(name: str) -> DEC:
    representation = clone(REPRESENTATIONS.get(name, REPRESENTATIONS["neighbors"]))
    own = {
        "layer-wise": {"dropout": 0.0},  # each worker drops by its own random numbers
        "own": {"max_epochs": 3},  # its absolute errors, and Adam, make much of last digits
    }
    return DEC(
        3,
        representation=representation.set_params(**own.get(name, {})),
        tol=1e-9,
        max_iter=2,
        patience=9,
        batch_size=50,
        device="cpu",
        precision="float32",
        random_state=0,
    ).set_params(**CASES[name])


def fit_all(folder: Path) -> None:
    import warnings

    folder.mkdir()
    for name in CASES:
        model = dec(name)
        with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
            warnings.simplefilter("ignore")
            if name == "several centres":
                stage_2_gives(patch, RING_OF)
            model.fit(ROWS.get(name, X))
        save(model, folder / f"{name}.safetensors")
        np.save(folder / f"{name}-losses.npy", [getattr(r, "loss", None) or 0.0 for r in model.history_])
        np.save(folder / f"{name}-sizes.npy", [r.sizes for r in model.history_ if hasattr(r, "sizes")])


def group(code: str, folder: Path, size: int) -> list[subprocess.Popen]:
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    return [
        subprocess.Popen([sys.executable, "-c", code, str(folder), str(rank), str(size)], env=environment)
        for rank in range(size)
    ]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("group")
    processes = group(WORKER, folder, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torchdec._core.targets.MOST_STORED", 0)  # as several workers do
        fit_all(folder / "alone")
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    return folder / "alone", folder / "0-of-2", folder / "1-of-2"


@pytest.mark.parametrize("name", CASES)
def test_two_workers_end_where_one_does(name: str, fitted: tuple[Path, Path, Path]) -> None:
    alone, first, second = (load_file(folder / f"{name}.safetensors") for folder in fitted)
    for key, value in first.items():
        assert torch.equal(value, second[key]), key
        torch.testing.assert_close(value, alone[key], rtol=0.02, atol=0.02)
    losses = [np.load(folder / f"{name}-losses.npy") for folder in fitted]
    np.testing.assert_array_equal(losses[1], losses[2])
    np.testing.assert_allclose(losses[1], losses[0], rtol=2e-3, atol=1e-4)
    sizes = [np.load(folder / f"{name}-sizes.npy") for folder in fitted]
    if name != "layer-wise":  # whose code is nearly one point after so few steps
        np.testing.assert_array_equal(sizes[1], sizes[0])


def test_no_thread_of_a_group_outlives_it(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("""
import sys, torch
from pathlib import Path
from torchdec._core import workers
with workers.joined():
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = workers.total(torch.ones(3))
    torch.optim.Adam([parameter]).step()
threads = [name.read_text() for name in Path("/proc/self/task").glob("*/comm")]
sys.exit("".join(thread for thread in threads if "gloo" in thread) or 0)
""")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*torchrun, str(tmp_path / "one.py")], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_one_process_alone_is_a_group_of_one() -> None:
    value = torch.arange(3.0)
    assert (workers.size(), workers.rank(), workers.span(7)) == (1, 0, slice(0, 7))
    for result in (workers.total(value), workers.same(value), workers.gathered(value, 3)):
        assert result is value
    own, part = workers.share(value)
    assert (own.tolist(), part) == ([0, 1, 2], 1.0)
    with workers.joined():
        assert workers.size() == 1


@pytest.mark.parametrize(("n", "size"), [(7, 1), (7, 2), (7, 3), (2, 2)])
def test_the_shares_are_stretches_of_equal_length(n: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "size", lambda: size)
    stretches = []
    for rank in range(size):
        monkeypatch.setattr(workers, "rank", lambda rank=rank: rank)
        stretches.append(list(range(n))[workers.span(n)])
    assert [number for stretch in stretches for number in stretch] == list(range(n))
    assert max(map(len, stretches)) - min(map(len, stretches)) <= 1


def test_a_batch_too_small_for_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "size", lambda: 4)
    with pytest.raises(ValueError, match="3 rows has none for some of 4 workers; try fewer workers"):
        workers.share(torch.arange(3))


LOST = """
import os, sys, signal, torch.distributed as dist
from pathlib import Path
from test_workers import X, dec
from torchdec import Checkpoint
from torchdec._core import training
from torchdec._core.workers import WorkerLostError
training.RECORD_EVERY = 10
folder, rank, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=size)
try:
    records = dec("neighbors").iter_fit(X, checkpoint=Checkpoint(folder / "fit.checkpoint"))
    for number, record in enumerate(records):
        if rank == 1 and number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
except WorkerLostError as error:
    (folder / "said").write_text(str(error))
    os._exit(3)
"""


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_lost_worker_ends_the_fit_which_another_number_of_workers_goes_on_with(
    fitted: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchdec import Checkpoint
    from torchdec._core import training

    assert [process.wait(timeout=120) for process in group(LOST, tmp_path, 2)] == [3, -9]
    assert (tmp_path / "said").read_text().startswith("Another worker has ended or cannot be reached (")
    monkeypatch.setattr(training, "RECORD_EVERY", 10)
    monkeypatch.setattr("torchdec._core.targets.MOST_STORED", 0)
    model = dec("neighbors")
    seen = list(model.iter_fit(X, checkpoint=Checkpoint(tmp_path / "fit.checkpoint")))
    assert len(seen) < len(model.history_)
    save(model, tmp_path / "model.safetensors")
    ours, alone = load_file(tmp_path / "model.safetensors"), load_file(fitted[0] / "neighbors.safetensors")
    for key, value in ours.items():
        torch.testing.assert_close(value, alone[key], rtol=0.02, atol=0.02)
