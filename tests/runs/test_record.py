import hashlib
import json
from dataclasses import dataclass
from enum import Enum

import numpy as np
import pytest

from torchdec.rows import as_rows
from torchdec.runs import Data, Run, RunError, fingerprint, installed_versions, read_run, write_record
from torchdec.runs._record import plain, plain_history, seconds_a_stage


@pytest.fixture
def run():
    return Run(
        parameters={"n_clusters": 2, "tol": 0.1, "representation": "autoencoder"},
        versions={"torchdec": "0.1.0"},
        data=Data("x.npy", (3, 2), "float64", "ab" * 32),
        seconds={"total": 1.5},
        history=({"record": "Update", "number": 0, "seconds": 1.0},),
        stop_reason="CONVERGED",
        cluster_sizes=(3, 0),
        cluster_confidences=(0.9, None),
        warnings=("a cluster is empty: größer",),
        files=("run.json",),
        cluster_names=("größer", ""),
        edits=({"edit": "rename", "cluster": 0, "name": "größer"},),
    )


def test_a_record_is_read_as_it_was_written(run, tmp_path):
    write_record(tmp_path, run)
    assert read_run(tmp_path) == run


def test_the_file_says_what_it_is_and_is_plain_json(run, tmp_path):
    write_record(tmp_path, run)
    contents = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert contents["format"] == "torchdec run"
    assert contents["schema"] == 2
    assert contents["data"]["shape"] == [3, 2]


def _changed(**changes):
    def change(contents):
        return {**contents, **changes}

    return change


def _without(name):
    return lambda contents: {key: value for key, value in contents.items() if key != name}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(_changed(schema=3), "schema 3", id="newer schema"),
        pytest.param(_changed(format="another run"), "not written by torchdec", id="foreign format"),
        pytest.param(_without("format"), "not written by torchdec", id="no format"),
        pytest.param(_without("history"), "history", id="no history"),
        pytest.param(_without("stop_reason"), "stop_reason", id="no stop reason"),
        pytest.param(_changed(surplus=1), "surplus", id="unknown field"),
        pytest.param(_changed(data={"name": "x"}), "damaged", id="half a fingerprint"),
        pytest.param(_changed(cluster_sizes=None), "damaged", id="no list"),
        pytest.param(_changed(descriptions=[{}]), "damaged", id="a description without a name"),
        pytest.param(_changed(descriptions=[{"automatic_name": "a"}] * 9), "damaged", id="too many descriptions"),
        pytest.param(lambda contents: [contents], "not written by torchdec", id="a list"),
    ],
)
def test_a_record_of_another_kind_is_refused_in_one_sentence(run, tmp_path, change, words):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(change(run.to_json())), encoding="utf-8")
    with pytest.raises(RunError, match=words) as caught:
        read_run(tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("contents", [b"", b"{", b"\xff\xfe\x00", b"[" * 100])
def test_a_damaged_record_is_refused(tmp_path, contents):
    (tmp_path / "run.json").write_bytes(contents)
    with pytest.raises(RunError, match="cannot be read"):
        read_run(tmp_path)


def test_what_is_no_run_directory_is_told_apart(tmp_path):
    with pytest.raises(RunError, match=r"has no run\.json"):
        read_run(tmp_path)
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "absent"):
        with pytest.raises(RunError, match="isn't a directory"):
            read_run(path)


class Colour(Enum):
    RED = "a sentence"


class Unknown:
    def __repr__(self):
        return "Unknown(1)"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (float("nan"), None),
        (float("-inf"), None),
        (np.float64("inf"), None),
        ((1, (2.0, None)), [1, [2.0, None]]),
        ({1: (True,)}, {"1": [True]}),
        (Colour.RED, "RED"),
        (Unknown(), "Unknown(1)"),
        ("text", "text"),
    ],
)
def test_plain_makes_every_value_fit_for_json(value, expected):
    result = plain(value)
    assert result == expected
    assert type(result) is type(expected)
    json.dumps(result, allow_nan=False)


@dataclass(frozen=True)
class Epoch:
    loss: float
    sizes: tuple[int, ...]


def test_history_names_the_type_of_each_record():
    assert plain_history([Epoch(float("nan"), (1, 2))]) == ({"record": "Epoch", "loss": None, "sizes": [1, 2]},)


def _clock(*records):
    return [{"record": kind, "seconds": seconds} for kind, seconds in records]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        pytest.param(
            _clock(("Epoch", 2.0), ("Epoch", 5.0), ("Centroids", 6.0), ("Update", 6.5), ("Update", 9.0)),
            {"representation": 5.0, "centroids": 1.0, "self-training": 3.0, "total": 10.0},
            id="all stages",
        ),
        pytest.param(
            _clock(("Centroids", 1.0), ("Update", 4.0)),
            {"representation": 0.0, "centroids": 1.0, "self-training": 3.0, "total": 10.0},
            id="a representation that was there already",
        ),
        pytest.param(
            _clock(("Epoch", 2.0), ("Centroids", 3.0)),
            {"representation": 2.0, "centroids": 1.0, "self-training": 0.0, "total": 10.0},
            id="interrupted before the first update",
        ),
    ],
)
def test_the_seconds_of_the_stages_come_from_the_clock_of_the_records(history, expected):
    assert seconds_a_stage(history, 10.0) == expected


def test_fingerprint_is_the_documented_hash():
    x = np.arange(6, dtype=np.float64).reshape(3, 2)
    expected = hashlib.sha256(b"3 2\n" + x.astype("<f4").tobytes()).hexdigest()
    assert fingerprint(as_rows(x), "folder/x.npy", "float64") == Data("x.npy", (3, 2), "float64", expected)


@pytest.mark.parametrize("n_rows", [1023, 1024, 1025, 5000])
def test_fingerprint_samples_evenly_from_the_first_to_the_last_row(n_rows):
    x = np.random.default_rng(0).normal(size=(n_rows, 2)).astype(np.float32)
    count = min(n_rows, 1024)
    sample = [round(i * (n_rows - 1) / (count - 1)) for i in range(count)]
    expected = hashlib.sha256(f"{n_rows} 2\n".encode() + x[sample].tobytes()).hexdigest()
    assert fingerprint(as_rows(x), "x").sha256 == expected


def test_fingerprint_knows_shape_values_and_order_but_not_the_dtype():
    x = np.arange(12.0).reshape(4, 3)
    same = fingerprint(as_rows(x), "x").sha256
    assert fingerprint(as_rows(x.astype(np.uint8)), "x").sha256 == same
    others = [x.reshape(3, 4), x[::-1], x + 1, x[:3]]
    assert same not in [fingerprint(as_rows(other), "x").sha256 for other in others]


def test_versions_name_all_that_a_result_depends_on():
    versions = installed_versions()
    assert sorted(versions) == ["numpy", "python", "scikit-learn", "torch", "torchdec"]
    assert versions["numpy"] == np.__version__
    assert "not installed" not in versions.values()
