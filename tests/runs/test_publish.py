import os
import stat
from pathlib import Path

import pytest

from torchdec.runs import (
    Data,
    Run,
    RunError,
    check_directory,
    check_file,
    write_file,
    write_record,
    write_run_directory,
)


def _write_run(directory, text="new"):
    (directory / "model.safetensors").write_text(text)
    run = Run({}, {}, Data("x", (1, 1), None, ""), {}, (), "", (), (), (), ("model.safetensors", "run.json"))
    write_record(directory, run)


def _tree(folder):
    return {str(path.relative_to(folder)): path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.fixture
def old(tmp_path):
    """Return a run directory that is already there."""
    directory = tmp_path / "out"
    write_run_directory(directory, lambda new: _write_run(new, "old"))
    return directory


def test_a_run_appears_with_its_files_and_nothing_beside_it(tmp_path):
    write_run_directory(tmp_path / "a" / "b" / "out", _write_run)
    assert sorted(_tree(tmp_path)) == ["a", "a/b", "a/b/out", "a/b/out/model.safetensors", "a/b/out/run.json"]


def test_a_run_and_a_file_are_as_readable_as_any_new_one_whoever_wrote_them(tmp_path):
    def write_for_the_owner_alone(new):
        new.write_text("new")
        new.chmod(0o600)

    write_run_directory(tmp_path / "out", lambda new: write_for_the_owner_alone(new / "model.safetensors"))
    write_file(tmp_path / "out.txt", write_for_the_owner_alone)
    (tmp_path / "other").mkdir()
    (tmp_path / "other.txt").touch()
    modes = {str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes["out"] == modes["other"]
    assert modes["out.txt"] == modes["out/model.safetensors"] == modes["other.txt"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), RuntimeError("bug")])
def test_nothing_appears_when_the_writing_fails(tmp_path, error):
    def write(new):
        (new / "half").write_text("half")
        raise error

    with pytest.raises(type(error)):
        write_run_directory(tmp_path / "out", write)
    assert _tree(tmp_path) == {}


def test_the_target_is_not_there_before_it_is_complete(tmp_path):
    seen = []
    write_run_directory(tmp_path / "out", lambda new: seen.append((tmp_path / "out").exists()))
    assert seen == [False]


def test_an_existing_run_is_kept_without_force(old, tmp_path):
    before = _tree(tmp_path)
    with pytest.raises(RunError, match=r"out exists and holds a run; .*force"):
        write_run_directory(old, pytest.fail)
    assert _tree(tmp_path) == before


def test_force_replaces_a_run_after_the_new_one_is_complete(old, tmp_path):
    seen = []

    def write(new):
        _write_run(new)
        seen.append((old / "model.safetensors").read_text())

    write_run_directory(old, write, force=True)
    assert seen == ["old"]
    assert (old / "model.safetensors").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_force_keeps_the_old_run_when_the_new_one_fails(old, tmp_path):
    before = _tree(tmp_path)

    def write(new):
        _write_run(new)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_run_directory(old, write, force=True)
    assert _tree(tmp_path) == before


def test_force_replaces_a_run_beside_half_of_a_page_that_a_killed_report_left(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    _write_run(out)
    (out / ".report.html.0123abcd.partial").mkdir()
    (out / ".report.html.0123abcd.partial" / "report.html").write_text("half")
    check_directory(out, force=True)
    (out / ".thesis.tex.0123abcd.partial").write_text("not ours")
    with pytest.raises(RunError, match=r"also \.thesis\.tex\.0123abcd\.partial, which no run wrote"):
        check_directory(out, force=True)


def test_force_replaces_an_empty_directory_and_without_it_nothing(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(RunError, match="is an empty directory"):
        write_run_directory(out, pytest.fail)
    write_run_directory(out, _write_run, force=True)
    assert (out / "run.json").exists()


def _foreign_files(out):
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")


def _run_and_foreign_file(out):
    out.mkdir()
    _write_run(out)
    (out / "thesis.tex").write_text("years of work")


def _foreign_record(out):
    out.mkdir()
    (out / "run.json").write_text("{}")


def _file(out):
    out.write_text("a file")


def _dangling_link(out):
    out.symlink_to(out.parent / "dangling" / "nothing")
    (out.parent / "dangling").write_text("a file")


def _link_to_itself(out):
    out.symlink_to(out)


@pytest.mark.parametrize(
    "make", [_foreign_files, _run_and_foreign_file, _foreign_record, _file, _dangling_link, _link_to_itself]
)
def test_force_never_replaces_what_is_not_a_run_alone(tmp_path, make):
    out = tmp_path / "out"
    make(out)
    before = _tree(tmp_path)
    for check in (
        lambda: check_directory(out, force=True),
        lambda: write_run_directory(out, pytest.fail, force=True),
    ):
        with pytest.raises(RunError) as caught:
            check()
        assert str(out) in str(caught.value)
    assert _tree(tmp_path) == before


def test_a_linked_run_is_replaced_where_it_lies(old, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(old)
    write_run_directory(link, _write_run, force=True)
    assert link.is_symlink()
    assert (old / "model.safetensors").read_text() == "new"


def test_what_appears_during_the_writing_is_kept_and_so_is_the_new_run(tmp_path):
    out = tmp_path / "out"

    def write(new):
        _write_run(new)
        _foreign_files(out)

    with pytest.raises(RunError, match="The run is complete, but it stays in") as caught:
        write_run_directory(out, write)
    assert (out / "thesis.tex").read_text() == "years of work"
    kept = next(path for path in tmp_path.iterdir() if path != out)
    assert str(kept) in str(caught.value)
    assert (kept / "model.safetensors").read_text() == "new"


def test_the_old_run_comes_back_when_the_new_one_cannot_take_its_place(old, tmp_path, monkeypatch):
    rename = Path.rename

    def failing(self, target):
        if self.name.endswith(".complete"):
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    monkeypatch.setattr(
        "torchdec.runs._publish._exchange", lambda *_: False
    )  # where two names cannot change places
    with pytest.raises(RunError, match="Input/output error"):
        write_run_directory(old, _write_run, force=True)
    assert (old / "model.safetensors").read_text() == "old"


def test_every_file_is_flushed_to_the_disk_before_the_run_appears(tmp_path, monkeypatch):
    out = tmp_path / "out"
    flushed = []

    def fsync(descriptor):
        flushed.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, out.exists()))

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc to see which file is flushed")
    monkeypatch.setattr(os, "fsync", fsync)
    write_run_directory(out, _write_run)
    before = {name for name, appeared in flushed if not appeared}
    assert {"model.safetensors", "run.json"} < before
    assert flushed[-1] == (tmp_path.name, True)


@pytest.mark.parametrize("check", [check_directory, check_file])
def test_a_folder_that_cannot_be_written_is_found_before_the_work(tmp_path, monkeypatch, check):
    def refuse(**named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(RunError, match=r"cannot be written \(Permission denied in"):
        check(tmp_path / "a" / "out")


@pytest.mark.parametrize("check", [check_directory, check_file])
def test_a_file_in_the_place_of_a_folder_is_found_before_the_work(tmp_path, check):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="Not a directory"):
        check(tmp_path / "file" / "out")


@pytest.mark.parametrize("check", [check_directory, check_file])
def test_checking_leaves_nothing_behind(tmp_path, check):
    check(tmp_path / "a" / "out")
    assert _tree(tmp_path) == {}


def test_a_file_appears_whole_with_its_folders(tmp_path):
    write_file(tmp_path / "a" / "x.txt", lambda new: new.write_text("x"))
    assert _tree(tmp_path) == {"a": False, "a/x.txt": b"x"}


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_file_that_fails_leaves_all_as_it_was(tmp_path, error, force):
    path = tmp_path / "x.txt"
    if force:
        path.write_text("old")
    before = _tree(tmp_path)

    def write(new):
        new.write_text("half")
        raise error

    with pytest.raises(type(error)):
        write_file(path, write, force=force)
    assert _tree(tmp_path) == before


def test_a_file_is_replaced_with_force_alone(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(RunError, match=r"exists; .*force"):
        write_file(path, pytest.fail)
    assert path.read_text() == "old"
    write_file(path, lambda new: new.write_text("new"), force=True)
    assert _tree(tmp_path) == {"x.txt": b"new"}


def test_a_file_that_appears_during_the_writing_is_kept(tmp_path):
    path = tmp_path / "x.txt"

    def write(new):
        new.write_text("new")
        path.write_text("theirs")

    with pytest.raises(RunError, match="exists"):
        write_file(path, write)
    assert _tree(tmp_path) == {"x.txt": b"theirs"}


def test_a_directory_is_never_replaced_by_a_file(tmp_path):
    with pytest.raises(RunError, match="is a directory"):
        write_file(tmp_path, pytest.fail, force=True)


def _write(target):
    if target.suffix:
        write_file(target, lambda new: new.write_text("new"), force=True)
    else:
        write_run_directory(target, _write_run, force=True)


@pytest.mark.parametrize("name", ["x.txt", "run"])
def test_the_next_writer_removes_what_a_dead_one_left_beside_the_same_target(tmp_path, name):
    (tmp_path / f".{name}.0123abcd.partial" / "inside").mkdir(parents=True)
    (tmp_path / f".{name}.0123abcd.partial" / "half").write_text("half")
    others = [".other.0123abcd.partial", f".{name}.0123abcd.complete", f".{name}.mine.partial", f"{name}.partial"]
    for other in others:
        (tmp_path / other).write_text("not ours")
    (tmp_path / f".{name}.0123abce.partial").symlink_to(tmp_path / f"{name}.partial")
    _write(tmp_path / name)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {name, *others, f".{name}.0123abce.partial"}
    assert (tmp_path / f"{name}.partial").read_text() == "not ours"


@pytest.mark.parametrize("name", ["x.txt", "run"])
def test_what_another_writer_is_still_at_stays(tmp_path, name):
    target = tmp_path / name
    second = []

    def write(new):
        _write(target)
        second.append(target.exists())
        assert new.parent.exists()
        new.write_text("first") if target.suffix else _write_run(new, "first")

    (write_file if target.suffix else write_run_directory)(target, write, force=True)
    assert second == [True]
    assert (target if target.suffix else target / "model.safetensors").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_home_that_no_shell_expanded_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for check in (check_directory, check_file):
        for path in ("~/run", Path("~") / "deep" / "run", "~"):
            with pytest.raises(RunError, match=rf"~.* begins with ~, which .*; write {Path.home()}"):
                check(path)
        check("a~/~b")
        check("~no-such-user/run")
    assert not _tree(tmp_path)
