"""How fast records are taken and written, beside jobs that do nothing: python -m benchmarks.records

One web process, one worker with two slots, all in one run, in turns; by HTTP over eight connections, and from Python in
one thread. Everything runs on this machine at once, so compare the lines with each other.
"""

import os
import tempfile
import time
from pathlib import Path

from app.records import WAITING
from benchmarks.figures import idle, post, say
from dev import redis_server
from tests.dynos import Dynos, Server, wait_for

RECORD = {"event": "click", "page": "/prices", "user": 4711, "at": "2027-01-31T09:00:00+01:00", "note": "x" * 60}
NOW = {"kind": "sample", "params": {"label": "x", "seconds": 0, "steps": 1}}
SECONDS, ROUNDS = 4, 3


def main():
    server = Server()
    say(f"{os.cpu_count()} cores, {Path(redis_server.binary()).name}; one web process, one worker with two slots")
    dynos = Dynos(server.url, Path(tempfile.mkdtemp()), WEB_CONCURRENCY="1", LEASE_SECONDS="60", LOG_LEVEL="WARNING",
                  RATE_LIMIT="0", LOG_RECORDS_MAX="1000000", WAITING_MAX="1000000")
    try:
        dynos.web()
        dynos.worker(wait=False)
        wait_for(lambda: dynos.store.workers(within=30))
        for _ in range(ROUNDS):
            by_http(dynos, "a job", NOW, 1)
            by_http(dynos, "a record", {"kind": "log", "params": {"record": RECORD}}, 1)
            by_http(dynos, "100 records", {"kind": "log", "params": {"records": [RECORD] * 100}}, 100)
            through(dynos, "jobs", jobs, 1, 2000)
            through(dynos, "records one by one", records, 1, 10_000)
            through(dynos, "records by the hundred", records, 100, 50_000)
    finally:
        dynos.end()
        server.stop()


def by_http(dynos, what, body, each):
    rest(dynos)
    count = len(post(dynos, body, SECONDS)) * each
    say(f"accepted by HTTP, {what} in each call: {count / SECONDS:.0f} a second")


def through(dynos, what, make, each, count):
    """Made while the worker runs, until all are done."""
    rest(dynos)
    began = time.perf_counter()
    make(dynos, each, count)
    made = time.perf_counter() - began
    rest(dynos)
    whole = time.perf_counter() - began
    say(f"made in Python, {what}: {count / made:.0f} a second; made and done: {count / whole:.0f} a second")


def jobs(dynos, _each, count):
    for _ in range(count):
        dynos.task("sample").delay(NOW["params"])


def records(dynos, each, count):
    params = {"record": RECORD} if each == 1 else {"records": [RECORD] * each}
    for _ in range(count // each):
        dynos.task("log").delay(params)


def rest(dynos):
    idle(dynos)
    wait_for(lambda: not dynos.store.redis.xlen(WAITING), 600)


if __name__ == "__main__":
    main()
