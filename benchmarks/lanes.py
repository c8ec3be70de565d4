"""What a lane costs: python -m benchmarks.lanes

Jobs that do nothing, in no lane, in one and in a thousand: made while two workers with two slots each stand still, then
run by them. In turns, in one run; all of it is on this machine at once, so compare the lines with each other.
"""

import os
import signal
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.figures import idle, say
from dev import redis_server
from tests.dynos import Dynos, Server, wait_for

JOBS, ROUNDS = 3000, 5
LANES = {"no lane": 0, "one lane": 1, "a thousand lanes": 1000}


def main():
    server = Server()
    say(f"{os.cpu_count()} cores, {Path(redis_server.binary()).name}; two workers with two slots, "
        f"{JOBS} jobs, {ROUNDS} rounds")
    dynos = Dynos(server.url, Path(tempfile.mkdtemp()), LEASE_SECONDS="60", LOG_LEVEL="WARNING")
    try:
        for _ in range(2):
            dynos.worker(wait=False)
        wait_for(lambda: len(dynos.store.workers(within=30)) == 2, 60)
        rounds = [{name: rates(dynos, lanes) for name, lanes in LANES.items()} for _ in range(ROUNDS)]
    finally:
        dynos.end()
        server.stop()
    for name in LANES:
        made, run = zip(*(each[name] for each in rounds))
        say(f"{name}: {statistics.median(made):.0f} made a second, {statistics.median(run):.0f} run a second "
            f"({min(run):.0f} to {max(run):.0f})")


def rates(dynos, lanes: int) -> tuple[float, float]:
    """Jobs made, and jobs run, in a second."""
    idle(dynos)
    signal_all(dynos, signal.SIGSTOP)
    made = time.perf_counter()
    for n in range(JOBS):
        dynos.work(str(n), lane=f"lane-{n % lanes}" if lanes else None)
    made = time.perf_counter() - made
    signal_all(dynos, signal.SIGCONT)
    began = time.perf_counter()
    idle(dynos)
    return JOBS / made, JOBS / (time.perf_counter() - began)


def signal_all(dynos, number: int) -> None:
    for worker in dynos.processes:
        worker.signal_all(number)


if __name__ == "__main__":
    main()
