"""A folder is scored file by file, in this process or by workers that may die."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import torchdec
from small import blobs, small_dec
from torchdec.rows import RowsError, RowsWarning
from torchdec.scoring import Predictor, score_folder

NAMES = [f"x{number}" for number in range(6)]


@pytest.fixture(scope="module")
def frame():
    return pd.DataFrame(blobs(120, 6, 2)[0], columns=NAMES)


@pytest.fixture(scope="module")
def model(frame, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    torchdec.save(small_dec(2).fit(frame), path)
    return path


@pytest.fixture
def folder(frame, tmp_path):
    (tmp_path / "in" / "day=2").mkdir(parents=True)
    for number in range(6):
        name = f"day=2/part-{number}.parquet" if number == 5 else f"part-{number}.parquet"
        frame[20 * number : 20 * number + 20].to_parquet(tmp_path / "in" / name)
    return tmp_path / "in"


def check_whole(out, frame, model):
    expected = torchdec.load(model).predict(frame)
    paths = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert paths == ["day=2/part-5.parquet", *(f"part-{number}.parquet" for number in range(5))]
    for path in paths:
        table = pq.ParquetFile(out / path).read()
        number = int(path[-9])
        np.testing.assert_array_equal(table["row"], np.arange(20))
        np.testing.assert_array_equal(table["cluster"], expected[20 * number : 20 * number + 20])


def test_the_predictor_travels_and_gives_what_the_model_gives(frame, model):
    predictor = pickle.loads(pickle.dumps(Predictor(str(model))))
    shuffled = frame[::-1]
    result = predictor(shuffled)
    assert result.index.equals(shuffled.index)
    assert result.dtypes.astype(str).to_dict() == {"cluster": "int32", "confidence": "float32"}
    np.testing.assert_array_equal(result["cluster"], torchdec.load(model).predict(shuffled))
    first, empty = predictor.frames([frame[:7], frame[:0]])
    pd.testing.assert_frame_equal(first, predictor(frame)[:7])
    assert empty.dtypes.equals(result.dtypes)
    assert (Predictor(str(model), reject=0.5)(frame)["cluster"] == -1).any()


def test_a_folder_becomes_a_folder_of_the_same_names(frame, model, folder, tmp_path):
    sizes = score_folder(Predictor(str(model)), folder, tmp_path / "out")
    check_whole(tmp_path / "out", frame, model)
    assert sizes == tuple(np.bincount(torchdec.load(model).predict(frame)).tolist())


def test_a_file_that_cannot_be_read_leaves_nothing(model, folder, tmp_path):
    (folder / "part-3.parquet").write_bytes(b"damaged")
    with pytest.raises(RowsError, match=r"part-3\.parquet"):
        score_folder(Predictor(str(model)), folder, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_file_of_rows_that_cannot_be_used_is_named(frame, model, folder, tmp_path):
    frame.assign(**{frame.columns[0]: np.nan}).to_parquet(folder / "part-3.parquet")
    with pytest.raises(RowsError, match=r"part-3\.parquet: .*NaN"):
        score_folder(Predictor(str(model)), folder, tmp_path / "out")


def test_what_a_killed_process_left_of_the_folder_is_removed(model, folder, tmp_path):
    (tmp_path / ".out.0123abcd.partial").mkdir()
    (tmp_path / ".out.0123abcd.partial" / "part-0.parquet").write_bytes(b"half")
    score_folder(Predictor(str(model)), folder, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_a_folder_is_never_replaced_nor_written_into_itself(model, folder, tmp_path):
    (tmp_path / "out").mkdir()
    for out, words in ((tmp_path / "out", "exists"), (folder / "out", "lies in the folder that is read")):
        with pytest.raises(RowsError, match=words):
            score_folder(Predictor(str(model)), folder, out)


def test_a_folder_without_parquet_is_named(model, tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(RowsError, match=r"holds no \.parquet files"):
        score_folder(Predictor(str(model)), tmp_path / "in", tmp_path / "out")


def test_every_row_is_there_once_though_a_worker_was_killed(frame, model, folder, tmp_path):
    pytest.importorskip("distributed")
    command = [
        sys.executable,
        "-m",
        "torchdec",
        "predict",
        model,
        folder,
        "-o",
        tmp_path / "out",
        "--workers",
        "2",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    killed = threading.Thread(target=kill_one_worker, args=(process.pid, tmp_path), daemon=True)
    killed.start()
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "120 rows" in output
    killed.join(1)
    assert not killed.is_alive(), "no worker was killed"
    check_whole(tmp_path / "out", frame, model)


def test_what_workers_have_to_tell_is_told(frame, model, tmp_path):
    pytest.importorskip("distributed")
    (tmp_path / "in").mkdir()
    frame.assign(note=1.0).to_parquet(tmp_path / "in" / "a.parquet")
    with pytest.warns(RowsWarning, match=r"a\.parquet: 1 column that the fit did not see is left out: 'note'"):
        score_folder(Predictor(str(model)), tmp_path / "in", tmp_path / "out", n_workers=1)


def kill_one_worker(parent, folder):
    """Kill a worker when the first file is being written; a nanny holds each worker, and spawns it again."""
    while not list(folder.glob(".out.*.partial/*")):
        time.sleep(0.001)
    # By what they are not: where setproctitle is installed, Dask gives its workers another title.
    workers = [pid for pid in descendants(parent) if b"resource_tracker" not in command_line(pid)]
    os.kill(workers[-1], signal.SIGKILL)


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def descendants(pid):
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, thread.read_text().split()):
            found += [child, *descendants(child)]
    return found
