"""Requests of one row to `torchdec serve`, at a steady rate, beside predict in the process.

    python bench/benchmarks/serving.py                    five minutes; prints and writes results/serving.json
    python bench/benchmarks/serving.py --seconds 10       only prints

The model is the default fit of the digits (64 features). Requests come when they are due, whether or not earlier
ones are answered, each on a connection that is free; a request takes from the time it was due to the end of its
answer, so one slow answer counts for all that it holds up. Client and server share the machine.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from timing import write

RATE, SECONDS = 200, 300
PREDICTS = 500


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, help=f"of requests; {SECONDS} and a file of results by default")
    asked = parser.parse_args().seconds
    x, _ = load_digits(return_X_y=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.model"
        in_process = fit_and_predict(x, path)
        print(in_process, flush=True)
        command = [sys.executable, "-m", "torchdec", "serve", str(path), "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                port = int(re.search(r":(\d+);", server.stdout.readline())[1])
                served = asyncio.run(requests(port, server.pid, x.tolist(), asked or SECONDS))
            finally:
                server.terminate()
    print(served)
    if asked is None:
        write("serving", [in_process, served])


def fit_and_predict(x: np.ndarray, path: Path) -> dict[str, Any]:
    """Save a model, and time its predict on one row after the other."""
    from torchdec import DEC, save

    model = DEC(10, random_state=0).fit(x)
    save(model, path)
    taken = []
    for number in range(PREDICTS):
        began = time.perf_counter()
        model.predict(x[number : number + 1])
        taken.append(time.perf_counter() - began)
    return {"what": "predict", "rate": round(len(taken) / sum(taken)), **quantiles(taken)}


async def requests(port: int, pid: int, rows: list[list[float]], seconds: int) -> dict[str, Any]:
    client, answers, clock = Client(port, rows), [], asyncio.get_running_loop().time
    await client.ask(0)  # the first prediction sets up more than the later ones
    memory, cpu, began = memory_of(pid), cpu_of(pid), clock()
    due = [began + number / RATE for number in range(RATE * seconds)]
    async with asyncio.TaskGroup() as group:
        for number, when in enumerate(due):
            await asyncio.sleep(max(0.0, when - clock()))
            answers.append(group.create_task(client.ask(number)))
    ended = [answer.result() for answer in answers]
    taken = np.subtract(ended, due)
    return {
        "what": "serve",
        "seconds": seconds,
        "rate": round(len(taken) / (max(ended) - began), 1),
        **quantiles(taken),
        "server_ms": round(1000 * (cpu_of(pid) - cpu) / len(taken), 2),
        "start_mb": round(memory),
        "end_mb": round(memory_of(pid)),
    }


class Client:
    """Sends rows over connections that stay open, and opens another where none is free."""

    def __init__(self, port: int, rows: list[list[float]]) -> None:
        self._port, self._free = port, []
        bodies = [json.dumps({"rows": [row]}).encode() for row in rows]
        self._requests = [
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            for body in bodies
        ]

    async def ask(self, number: int) -> float:
        """Send the row of a number, and return the time of the answer."""
        while self._free and self._free[-1][0].at_eof():  # the server closes what rests for long
            self._free.pop()[1].close()
        reader, writer = self._free.pop() if self._free else await asyncio.open_connection(port=self._port)
        writer.write(self._requests[number % len(self._requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
        self._free.append((reader, writer))
        return asyncio.get_running_loop().time()


def quantiles(taken: Any) -> dict[str, float]:
    found = {f"p{share}_ms": 1000 * np.quantile(taken, share / 100) for share in (50, 99)}
    return {name: round(float(value), 2) for name, value in found.items()}


def cpu_of(pid: int) -> float:
    """Return the seconds of a processor that the server took so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> float:
    """Return RssAnon of the server, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1024


if __name__ == "__main__":
    main()
