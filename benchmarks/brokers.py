"""What holds on each broker, and how fast it is: python -m benchmarks.brokers [RabbitMQ …]

Runs the checks of tests/brokers on each, then jobs that do nothing: made by one process, then run by a worker with two
slots. Writes the tables into docs/brokers.md when every broker was there.
"""

import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psutil

from benchmarks.figures import say
from benchmarks.tables import put, table
from tests.brokers.checks import CHECKS
from tests.brokers.servers import BROKERS, Redis
from tests.dynos import ROOT, Dynos, Server, wait_for

JOBS = 1000
FIGURES = ("made a second", "run a second", "connections of a worker", "MB of the broker")
ALL = {"Redis": (Redis, lambda: ""), **BROKERS}
DOCS = ROOT / "docs" / "brokers.md"


def main(names: list[str]):
    names = names or list(ALL)
    for name in names:
        if missing := ALL[name][1]():
            sys.exit(f"{name} is not here: {missing}")
    figures = [measured(name, rate) for name in names]  # one after the other
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        held = list(pool.map(measured, names, [check] * len(names)))
    tables = {"holds": table(*zip(["", *CHECKS], *held)), "figures": table(["", *FIGURES], *figures)}
    say("\n\n".join(tables.values()))
    if names == list(ALL):
        put(DOCS, **tables)


def measured(name: str, how) -> list[str]:
    return [name, *on_its_own(ALL[name][0], how)]


def on_its_own(make, measure) -> list[str]:
    folder, store = Path(tempfile.mkdtemp()), Server()
    broker = make(folder)
    app = Dynos(store.url, folder, BROKER_URL=broker.url, QUEUES="mail", **broker.env)
    try:
        return measure(app, broker)
    finally:
        app.end()
        broker.end()
        store.stop()


def check(app, broker) -> list[str]:
    app.worker()
    return [verdict(name, app, broker) for name in CHECKS]


def verdict(name, app, broker) -> str:
    if name in broker.gaps:
        return "–"
    try:
        CHECKS[name](app, broker)
    except AssertionError as error:
        say(f"{name}: {error}")
        return "**no**"
    return broker.instead.get(name, "yes").partition(":")[0]


def rate(app, broker) -> list[str]:
    task, began = app.task("returns"), time.perf_counter()
    for _ in range(JOBS):
        task.delay("none")
    made = JOBS / (time.perf_counter() - began)
    worker = app.worker(LOG_LEVEL="WARNING", wait=False)
    wait_for(lambda: app.store.counts()["succeeded"] > 0, 60)
    began, first = time.perf_counter(), app.store.counts()["succeeded"]
    wait_for(lambda: app.store.counts()["succeeded"] == JOBS, 600)
    run = (JOBS - first) / (time.perf_counter() - began)
    main = psutil.Process(worker.popen.pid)
    opened = sum(c.raddr[1:] == (broker.port,) and c.status == "ESTABLISHED"
                 for process in [main, *main.children(recursive=True)] for c in process.net_connections())
    return [f"{made:.0f}", f"{run:.0f}", str(opened), memory(broker)]


def memory(broker) -> str:
    if not getattr(broker, "real", False):
        return ""
    main = psutil.Process(broker.process.pid)
    return f"{sum(p.memory_info().rss for p in [main, *main.children(recursive=True)]) / 2**20:.0f}"


if __name__ == "__main__":
    main(sys.argv[1:])
