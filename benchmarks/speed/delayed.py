"""Jobs for in two hours, ever more of them while a worker runs: what it takes to make them, and to have them."""

import time
from typing import NamedTuple

from benchmarks.peers import Peer
from benchmarks.speed.bench import Bench, peers
from benchmarks.speed.chart import lines
from benchmarks.tables import table

SIZES = (1_000, 10_000, 100_000, 1_000_000)
ALL = ("later", "Celery", "RQ, tuned", "Dramatiq", "Huey")
AHEAD = 4 * 3600
#: Bytes that a small dyno has. Of a queue whose worker takes more, no more jobs are tried.
DYNO = 512 * 2**20
#: A worker that fetches them has so long to do so before its memory is taken, or until that grows no more.
SETTLE, STEP = 120, 5
HEAD = ("jobs that wait", "scheduled a second, by one process", "bytes each, in Redis", "a worker has")


class Held(NamedTuple):
    waiting: int
    rate: float
    each: float  # bytes in Redis
    worker: int  # bytes
    grows: bool  # when nobody waited any longer


def measure(options) -> dict[str, list[Held]]:
    found = {}
    for peer in peers(*ALL):
        found[peer.name] = []
        most = options.most if peer.module == "ours" else min(options.most, options.others)
        for held in more_and_more(peer, [size for size in SIZES if size <= most]):
            found[peer.name].append(held)
            print(peer.name, held, flush=True)
    return found


def more_and_more(peer: Peer, sizes: list[int]):
    with Bench(peer) as bench:
        bench.warm()
        (worker,) = bench.workers
        yield Held(0, 0, 0, *settled(worker))
        before, waiting = used(bench), 0
        for size in sizes:
            seconds = bench.schedule(size - waiting, time.time() + AHEAD, 3600)["seconds"]
            grown, made, waiting = settled(worker), size - waiting, size
            yield Held(size, made / seconds, (used(bench) - before) / size, *grown)
            if grown[0] > DYNO:
                break


def settled(worker) -> tuple[int, bool]:
    """Bytes of memory, and whether that still grows."""
    memory = worker.memory()
    for _ in range(SETTLE // STEP):
        time.sleep(STEP)
        before, memory = memory, worker.memory()
        if memory < before * 1.005:
            return memory, False
    return memory, True


def used(bench) -> int:
    return bench.redis.info("memory")["used_memory"]


def report(found: dict[str, list[Held]]) -> dict[str, str]:
    rows = [[f"{name}, {held.waiting:,}", f"{held.rate:,.0f}" if held.rate else "", f"{held.each:,.0f}" if held.each
             else "", f"{held.worker / 2**20:,.0f} MB{' and grows' if held.grows else ''}"]
            for name, all_held in found.items() for held in all_held]
    return {"delayed": table(HEAD, *rows)}


def draw(found: dict[str, list[Held]]) -> None:
    longest = max(found.values(), key=len)
    lines("delayed", "Memory of a worker while so many jobs wait", "jobs that wait",
          [f"{held.waiting:,}" for held in longest],
          {name: [held.worker / 2**20 for held in all_held] + [None] * (len(longest) - len(all_held))
           for name, all_held in found.items()}, "MB")
