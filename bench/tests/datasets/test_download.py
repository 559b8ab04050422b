import hashlib
from pathlib import Path

import pytest
from served import Server

from torchdec_bench.datasets import DatasetError
from torchdec_bench.datasets._download import Remote, fetch

CONTENT = bytes(range(256)) * 4000
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def remote(server: Server) -> Remote:
    server.files["/a.gz"] = CONTENT
    return Remote("a.gz", f"{server.address}/a.gz", MD5)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_a_file_is_fetched_once(server: Server, remote: Remote, tmp_path: Path) -> None:
    for _ in range(2):
        assert fetch(remote, tmp_path / "new").read_bytes() == CONTENT
    assert server.ranges == [None]
    assert names(tmp_path / "new") == ["a.gz"]


def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    server: Server, remote: Remote, tmp_path: Path
) -> None:
    server.break_after = [300_000, 100_000]
    seen = []
    fetch(remote, tmp_path, lambda file, done, total: seen.append((file, done, total)))
    assert server.ranges == [None, "bytes=300000-", "bytes=400000-"]
    assert (tmp_path / "a.gz").read_bytes() == CONTENT
    assert seen[-1] == ("a.gz", len(CONTENT), len(CONTENT))
    assert all(total == len(CONTENT) for _, _, total in seen)


def test_the_next_call_goes_on_where_the_last_one_gave_up(server: Server, remote: Remote, tmp_path: Path) -> None:
    server.break_after = [500_000, 0, 0, 0, 0, 0]
    with pytest.raises(DatasetError, match="goes on from the 500,000 bytes that are kept"):
        fetch(remote, tmp_path)
    assert "a.gz" not in names(tmp_path)
    server.break_after = []
    assert fetch(remote, tmp_path).read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=500000-"
    assert names(tmp_path) == ["a.gz"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: Server, remote: Remote, tmp_path: Path) -> None:
    server.files["/a.gz"] = b"older" * 100_000
    server.break_after = [200_000, 0, 0, 0, 0, 0]
    with pytest.raises(DatasetError):
        fetch(remote, tmp_path)
    server.files["/a.gz"], server.tag, server.break_after = CONTENT, '"2"', []
    assert fetch(remote, tmp_path).read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_fetched_anew(server: Server, remote: Remote, tmp_path: Path) -> None:
    (tmp_path / ".a.gz.part").write_bytes(b"x" * len(CONTENT))
    (tmp_path / ".a.gz.part.tag").write_text(server.tag)
    assert fetch(remote, tmp_path).read_bytes() == CONTENT


def test_other_bytes_than_published_are_thrown_away(server: Server, remote: Remote, tmp_path: Path) -> None:
    server.files["/a.gz"] = CONTENT[:-1] + b"x"
    with pytest.raises(DatasetError, match=r"gave a file with md5 \w+, but its publisher says"):
        fetch(remote, tmp_path)
    assert not names(tmp_path)
    server.files["/a.gz"] = CONTENT
    assert fetch(remote, tmp_path).read_bytes() == CONTENT


def test_a_refusal_is_told_at_once_and_a_full_server_is_asked_again(
    server: Server, remote: Remote, tmp_path: Path
) -> None:
    for status, tries in ((404, 1), (503, 5)):
        server.ranges, server.status = [], status
        with pytest.raises(DatasetError, match=f"{remote.url} cannot be fetched .*{status}"):
            fetch(remote, tmp_path)
        assert len(server.ranges) == tries


@pytest.mark.parametrize("url", ["http://example.org/a.gz", "ftp://example.org/a.gz", "file:///etc/passwd"])
def test_only_https_leaves_this_machine(server: Server, remote: Remote, url: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not https"):
        fetch(Remote("a.gz", url), tmp_path)
    server.redirect = url
    with pytest.raises(DatasetError, match=r"is not https|is not allowed"):
        fetch(remote, tmp_path)
    assert "a.gz" not in names(tmp_path)
