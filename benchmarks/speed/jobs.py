"""No-op jobs: how many one process makes in a second, one worker runs, and both do at the same time."""

from statistics import median
from typing import NamedTuple

from benchmarks.peers import FIRST
from benchmarks.speed.bench import SLOTS, Bench, peers
from benchmarks.speed.chart import bars
from benchmarks.tables import table

JOBS = 3000
ALL = ("later", "later, quiet", "Celery", "Celery, acks late", "Dramatiq", "RQ", "Huey", "taskiq", "arq")
#: RQ forks for each job; arq looks for new ones every half second.
FEWER = {"RQ": 400, "arq": 60}
BASE = "Celery"
HEAD = (f"jobs a second (× {BASE})", "acknowledged", "made by one process", f"run by one worker of {SLOTS}",
        "made and run at a time", "Redis' own time for each", "one Redis has room for")


class Rates(NamedTuple):
    """Jobs a second; and the microseconds of its one core that Redis had for each."""

    made: float
    run: float
    both: float
    redis: float


def measure(options) -> dict[str, Rates]:
    found = {name: [] for name in ALL}
    for _ in range(options.rounds):
        for peer in peers(*ALL):  # in turns, as the machine has its moods
            found[peer.name].append(rates(peer))
            print(peer.name, *(f"{value:.0f}" for value in found[peer.name][-1]), flush=True)
    return {name: Rates(*map(median, zip(*each))) for name, each in found.items()}


def rates(peer) -> Rates:
    count = FEWER.get(peer.name, JOBS)
    with Bench(peer) as bench:
        made = count / bench.enqueue(count)["seconds"]
        bench.worker()
        bench.wait(count)
        times = sorted(line.time for line in bench.lines())
        first = count // 10  # by then each of its processes has started
        run = (count - first) / (times[-1] - times[first])
    with Bench(peer) as bench:
        bench.warm()
        before = busy(bench)
        told = bench.enqueue(count)
        bench.wait(count)
        both = count / (max(line.time for line in bench.lines()) - told["at"])
        return Rates(made, run, both, (busy(bench) - before) / count * 1e6)


def busy(bench) -> float:
    cpu = bench.redis.info("cpu")
    return cpu["used_cpu_user"] + cpu["used_cpu_sys"]


def report(found: dict[str, Rates]) -> dict[str, str]:
    base = found[BASE]
    rows = []
    for peer in peers(*ALL):
        of = found[peer.name]
        rows.append([peer.name, guarantee(peer), *map(times, of[:3], base[:3]), f"{of.redis:.0f} µs",
                     f"{1e6 / of.redis:,.0f}"])
    return {"jobs": table(HEAD, *rows)}


def draw(found: dict[str, Rates]) -> None:
    bars("jobs", "Jobs a second that one process makes and one worker runs at the same time",
         {name: rates.both for name, rates in found.items()})


def times(rate: float, base: float) -> str:
    return f"{rate:,.0f} ({rate / base:.2f})"


def guarantee(peer) -> str:
    how = "before the work" if peer.acknowledges == FIRST else "after the work"
    return f"{how}, with a record and a lease" if peer.module == "ours" else how
