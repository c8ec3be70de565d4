"""A worker at rest: connections, memory, processor, commands. And how soon all is done when one of two is killed."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from benchmarks.peers import Peer, ledger
from benchmarks.speed.bench import SLOTS, Bench, peers
from benchmarks.tables import table

MINUTE, PATIENCE = 60, 150
JOBS, SECONDS, WORKERS = 24, 1, 2
ALL = ("later", "later, tuned", "Celery", "Celery, acks late", "Dramatiq", "RQ", "Huey", "taskiq", "arq")
HEAD = (f"a worker of {SLOTS} slots", "connections", "memory", "of a processor, at rest", "commands a minute, at rest",
        f"done of {JOBS} when one of {WORKERS} is killed", "all done after")


class Rest(NamedTuple):
    connections: int
    memory: int  # bytes
    cpu: float  # share of one
    commands: float  # a minute


class Recovery(NamedTuple):
    done: int
    seconds: float | None  # from the kill until the last was done; None: not all were


def measure(options) -> dict[str, tuple[Rest, Recovery]]:
    with ThreadPoolExecutor(len(ALL)) as pool:  # at the same time, as they mostly sleep
        return dict(zip(ALL, zip(pool.map(rest, peers(*ALL)), pool.map(recovery, peers(*ALL)))))


def rest(peer: Peer) -> Rest:
    with Bench(peer) as bench:
        bench.warm()
        (worker,), before = bench.workers, bench.redis.info("stats")["total_commands_processed"]
        began, spent = time.monotonic(), worker.cpu()
        time.sleep(MINUTE)
        cpu = (worker.cpu() - spent) / (time.monotonic() - began)
        commands = bench.redis.info("stats")["total_commands_processed"] - before
        ours = bench.redis.client_id()
        opened = sum(int(client["id"]) != ours for client in bench.redis.client_list())
        return Rest(opened, worker.memory(), cpu, commands * 60 / (time.monotonic() - began))


def recovery(peer: Peer) -> Recovery:
    with Bench(peer) as bench:
        bench.warm(WORKERS)
        peer.call(bench.env, "enqueue", JOBS, "sleep", SECONDS)
        while not bench.done():
            time.sleep(0.05)
        time.sleep(SECONDS * 1.5)  # amid its second jobs
        killed = time.time()
        bench.workers[0].stop(signal.SIGKILL)
        while time.time() < killed + PATIENCE and len(done(bench.lines())) < JOBS:
            time.sleep(0.2)
        times = done(bench.lines())
        return Recovery(len(times), max(times.values()) - killed if len(times) == JOBS else None)


def done(lines: list[ledger.Line]) -> dict[int, float]:
    """When each job was done first."""
    return {line.n: line.time for line in reversed(lines) if line.what == "done"}


def report(found: dict[str, tuple[Rest, Recovery]]) -> dict[str, str]:
    return {"rest": table(HEAD, *(
        [name, str(at.connections), f"{at.memory / 2**20:.0f} MB", f"{at.cpu:.1%}", f"{at.commands:,.0f}",
         str(after.done), "–" if after.seconds is None else f"{after.seconds:.0f} s"]
        for name, (at, after) in found.items()))}

