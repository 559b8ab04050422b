import io
import sys

import pytest

from torchdec._core.records import Centroids, Epoch, Search, Update
from torchdec.cli._progress import Pace, progress


def _epoch(step, seconds, stage="pretraining", n_steps=1000):
    return Epoch(stage, step, n_steps, 0.5, 1e-3, seconds)


def _update(number, step, seconds):
    return Update(number, step, 0.25, (3, 2), 0.75, 0.1, None, (), seconds)


LATER_UPDATE = (
    "self-training: 2 of at most 10 updates, 20 steps/s, at most 16 s left, "
    "25.00% of the rows changed, mean confidence 0.750"
)
CENTROIDS = Centroids(12.5, 20, (3, 2), 30.0)


def test_rate_and_time_left_count_from_the_start_of_the_stage():
    pace = Pace(max_updates=10)
    first = pace.read(_epoch(100, 10.0, "layer 1 of 4"))
    assert (first.rate, first.left) == (10.0, 90.0)
    second = pace.read(_epoch(100, 15.0, "layer 2 of 4"))
    assert (second.rate, second.left) == (20.0, 45.0)
    third = pace.read(_epoch(500, 20.0, "layer 2 of 4"))
    assert (third.rate, third.left) == (50.0, 10.0)


def test_self_training_counts_from_the_centroids_and_knows_only_its_longest_end():
    pace = Pace(max_updates=10)
    for record in (_epoch(1000, 20.0), CENTROIDS):
        pace.read(record)
    start = pace.read(_update(0, 0, 31.0))
    assert (start.rate, start.left) == (None, None)
    reading = pace.read(_update(2, 80, 34.0))
    assert (reading.rate, reading.left, reading.at_most) == (20.0, 16.0, True)


def test_the_search_for_neighbours_says_how_far_it_is():
    pace = Pace(max_updates=10)
    lines = [pace.read(record).line() for record in (Search(0, 33, 1.0), Search(11, 33, 12.0), _epoch(100, 40.0))]
    assert lines == [
        "search: 0 of 33 searches",
        "search: 11 of 33 searches, 24 s left",
        "pretraining: 100 of 1,000 steps, 4 steps/s, 4 min 12 s left, loss 0.5",
    ]


def test_a_line_says_stage_count_rate_time_left_and_facts():
    pace = Pace(max_updates=10)
    lines = [
        pace.read(record).line()
        for record in (
            _epoch(100, 10.0),
            _epoch(1000, 20.0),
            CENTROIDS,
            _update(0, 0, 30.5),
            _update(2, 80, 34.0),
        )
    ]
    assert lines == [
        "pretraining: 100 of 1,000 steps, 10 steps/s, 1 min 30 s left, loss 0.5",
        "pretraining: 1,000 of 1,000 steps, 50 steps/s, loss 0.5",
        "centroids: 1 of 1 partition, found by k-means, inertia 12.5",
        "self-training: 0 of at most 10 updates, 25.00% of the rows changed, mean confidence 0.750",
        LATER_UPDATE,
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599.7, "1 h 0 min"), (7320.0, "2 h 2 min")],
)
def test_durations_are_readable(seconds, text):
    reading = Pace(10).read(_epoch(500, seconds))
    assert f", {text} left" in reading.line()


def test_a_pipe_gets_the_ends_of_a_stage_and_a_line_every_few_seconds(capsys):
    with progress(quiet=False, max_updates=10) as show:
        for i in range(1, 101):
            show(_epoch(10 * i, i / 8))  # eight records a second, so 24 of them in three seconds
        show(CENTROIDS)
    out, err = capsys.readouterr()
    steps = [line.split()[1] for line in err.splitlines() if line.startswith("pretraining")]
    assert steps == ["10", "250", "490", "730", "970", "1,000"]
    assert err.splitlines()[-1].startswith("centroids: ")
    assert out == ""


def test_quiet_shows_nothing(capsys):
    with progress(quiet=True, max_updates=10) as show:
        show(_epoch(10, 5.0))
        show(CENTROIDS)
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar_for_each_stage(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress(quiet=False, max_updates=10) as show:
        for record in (_epoch(100, 10.0), _epoch(1000, 20.0), CENTROIDS, _update(2, 80, 34.0)):
            show(record)
    drawn = terminal.getvalue()
    assert "\x1b[" in drawn
    last = drawn[drawn.rindex("pretraining") :]
    for text in ("1,000 of 1,000 steps", "found by k-means", "at most 16 s left", "25.00% of the rows"):
        assert text in last
    assert capsys.readouterr().out == ""
