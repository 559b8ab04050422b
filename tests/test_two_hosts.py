"""Two machines, made of network namespaces with a cable between them, fit one model."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from small import blobs
from torchdec.runs import read_run

# Addresses that exist within the namespaces alone.
ADDRESSES = ("10.213.7.1", "10.213.7.2")
# Long enough for the slowest machine; torchrun ends its processes when it is told to.
LIMIT_S = 240
FIT = """
from torchdec import Autoencoder, _starts
from torchdec._core import targets
from torchdec.cli import _app, _job
targets.MOST_STORED = 0  # as several workers do
_starts.PRESETS["autoencoder"] = lambda: Autoencoder((16, 24), 3, max_steps=60, precision="float32")
_job._report = lambda *_: None
_app.main()
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def hosts() -> Iterator[tuple[str, str]]:
    if shutil.which("ip") is None:
        pytest.skip("needs ip, of iproute2")
    name = f"dec{secrets.token_hex(3)}"
    names = (f"{name}a", f"{name}b")
    made = []
    try:
        try:
            for host in names:
                ip("netns", "add", host)
                made.append(host)
            ip("-n", names[0], "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", names[1])
        except subprocess.CalledProcessError as error:
            pytest.skip(f"may not make network namespaces: {error.stderr.strip()}")
        for host, address in zip(names, ADDRESSES, strict=True):
            ip("-n", host, "address", "add", f"{address}/24", "dev", "cable")
            for device in ("lo", "cable"):
                ip("-n", host, "link", "set", device, "up")
        yield names
    finally:
        for host in made:
            ip("netns", "delete", host)  # and the cable with it


def on_host(host: str, address: str, script: Path, *options: str) -> subprocess.Popen[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"{ADDRESSES[0]}:29500", "--local-addr", address]
    # Both have the name of this machine, which does not resolve to either address.
    meeting += ["--rdzv-conf", f"is_host={int(address == ADDRESSES[0])}"]
    command = ["ip", "netns", "exec", host, *torchrun, *meeting, str(script), *options]
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "cable", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_hosts_end_where_one_process_does(hosts: tuple[str, str], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", blobs(300, 6, 3, spread=0.4)[0])
    script = tmp_path / "fit.py"
    script.write_text(FIT)
    options = ["fit", str(tmp_path / "x.npy"), "-k", "3", "--representation", "autoencoder"]
    options += ["--precision", "float32", "--quiet", "-o"]
    alone = [sys.executable, str(script), *options, str(tmp_path / "alone")]
    subprocess.run(alone, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, timeout=LIMIT_S)
    processes = [
        on_host(host, address, script, *options, str(tmp_path / "both"))
        for host, address in zip(hosts, ADDRESSES, strict=True)
    ]
    with processes[0], processes[1]:
        try:
            said = [process.communicate(timeout=LIMIT_S)[1] for process in processes]
        finally:
            for process in processes:
                process.terminate()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    ours, theirs = (read_run(tmp_path / name).history for name in ("both", "alone"))
    assert [record.get("sizes") for record in ours] == [record.get("sizes") for record in theirs]
    models = [load_file(tmp_path / name / "model.safetensors") for name in ("both", "alone")]
    for key, value in models[0].items():
        np.testing.assert_allclose(value, models[1][key], rtol=0.02, atol=0.02, err_msg=key)
