"""The app in figures, for Prometheus. All that is counted is counted in Redis, so each process tells of all of them,
and a restart or a deploy takes nothing back; only a Redis that forgets its data does."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from app import states, traffic
from app.pulse import SILENT_SECONDS, Pulse, Worker
from app.reader import PREFIX
from app.store import Store

#: Seconds; those of store.lua, and the rest. It may change there: what is in between counts to the next one here.
BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, math.inf)
#: Of a kind that has had no job yet: what appears as 1 has not grown, to Prometheus, and a first failure must be seen.
NONE = {f"is:{state}": 0 for state in states.ALL} | {f"ended:{state}": 0 for state in states.FINISHED} | {
    "accepted": 0, "wait:sum": 0, "run:sum": 0}
#: Jobs of each kind are counted anew no more often than this.
RECOUNT_SECONDS = 60
SCRIPT = (Path(__file__).parent / "metrics.lua").read_text()

#: Values of a family's labels, and the number that goes with them.
Rows = Iterable[tuple[tuple[str, ...], float]]
#: Of each histogram: how many took no more seconds than each bucket, but more than the one before; and how long in all.
Steps = dict[tuple[str, ...], tuple[Counter[float], float]]


class Figures(NamedTuple):
    pulse: Pulse
    kinds: dict[str, Counter[str]]  # the counts of each kind, as store.lua names them
    aside: int  # jobs that came together and have no record yet
    oldest: float  # seconds that the job that waits longest could have been started
    http: dict[str, int]  # as traffic.py names them

    @property
    def workers(self) -> list[Worker]:
        return [worker for worker in self.pulse.workers if self.pulse.now - worker.heard <= SILENT_SECONDS * 1000]

    def of_kinds(self, name: str) -> Iterator[tuple[tuple[str, str], int]]:
        """((kind, what comes after the colon), n) of the counts `name:…`."""
        for kind, counts in sorted(self.kinds.items()):
            for field, n in sorted(counts.items()):
                head, _, which = field.partition(":")
                if head == name:
                    yield (kind, which), n

    def steps_of_kinds(self, name: str) -> Steps:
        """Of the histograms `wait` and `run`, by kind."""
        found = defaultdict(lambda: (Counter(), 0.0))
        for (kind, which), n in self.of_kinds(name):
            steps, total = found[kind,]
            if which == "sum":
                total = n / 1000
            else:
                steps[float(which) / 1000] += n
            found[kind,] = steps, total
        return found

    def of_http(self, name: str) -> Iterator[tuple[tuple[str, str, str], int]]:
        """((route, method, which), n)"""
        for field, n in sorted(self.http.items()):
            what, method, which, route = field.split(" ", 3)
            if what == name:
                yield (route, method, which), n

    def steps_of_http(self) -> Steps:
        """By route and method."""
        found = {labels[:2]: (Counter(), n / 1e6) for labels, n in self.of_http("sum")}
        for (*labels, which), n in self.of_http("step"):
            found[tuple(labels)][0][float(which)] += n
        return found


class Meter:
    """Reads the figures, in two calls of Redis. Args: kinds: that this app has."""

    def __init__(self, store: Store, kinds: Iterable[str]):
        self.store, self.known = store, kinds
        self._script = store.redis.register_script("#!lua flags=no-writes\n" + SCRIPT)

    def read(self) -> Figures:
        """Raises one of app.connections.UNAVAILABLE."""
        pulse = self.store.pulse()
        kinds, counts, aside, since, http = self._read()
        if not add_up(kinds, counts) and self.store.lock("recount", RECOUNT_SECONDS):
            self.store.recount()
            kinds, counts, aside, since, http = self._read()
        return Figures(pulse._replace(counts=counts), kinds, aside,
                       max(pulse.oldest or 0, (pulse.now - float(since)) / 1000), http)

    def _read(self) -> tuple[dict[str, Counter[str]], dict[str, int], int, str, dict[str, int]]:
        rows, counts, aside, since, http = self._script(keys=[PREFIX], args=states.ALL)
        kinds = defaultdict(Counter, {kind: Counter(NONE) for kind in self.known})
        for kind, fields in rows:
            kinds[printable(kind)].update(numbers(fields))
        return kinds, numbers(counts), aside, since, numbers(http)


def numbers(flat: list) -> dict[str, int]:
    return dict(zip(flat[::2], map(int, flat[1::2])))


def printable(name: str) -> str:
    """What one strange name must not do to all others: Prometheus reads no NUL, even in quotes."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def add_up(kinds: dict[str, Counter[str]], counts: dict[str, int]) -> bool:
    return all(n == sum(kind[f"is:{state}"] for kind in kinds.values()) for state, n in counts.items())


class JobsCollector:
    """A Collector of prometheus_client."""

    def __init__(self, meter: Meter):
        self.meter = meter

    def collect(self) -> Iterator[Metric]:
        """Raises one of app.connections.UNAVAILABLE."""
        figures = self.meter.read()
        yield from of_jobs(figures)
        yield from of_workers(figures)
        yield from of_redis(figures.pulse)
        yield from of_http(figures)


def of_jobs(figures: Figures) -> Iterator[Metric]:
    yield gauge("jobs", "Jobs there are.", ("kind", "state"), figures.of_kinds("is"))
    yield gauge("jobs_aside", "Jobs accepted in bulk that have no record yet.", (), [((), figures.aside)])
    yield gauge("job_oldest_wait_seconds", "For how long the job that waits longest could have been started.", (),
                [((), figures.oldest)])
    yield counter("jobs_accepted_total", "Jobs recorded.", ("kind",),
                  (((kind,), counts["accepted"]) for kind, counts in sorted(figures.kinds.items())))
    yield counter("jobs_ended_total", "Jobs that ended. One that is tried again by hand ends again.",
                  ("kind", "outcome"), figures.of_kinds("ended"))
    yield counter("job_attempts_total", "Attempts that ended.", ("kind", "outcome"), figures.of_kinds("attempt"))
    yield histogram("job_wait_seconds", "From when a job could be started until it was, in each attempt.", ("kind",),
                    BUCKETS, figures.steps_of_kinds("wait"))
    yield histogram("job_run_seconds", "How long attempts took; one whose worker died, until that was noticed.",
                    ("kind",), BUCKETS, figures.steps_of_kinds("run"))


def of_workers(figures: Figures) -> Iterator[Metric]:
    for name, words, n in (("workers", "Workers that live.", len(figures.workers)),
                           ("worker_slots", "Jobs that they may run at a time.", sum(w.slots for w in figures.workers)),
                           ("worker_slots_busy", "Jobs that they run.", sum(w.busy for w in figures.workers))):
        yield gauge(name, words, (), [((), n)])


def of_redis(pulse: Pulse) -> Iterator[Metric]:
    """By the names of the exporter that many have; 0 is no limit. What a host does not tell is left out."""
    if pulse.memory:
        yield gauge("redis_memory_used_bytes", "Memory that Redis uses.", (), [((), pulse.memory.used)])
        yield gauge("redis_memory_max_bytes", "Memory that it may use.", (), [((), pulse.memory.most)])
    if pulse.connections:
        yield gauge("redis_connected_clients", "Connections to Redis.", (), [((), pulse.connections[0])])
        yield gauge("redis_config_maxclients", "Connections that there may be.", (), [((), pulse.connections[1])])


def of_http(figures: Figures) -> Iterator[Metric]:
    yield counter("http_requests_total", "Requests answered; one that no route matched is of none.",
                  ("route", "method", "status"), figures.of_http("count"))
    yield histogram("http_request_duration_seconds", "How long it took until the answer began.", ("route", "method"),
                    traffic.BUCKETS, figures.steps_of_http())


def gauge(name: str, words: str, labels: tuple[str, ...], rows: Rows) -> Metric:
    return filled(GaugeMetricFamily(name, words, labels=labels), rows)


def counter(name: str, words: str, labels: tuple[str, ...], rows: Rows) -> Metric:
    return filled(CounterMetricFamily(name, words, labels=labels), rows)


def filled(family: Metric, rows: Rows) -> Metric:
    for values, n in rows:
        family.add_metric(values, n)
    return family


def histogram(name: str, words: str, labels: tuple[str, ...], buckets: tuple[float, ...], rows: Steps) -> Metric:
    family = HistogramMetricFamily(name, words, labels=labels)
    for values, (steps, total) in rows.items():
        family.add_metric(values, [(floatToGoString(most), sum(n for step, n in steps.items() if step <= most))
                                   for most in buckets], total)
    return family
