from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Server, serving

from torchdec_bench.datasets import _download


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(_download, "pause", lambda seconds: None)
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's data and cache out of the tests, and the tests out of them."""
    monkeypatch.delenv("TORCHDEC_DATA", raising=False)
    monkeypatch.setenv("TORCHDEC_CACHE", str(tmp_path / "cache"))
