"""SIGINT and SIGTERM as an exception that nothing on the way mistakes for another."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Left(BaseException):
    """The process was told to end, by Ctrl-C or by whoever runs it; `code` is what it is to exit with."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


@contextmanager
def leaving() -> Iterator[None]:
    """Raise `Left` at either signal; a machine that is taken away sends the second."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def leave(number: int, _: Any) -> None:
        raise Left(number)

    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
