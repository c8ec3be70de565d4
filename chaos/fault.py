"""How a fault is drawn, whom it hits, and that the ledger tells of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import NamedTuple

from chaos.fleet import Dyno, Fleet
from chaos.ledger import write

#: By its name; chaos/faults.py has them all.
FAULTS: dict[str, Callable[[Fleet, float, float], None]] = {}


class Drawn(NamedTuple):
    at: float  # seconds after the start
    name: str
    pick: float
    size: float


def draw(seed: int, seconds: float, pause: float, names: list[str]) -> Iterator[Drawn]:
    """One about every `pause` seconds; each comes once before any comes again."""
    random, at, deck = Random(seed), pause, []
    while at < seconds:
        deck = deck or random.sample(names, len(names))
        yield Drawn(at, deck.pop(), random.random(), random.random())
        at += pause * random.uniform(0.5, 1.5)


def fault(function):
    FAULTS[function.__name__] = function
    return function


@contextmanager
def noted(fleet: Fleet, name: str, *on: str, felt: float = 0) -> Iterator[list[str]]:
    """In the ledger when it is over, though it may be felt for longer. Yields whom it hits, for others to be added."""
    began, on = time.monotonic(), list(on)
    print(f"{began - fleet.began:7.1f} s  {name}: {', '.join(on)}", flush=True)
    try:
        yield on
    finally:
        write(fleet.ledger, "fault", name=name, began=round(began, 3), on=on, felt=felt)


@contextmanager
def on_one(fleet: Fleet, name: str, dynos: list[Dyno], pick: float) -> Iterator[Dyno]:
    with fleet.one_of(dynos, pick) as dyno:
        if dyno is None:
            raise Skipped
        with noted(fleet, name, dyno.name):
            yield dyno


def on_worker(fleet: Fleet, name: str, pick: float):
    return on_one(fleet, name, fleet.workers, pick)


@contextmanager
def on_redis(fleet: Fleet, name: str, felt: float = 0):
    if not fleet.redis_lock.acquire(timeout=fleet.lease):
        raise Skipped
    try:
        with noted(fleet, name, "redis", felt=felt):
            yield fleet.server
    finally:
        fleet.redis_lock.release()


class Skipped(Exception):
    """Others have all that it could hit, or this machine has not what it takes."""
