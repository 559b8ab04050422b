"""A fit that is interrupted and goes on gives the same bits as one that was not."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

from small import REPRESENTATIONS, blobs, small_dec
from torchdec import DEC, Autoencoder, Checkpoint
from torchdec._checkpoint import CheckpointError
from torchdec._core import training
from torchdec._core.batches import Shuffled
from torchdec._core.randomness import generator
from torchdec._core.records import Record, Search
from torchdec.rows import as_rows

X = blobs(60, 6, 3)[0]
# Updates that neither converge nor cut passes where records are cut.
LONG = {"tol": 1e-9, "max_iter": 4, "patience": 2, "update_interval": 3, "learning_rate": 0.05}
FITS = {
    "autoencoder": (REPRESENTATIONS["autoencoder"], {}),
    "layer-wise": (REPRESENTATIONS["layer-wise"], {}),
    "own": (REPRESENTATIONS["own"], {"reconstruction_weight": 1.0}),
    "neighbors": (REPRESENTATIONS["neighbors"], {"representation__dropout": 0.3}),
    "IDEC, augmented": (
        REPRESENTATIONS["autoencoder"],
        {
            "reconstruction_weight": 1.0,
            "augment": lambda rows, generator: rows + torch.rand(rows.shape, generator=generator) / 10,
        },
    ),
    "autoencoder, k chosen": (
        REPRESENTATIONS["autoencoder"],
        {"reconstruction_weight": 1.0, "n_clusters": "auto"},
    ),
    "k chosen": (REPRESENTATIONS["neighbors"], {"n_clusters": "auto"}),
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def _frequent_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "RECORD_EVERY", 13)
    monkeypatch.setattr("torchdec._core.self_training.RECORD_EVERY", 2)
    monkeypatch.setattr("torchdec._core.number_of_clusters.MOST", 4)


def dec(name: str = "autoencoder", **parameters: Any) -> DEC:
    representation, own = FITS[name]
    return small_dec(3).set_params(representation=clone(representation), **LONG).set_params(**own, **parameters)


def without_seconds(history: list[Record]) -> list[Record]:
    return [replace(record, seconds=0.0) for record in history]


def assert_same_bits(model: DEC, expected: DEC) -> None:
    assert without_seconds(model.history_) == without_seconds(expected.history_)
    assert model.stop_reason_ == expected.stop_reason_
    assert model.scale_ == expected.scale_
    assert model.choice_ == expected.choice_
    for ours, theirs in zip(model.encoder_.parameters(), expected.encoder_.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    for name in ("cluster_centers_", "labels_", "confidence_quantiles_", "center_radii_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(expected, name))


def stop_after(model: DEC, n_records: int, checkpoint: Checkpoint) -> None:
    records = model.iter_fit(X, checkpoint=checkpoint)
    for _ in islice(kept(records), n_records):
        pass
    records.close()


def kept(records: Iterable[Record]) -> Iterator[Record]:
    """Leave out those that are no part of the history."""
    return (record for record in records if not isinstance(record, Search))


@pytest.mark.parametrize("name", FITS)
def test_a_fit_interrupted_after_any_record_goes_on_to_the_same_bits(name: str, tmp_path: Path) -> None:
    expected = dec(name).fit(X)
    path = tmp_path / "fit.checkpoint"
    for n_records in range(1, len(expected.history_) + 1):
        stop_after(dec(name), n_records, Checkpoint(path))
        resumed = dec(name)
        seen = list(kept(resumed.iter_fit(X, checkpoint=Checkpoint(path))))
        assert len(seen) == len(expected.history_) - n_records
        assert_same_bits(resumed, expected)
        assert not path.exists()


def test_a_fit_of_more_rows_than_its_graph_and_its_targets_hold_goes_on_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torchdec._core.targets.MOST_STORED", 0)
    monkeypatch.setattr("torchdec._core.batches.MOST_KEPT", 0)

    def large() -> DEC:
        return dec("neighbors", representation=clone(REPRESENTATIONS["neighbors"]).set_params(graph_rows=50))

    expected = large().fit(X)
    path = tmp_path / "fit.checkpoint"
    for n_records in range(1, len(expected.history_) + 1):
        stop_after(large(), n_records, Checkpoint(path))
        assert_same_bits(large().fit(X, checkpoint=Checkpoint(path)), expected)


def test_a_fit_may_be_interrupted_again_and_again(tmp_path: Path) -> None:
    path, model = tmp_path / "fit.checkpoint", dec()
    expected = dec().fit(X)
    for _ in expected.history_:
        stop_after(model, 1, Checkpoint(path))
    assert_same_bits(model.fit(X, checkpoint=Checkpoint(path)), expected)


def test_a_representation_alone_goes_on_too(tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    expected = clone(REPRESENTATIONS["layer-wise"]).set_params(random_state=1).fit(X)
    records = clone(expected).iter_fit(X, checkpoint=Checkpoint(path))
    for _ in range(4):
        next(records)
    records.close()
    resumed = clone(expected).fit(X, checkpoint=Checkpoint(path))
    for ours, theirs in zip(resumed.decoder_.parameters(), expected.decoder_.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_fresh_seed_stays_the_same_seed(tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    model = dec(random_state=None)
    records = model.iter_fit(X, checkpoint=Checkpoint(path, every=0))
    for _ in range(3):
        next(records)
    copy = path.read_bytes()
    for _ in records:
        pass
    path.write_bytes(copy)
    assert_same_bits(dec(random_state=None).fit(X, checkpoint=Checkpoint(path)), model)


def test_an_error_leaves_the_last_state_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fit.checkpoint"
    expected = dec().fit(X)
    with monkeypatch.context() as patch:
        patch.setattr("torchdec._starts.partition", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            dec().fit(X, checkpoint=Checkpoint(path))
    assert_same_bits(dec().fit(X, checkpoint=Checkpoint(path)), expected)


def test_it_is_written_when_it_is_due_and_kept_on_request(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "fit.checkpoint"
    for every, written in ((1e6, False), (0, True)):
        records = dec().iter_fit(X, checkpoint=Checkpoint(path, every=every))
        next(records)
        assert path.exists() == written
        records.close()
        path.unlink()
    checkpoint = Checkpoint(path, every=0, keep=True)
    dec().fit(X, checkpoint=checkpoint)
    assert path.exists()
    checkpoint.remove()
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.5}, r"other parameters: learning_rate was 0\.05 and is 0\.5\. Fit as then"),
        ({"representation": Autoencoder(hidden=(4,))}, "other parameters: representation was"),
    ],
)
def test_other_parameters_are_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    stop_after(dec(), 2, Checkpoint(path))
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=message):
        dec(**change).fit(X, checkpoint=Checkpoint(path))
    assert path.read_bytes() == before


def test_other_rows_and_other_versions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fit.checkpoint"
    stop_after(dec(), 2, Checkpoint(path))
    with pytest.raises(CheckpointError, match=r"other rows: shape was \[60, 6\] and is \[59, 6\]"):
        dec().fit(X[1:], checkpoint=Checkpoint(path))
    with pytest.raises(CheckpointError, match="other rows: sha256 was"):
        dec().fit(X + 1, checkpoint=Checkpoint(path))
    monkeypatch.setattr("torchdec._checkpoint.__version__", "99")
    with pytest.raises(CheckpointError, match="and this is 99"):
        dec().fit(X, checkpoint=Checkpoint(path))


def test_a_damaged_or_foreign_file_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    stop_after(dec(), 2, Checkpoint(path))
    whole = path.read_bytes()
    for content in (b"", b"not a checkpoint", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="isn't a checkpoint of torchdec, or is damaged"):
            dec().fit(X, checkpoint=Checkpoint(path))
        assert path.read_bytes() == content


def test_a_disk_that_is_full_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("torchdec._model_file.save_file", full)
    with pytest.warns(UserWarning, match="No checkpoint is kept: .*No space left"):
        model = dec().fit(X, checkpoint=Checkpoint(tmp_path / "fit.checkpoint", every=0))
    assert_same_bits(model, dec().fit(X))


def test_a_negative_interval_is_refused() -> None:
    with pytest.raises(ValueError, match=r"every=-1 must be a number of seconds"):
        Checkpoint("x", every=-1)


@pytest.mark.parametrize("drawn", range(9))
def test_shuffled_batches_go_on_in_the_middle_of_a_pass(drawn: int) -> None:
    """The generator also serves others between two batches."""

    def draw(batches: Shuffled, random: torch.Generator, n: int) -> list[list[int]]:
        return [next(batches).tolist() + torch.rand(1, generator=random).tolist() for _ in range(n)]

    rows, random = as_rows(np.zeros((10, 2))), generator(0)
    batches = Shuffled(rows, 3, random)
    draw(batches, random, drawn)
    state = batches.state_dict()
    expected = draw(batches, random, 9)
    other = generator(1)
    resumed = Shuffled(rows, 3, other)
    resumed.load_state_dict(state)
    assert draw(resumed, other, 9) == expected
