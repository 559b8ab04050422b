"""A served model answers as predict does, alone and together, and refuses what it cannot answer in one line."""

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import uvicorn

from small import blobs, small_dec
from torchdec import DEC, export_onnx
from torchdec._serve import application
from torchdec.clusters import rename
from torchdec.rows._reading import Reading
from torchdec.rows._texts import read_texts

X, _ = blobs(90, 4, 3, spread=0.3)


@contextmanager
def served(model: DEC, **settings) -> Iterator[int]:
    """Serve at a free port of this machine."""
    app = application(model, model.cluster_names_, **settings)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def ask(port: int, path: str = "/predict", body: object = None, method: str = "POST") -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body if isinstance(body, bytes) else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


@pytest.fixture(scope="module")
def model() -> DEC:
    return rename(small_dec(3, "neighbors").fit(X), 1, "second")


@pytest.fixture(scope="module")
def port(model: DEC) -> Iterator[int]:
    with served(model, most_rows=100, most_bytes=20_000) as port:
        yield port


def test_the_answers_are_those_of_predict(model: DEC, port: int) -> None:
    status, answer = ask(port, body={"rows": X.tolist()})
    assert status == 200
    found = pd.DataFrame(answer["predictions"])
    q = model.predict_proba(X)
    np.testing.assert_array_equal(found["cluster"], model.predict(X))
    np.testing.assert_allclose(found["confidence"], q.max(axis=1), atol=1e-5)
    assert found["name"].eq("second").equals(found["cluster"] == 1)
    assert ask(port, "/health", method="GET")[1]["clusters"] == 3
    interface = ask(port, "/openapi.json", method="GET")[1]
    assert interface["paths"]["/predict"]["post"]["responses"].keys() == {"200", "400", "413", "503"}


def test_many_at_once_get_their_own_answers_and_a_bad_one_spoils_no_other(model: DEC, port: int) -> None:
    wanted = model.predict(X)

    def one(i: int) -> bool:
        if i % 10 == 0:
            return ask(port, body={"rows": [[1.0, 2.0]]})[0] == 400
        status, answer = ask(port, body={"rows": [X[i].tolist()]})
        return status == 200 and answer["predictions"][0]["cluster"] == wanted[i]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(90)))


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "The request isn't JSON"),
        (b'{"rows": [[NaN, 1, 2, 3]]}', 400, "NaN isn't JSON"),
        (b"[" * 15_000, 400, "The request isn't JSON"),
        ({"lines": []}, 400, "at least one row"),
        ({"rows": []}, 400, "at least one row"),
        ({"rows": [1, 2]}, 400, "rows must all be lists of numbers"),
        ({"rows": [[1, 2, 3, 4], "x"]}, 400, "rows must all be"),
        ({"rows": [[1, 2, 3]]}, 400, "3 features"),
        ({"rows": [[1, 2, 3, 4], [1]]}, 400, "different numbers of values"),
        ({"rows": [[1, 2, 3, "x"]]}, 400, "a value that isn't a number"),
        ({"rows": [[1, 2, 3, 1e999]]}, 400, "Infinity isn't JSON"),
        ({"rows": [[1, 2, 3, 10**400]]}, 400, "a value that isn't a number"),
        ({"rows": [[[1], [2], [3], [4]]]}, 400, "a value that isn't a number"),
        ({"rows": [["1", "2", "3", "4"]]}, 400, "a value that isn't a number"),
        ({"rows": ["text"]}, 400, "rows are texts, and those of the fit are not"),
        ({"rows": [[0, 0, 0, 0]] * 101}, 413, "send up to 100 at a time"),
        (b" " * 20_001, 413, "larger than 20,000 bytes"),
    ],
)
def test_what_cannot_be_answered_is_refused(port: int, body, status: int, message: str) -> None:
    found, answer = ask(port, body=body)
    assert (found, message in answer["error"]) == (status, True), answer
    assert ask(port, body={"rows": [[0, 0, 0, 0]]})[0] == 200


def test_a_row_that_holds_nothing_is_in_no_cluster(port: int) -> None:
    answer = ask(port, body={"rows": [[None] * 4, X[0].tolist()]})[1]["predictions"]
    assert answer[0] == {"cluster": -1, "confidence": 0, "name": None}
    assert answer[1]["cluster"] >= 0


def test_a_table_is_served_by_its_columns() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"plan": ["Free", "Pro"] * 40, "spend": np.tile([10.0, 500.0], 40) + random.normal(size=80)}
    )
    model = small_dec(2, "neighbors").fit(frame)
    with served(model) as port:
        rows = frame.to_dict("records")
        answer = ask(port, body={"rows": [{"spend": row["spend"], "plan": row["plan"]} for row in rows]})[1]
        assert [each["cluster"] for each in answer["predictions"]] == model.predict(frame).tolist()
        assert ask(port, body={"rows": [{"spend": 1.0}]})[0] == 400
        assert ask(port, body={"rows": [{"spend": 1.0}, {"plan": "Pro"}]})[0] == 400
        assert ask(port, body={"rows": [{"spend": 1.0, "plan": {"x": 1}}]})[0] == 400


def test_a_kind_that_the_fit_never_saw_is_told_to_who_asked_and_to_no_other() -> None:
    frame = pd.DataFrame({"plan": ["Free", "Pro"] * 40, "spend": np.tile([10.0, 500.0], 40) + np.arange(80) % 7})
    model = small_dec(2, "neighbors").fit(frame)
    known, new = {"plan": "Pro", "spend": 498.0, "note": "x"}, {"plan": "Gold", "spend": 498.0, "note": "x"}
    note = (
        "column 'plan' holds 'Gold', which the rows of the fit did not have, in 1 of 2 rows; there it counts as "
        "missing"
    )
    with served(model) as port:
        with ThreadPoolExecutor(16) as pool:
            bodies = [{"rows": [known, new]} if i % 4 == 0 else {"rows": [known, known]} for i in range(64)]
            answers = list(pool.map(lambda body: ask(port, body=body), bodies))
        gap = ask(port, body={"rows": [{**known, "plan": None}]})[1]
    assert [answer["notes"] for _, answer in answers] == [[note] if i % 4 == 0 else [] for i in range(64)]
    wanted = model.predict(pd.DataFrame([known, known])[["plan", "spend"]])[0]
    for i, (status, answer) in enumerate(answers):
        assert (status, answer["predictions"][0]["cluster"]) == (200, wanted)
        assert i % 4 or answer["predictions"][1] == gap["predictions"][0]
    assert gap["notes"] == []


def test_objects_may_have_their_columns_in_any_order_and_others_beside_them() -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = small_dec(3, "neighbors").fit(frame)
    with served(model) as port:
        rows = frame[list("dbca")].assign(note="x").to_dict("records")
        answer = ask(port, body={"rows": rows})[1]
        assert [each["cluster"] for each in answer["predictions"]] == model.labels_.tolist()
        for bad, message in (
            ({"a": "x"}, "column 'a' holds string, and numbers in the fit"),
            ({"b": "\ud800"}, "column 'b' holds values of several kinds"),
            ({"c": [1.0]}, "column 'c' holds lists"),
        ):
            status, answer = ask(port, body={"rows": [rows[0] | bad]})
            assert (status, message in answer["error"]) == (400, True), answer
        status, answer = ask(port, body={"rows": [rows[0], rows[1] | {"d": "4"}]})
        assert (status, "column 'd' holds values of several kinds" in answer["error"]) == (400, True)


def test_texts_are_served_as_they_are(tmp_path) -> None:
    texts = [f"{word} {word}s {i % 7}" for word in ("apple", "train") for i in range(30)]
    (tmp_path / "t.txt").write_text("\n".join(texts))
    model = small_dec(2, "neighbors").fit(read_texts(tmp_path / "t.txt", Reading(), None))
    with served(model) as port:
        answer = ask(port, body={"rows": texts})[1]["predictions"]
        assert [each["cluster"] for each in answer] == model.labels_.tolist()
        assert ask(port, body={"rows": [[1.0]]})[0] == 400


def test_the_example_without_torch_answers_the_same(model: DEC, tmp_path: Path) -> None:
    folder = Path(__file__).parents[1] / "examples" / "serve-onnx"
    command = json.loads(re.search(r"^CMD (.+)$", (folder / "Dockerfile").read_text(), re.MULTILINE)[1])
    export_onnx(model, tmp_path / "model.onnx")
    for name in ("torch", "torchdec"):
        (tmp_path / f"{name}.py").write_text("raise ImportError")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [{"0.0.0.0": "127.0.0.1", "8000": str(port)}.get(word, word) for word in command]
    environment = {**os.environ, "MODEL": str(tmp_path / "model.onnx"), "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-m", *command], cwd=folder, env=environment) as server:
        try:
            while True:
                with contextlib.suppress(ConnectionRefusedError):
                    assert ask(port, "/health", method="GET")[1]["clusters"] == 3
                    break
                assert server.poll() is None
                time.sleep(0.05)
            rows = {"rows": [*X.tolist(), [None] * 4]}
            status, answer = ask(port, body=rows)
            assert status == 200
            found = pd.DataFrame(answer["predictions"])
            np.testing.assert_array_equal(found["cluster"], [*model.predict(X), -1])
            np.testing.assert_allclose(found["confidence"][:-1], model.predict_proba(X).max(axis=1), atol=1e-5)
            assert found["name"].eq("second").equals(found["cluster"] == 1)
            for body in (b"[1]", b"{", {"rows": [[1, 2]]}, {"rows": [["x"] * 4]}, {"rows": []}):
                assert ask(port, body=body)[0] == 400
        finally:
            server.terminate()
