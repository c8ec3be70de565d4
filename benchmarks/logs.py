"""What the log costs: python -m benchmarks.logs [rounds]

The same web process and worker at LOG_LEVEL=WARNING, at INFO in logfmt, and in JSON, in rounds that alternate: jobs
accepted and run in a second, and microseconds of a line by itself.
"""

import logging
import statistics
import sys
import tempfile
import time
from pathlib import Path

from app import lines
from app.scrubber import Scrubber
from benchmarks import figures
from tests.dynos import Dynos, Server

VARIANTS = {"none": {"LOG_LEVEL": "WARNING"}, "logfmt": {"LOG_FORMAT": "logfmt"}, "json": {"LOG_FORMAT": "json"}}
JOB = {"job": "712965c2-3f6e-45f0-9b10-f62e5507451f", "kind": "email", "attempt": 1,
       "request_id": "fda80cf8-176a-487f-8c83-88194101a9ce"}


def main(rounds=5):
    told = {name: [] for name in VARIANTS}
    for _ in range(rounds):
        for name in VARIANTS:
            told[name].append(measure(VARIANTS[name]))
    for name, rows in told.items():
        for what, values in zip(("accepted", "run"), zip(*rows)):
            print(f"{name}, {what}: {statistics.median(values):.0f} a second, {min(values):.0f} to {max(values):.0f}")
    for name, as_json in (("logfmt", False), ("json", True)):
        print(f"a line in {name}: {a_line(as_json):.0f} µs")


def measure(env: dict[str, str]) -> tuple[float, float]:
    server = Server()
    dynos = Dynos(server.url, Path(tempfile.mkdtemp()), RATE_LIMIT="0", LEASE_SECONDS="60", **env)
    try:
        dynos.web()
        dynos.worker(wait=False)
        time.sleep(4)
        return len(figures.post(dynos, figures.EMAIL, 5)) / 5, figures.rate(dynos, 2000)
    finally:
        dynos.end()
        server.stop()


def a_line(as_json: bool, count=20_000) -> float:
    """Microseconds to write one, with the secrets of an app to look for."""
    formatter = lines.Formatter(Scrubber(["0123456789abcdef" * 2 + str(n) for n in range(6)]), as_json)
    lines.in_job(**JOB)
    record = logging.makeLogRecord({"fields": lines.Fields(event="succeeded", duration=0.5), "name": "app.job"})
    began = time.perf_counter()
    for _ in range(count):
        formatter.format(record)
    return (time.perf_counter() - began) / count * 1e6


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
