"""The figures of metrics.py for who makes metrics of log lines, as Librato, l2met and others on Heroku do. One of all
web processes prints them once a minute: a line for the app, and one with `source=` for each kind that had something to
do. They have no level and no logger in front, as those who read them look for bare `sample#name=value`. A `measure` is
the mean of the minute.

Key behind the prefix:
log_metrics  JSON of the counts that the last lines were of, by kind, for a while
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator

from app.metrics import Figures, Meter
from app.reader import PREFIX
from app.states import FINISHED
from app.store import dumps

SECONDS = 60
#: What was counted longer ago, in seconds, is no minute's.
KEPT_SECONDS = 600
#: The counts of requests stand among those of kinds, under a name that no printable one has.
HTTP = "\n"


class LogMetrics:
    def __init__(self, meter: Meter):
        self.meter, self.store = meter, meter.store

    def step(self) -> float:
        """Raises one of app.connections.UNAVAILABLE."""
        if self.store.lock("log-metrics", SECONDS * 0.9):
            for line in self.lines(self.meter.read()):
                sys.stdout.write(line + "\n")
            sys.stdout.flush()
        return SECONDS

    def lines(self, figures: Figures) -> list[str]:
        now = {kind: counted(counts) for kind, counts in figures.kinds.items()} | {HTTP: requests(figures)}
        before = json.loads(self.store.redis.get(f"{PREFIX}log_metrics") or "{}")
        self.store.insist("SET", f"{PREFIX}log_metrics", dumps(now), "EX", KEPT_SECONDS)
        grown = {kind: counts - Counter(before.get(kind, {})) for kind, counts in now.items()} if before else {}
        jobs = sum((counts for kind, counts in grown.items() if kind != HTTP), Counter())
        found = [" ".join([*samples(figures), *counts_of(jobs), *counts_of_requests(grown.get(HTTP, Counter()))])]
        for kind, counts in sorted(grown.items()):
            if kind != HTTP and counts:
                found.append(f"source={re.sub(r'[^A-Za-z0-9_.:-]', '_', kind) or '_'} {' '.join(counts_of(counts))}")
        return found


def counted(counts: Counter[str]) -> Counter[str]:
    """Of a kind's counts, those that only grow, with `wait:n` and `run:n` for the steps of each."""
    found = Counter()
    for name, n in counts.items():
        head, _, which = name.partition(":")
        if head in ("wait", "run") and which != "sum":
            found[f"{head}:n"] += n
        elif head != "is":
            found[name] += n
    return found


def requests(figures: Figures) -> Counter[str]:
    found = Counter()
    for (_route, _method, status), n in figures.of_http("count"):
        found.update({"n": n, "errors": n if status >= "500" else 0})
    found["sum"] = sum(n for _, n in figures.of_http("sum"))
    return found


def samples(figures: Figures) -> Iterator[str]:
    for state, n in figures.pulse.counts.items():
        if state not in FINISHED:
            yield f"sample#{state}={n}"
    yield f"sample#aside={figures.aside} sample#oldest_wait={figures.oldest:.1f}s"
    yield (f"sample#workers={len(figures.workers)} sample#slots={sum(worker.slots for worker in figures.workers)} "
           f"sample#slots_busy={sum(worker.busy for worker in figures.workers)}")
    if memory := figures.pulse.memory:
        yield f"sample#redis_memory={memory.used / 2**20:.1f}MB sample#redis_memory_max={memory.most / 2**20:.1f}MB"
    if connections := figures.pulse.connections:
        yield "sample#redis_connections={} sample#redis_connections_max={}".format(*connections)


def counts_of(counts: Counter[str]) -> Iterable[str]:
    """And the mean of waits and runs, where there were any."""
    yield f"count#accepted={counts['accepted']}"
    yield from (f"count#{state}={counts[f'ended:{state}']}" for state in FINISHED)
    yield from (f"measure#{name}={counts[f'{name}:sum'] / counts[f'{name}:n']:.0f}ms"
                for name in ("wait", "run") if counts[f"{name}:n"])


def counts_of_requests(counts: Counter[str]) -> Iterable[str]:
    yield f"count#requests={counts['n']} count#request_errors={counts['errors']}"
    if counts["n"]:
        yield f"measure#request={counts['sum'] / counts['n'] / 1000:.1f}ms"
