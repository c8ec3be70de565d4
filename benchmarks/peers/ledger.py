"""What a job leaves behind outside the queue: a line of `n what time pid`, in one write, so that lines never mix."""

import os
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple


def noop(n: int) -> None:
    note(n, "done")


def sleep(n: int, seconds: float) -> None:
    note(n, "start")
    time.sleep(seconds)
    note(n, "done")


def note(n: int, what: str) -> None:
    os.write(_file(), f"{n} {what} {time.time():.6f} {os.getpid()}\n".encode())


@cache
def _file() -> int:
    return os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


class Line(NamedTuple):
    n: int
    what: str  # "start" (not of a no-op) or "done"
    time: float  # seconds since 1970
    pid: int


def read(path: Path) -> list[Line]:
    return [Line(int(n), what, float(time), int(pid))
            for n, what, time, pid in map(str.split, path.read_text().splitlines())]


def dues(count: int, at: float, over: float) -> Iterator[tuple[int, float]]:
    """Each n of `count` jobs and when it is due, in seconds since 1970."""
    return ((n, at + over * n / count) for n in range(count))
