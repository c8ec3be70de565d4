"""How late jobs are that were scheduled: two workers, so many falling due in a second, for some seconds."""

import time
from math import inf
from typing import NamedTuple

from benchmarks.peers import Peer
from benchmarks.speed.bench import Bench, peers
from benchmarks.speed.chart import lines
from benchmarks.tables import table

WORKERS, OVER = 2, 10
RATES = (50, 200, 1000)
#: 1,000 at the same moment.
AT_ONCE = "1,000 at once"
ALL = ("later", "Celery", "RQ, tuned", "Dramatiq", "Huey")
#: The slowest of them makes more than so many in a second, so all are there when the first is due.
MADE = 400
#: Nobody waits longer.
PATIENCE = 60
HEAD = ("late by, p50 / p99 / most", *(f"{rate:,} a second" for rate in RATES), AT_ONCE)


class Late(NamedTuple):
    """Seconds; inf for what has not run when nobody waits any longer."""

    p50: float
    p99: float
    most: float


def measure(options) -> dict[str, dict[str, Late]]:
    found = {}
    for peer in peers(*ALL):
        found[peer.name] = {f"{rate:,} a second": lateness(peer, rate * OVER, OVER) for rate in RATES}
        found[peer.name][AT_ONCE] = lateness(peer, 1000, 0)
        print(peer.name, found[peer.name], flush=True)
    return found


def lateness(peer: Peer, count: int, over: float) -> Late:
    with Bench(peer) as bench:
        bench.warm(WORKERS)
        at = time.time() + 5 + count / MADE
        bench.schedule(count, at, over)
        assert time.time() < at, f"{peer.name} took too long to schedule {count} jobs"
        while bench.done() < count and time.time() < at + over + PATIENCE:
            time.sleep(0.2)
        late = [inf] * count
        for line in bench.lines():
            late[line.n] = line.time - (at + over * line.n / count)
    late.sort()
    return Late(late[count // 2], late[count * 99 // 100], late[-1])


def report(found: dict[str, dict[str, Late]]) -> dict[str, str]:
    return {"due": table(HEAD, *([name, *(" / ".join(map(shown, late[of])) for of in HEAD[1:])]
                                 for name, late in found.items()))}


def shown(seconds: float) -> str:
    if seconds == inf:
        return f"over {PATIENCE} s"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def draw(found: dict[str, dict[str, Late]]) -> None:
    lines("due", f"How late: 99 of 100 jobs are not later, {WORKERS} workers", "jobs that fall due",
          list(HEAD[1:]), {name: [None if late[of].p99 == inf else max(late[of].p99, 0.001) for of in HEAD[1:]]
                           for name, late in found.items()}, "seconds")
