"""What a fit shows while it works: a live bar on a terminal, a line every few seconds in a pipe."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torchdec._core.records import Centroids, Epoch, Record, Search, Stretch, Update
from torchdec.cli._terminal import tell

SECONDS_BETWEEN_LINES = 3.0

Show = Callable[[Record], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """One record, ready to be shown.

    `done` of `total` are steps in stage 1 and target updates in stage 3; `rate` is steps a second; `left` is
    seconds to the end of the stage, or to the latest possible end where `at_most` is set.
    """

    stage: str
    done: int
    total: int
    unit: str
    facts: str
    rate: float | None = None
    left: float | None = None
    at_most: bool = False

    def line(self) -> str:
        """Return it as one line of text."""
        return f"{self.stage}: {self.text()}"

    def text(self) -> str:
        """Return all but the stage, the most wanted first: a narrow terminal cuts the end."""
        count = f"{self.done:,} of {self._limit}{self.total:,} {self.unit}"
        pace = f"{self.rate:,.0f} steps/s" if self.rate else ""
        left = f"{self._limit}{duration(self.left)} left" if self.left else ""
        return ", ".join(part for part in (count, pace, left, self.facts) if part)

    @property
    def _limit(self) -> str:
        return "at most " if self.at_most else ""


class Pace:
    """Turns records into readings: the rate of a stage needs the clock of the records before it."""

    def __init__(self, max_updates: int) -> None:
        self._max_updates = max_updates
        self._stage = ""
        self._stage_began = 0.0
        self._latest = 0.0

    def read(self, record: Record) -> Reading:
        """Return the reading of the next record."""
        facts = ""
        if isinstance(record, Search):
            done, total, unit, stage = record.done, record.total, "searches", "search"
        elif isinstance(record, Epoch):
            facts = f"loss {record.loss:.4g}"
            done, total, unit, stage = record.step, record.n_steps, "steps", record.stage
        elif isinstance(record, Stretch):
            facts, stage = f"loss {record.loss:.4g}", f"after update {record.update}"
            done, total, unit = record.step, record.n_steps, "steps"
        elif isinstance(record, Update):
            facts = f"{record.changed:.2%} of the rows changed, mean confidence {record.confidence:.3f}"
            done, total, unit, stage = record.number, self._max_updates, "updates", "self-training"
        else:
            facts = f"found by {record.found_by}, inertia {record.inertia:.4g}"
            done, total, unit, stage = 1, 1, "partition", "centroids"
        if stage != self._stage:
            self._stage, self._stage_began = stage, self._latest
        self._latest = record.seconds
        spent = record.seconds - self._stage_began
        at_most = isinstance(record, Update)
        if isinstance(record, Centroids) or not done or spent <= 0:
            return Reading(stage, done, total, unit, facts, at_most=at_most)
        left = spent / done * max(total - done, 0)
        rate = None if isinstance(record, Search) else record.step / spent
        return Reading(stage, done, total, unit, facts, rate, left, at_most)


@contextmanager
def progress(quiet: bool, max_updates: int) -> Iterator[Show]:
    """Give a function that shows a record on stderr in the way that suits where stderr leads."""
    pace = Pace(max_updates)
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        from rich.console import Console

        with _live(Console(stderr=True)) as draw:
            yield lambda record: draw(pace.read(record))
    else:
        yield _lines(pace, lambda text: tell(text, err=True))


def _lines(pace: Pace, write: Callable[[str], None]) -> Show:
    """Write the first and the last record of a stage, and one every few seconds between them."""
    stage, written = "", 0.0

    def show(record: Record) -> None:
        nonlocal stage, written
        reading = pace.read(record)
        last = reading.done == reading.total
        if reading.stage != stage or last or record.seconds - written >= SECONDS_BETWEEN_LINES:
            write(reading.line())
            stage, written = reading.stage, record.seconds

    return show


@contextmanager
def _live(console: Any) -> Iterator[Callable[[Reading], None]]:
    """Draw a bar for each stage, the present one moving."""
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    columns = (
        TextColumn("{task.description}", style="bold"),
        BarColumn(bar_width=16, table_column=Column(min_width=16)),
        TextColumn("{task.fields[text]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
    )
    with Progress(*columns, console=console, expand=True) as bars:
        tasks: dict[str, Any] = {}

        def draw(reading: Reading) -> None:
            if reading.stage not in tasks:
                tasks[reading.stage] = bars.add_task(reading.stage, text="")
            bars.update(tasks[reading.stage], completed=reading.done, total=reading.total, text=reading.text())

        yield draw


def duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
