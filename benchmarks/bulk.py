"""How fast jobs are accepted in bulk: python -m benchmarks.bulk

One web process, no worker; emails for tomorrow, and no-op jobs for now. Beside it the same jobs one by one over one
connection, and the longest that Redis was busy with one command meanwhile.
"""

import http.client
import json
import os
import tempfile
import time
from pathlib import Path

from benchmarks.figures import EMAIL, HEADERS, say
from dev import redis_server
from tests.dynos import Dynos, Server

NOW = {"kind": "sample", "params": {"label": "x", "seconds": 0}}


def main():
    server = Server()
    say(f"{os.cpu_count()} cores, {Path(redis_server.binary()).name}; one web process")
    dynos = Dynos(server.url, Path(tempfile.mkdtemp()), WEB_CONCURRENCY="1", LOG_LEVEL="WARNING", RATE_LIMIT="0")
    dynos.store.redis.config_set("slowlog-log-slower-than", 0)
    dynos.store.redis.config_set("slowlog-max-len", 100_000)
    try:
        dynos.web()
        for what, job in (("emails for tomorrow", EMAIL), ("jobs for now", NOW)):
            one_by_one(dynos, what, job)
            for count in (100, 1000, 10_000):
                bulk(dynos, what, job, count)
    finally:
        dynos.end()
        server.stop()


def bulk(dynos, what, job, count):
    body = b"".join(json.dumps(job).encode() + b"\n" for _ in range(count))
    dynos.store.redis.flushdb()  # a server of our own
    dynos.store.redis.slowlog_reset()
    seconds, answer = post(dynos, "/api/jobs/bulk", body, "application/x-ndjson")
    assert answer["accepted"] == count == sum(dynos.store.counts().values())
    busiest = max(entry["duration"] for entry in dynos.store.redis.slowlog_get(-1))
    say(f"{count} {what} in one request of {len(body) / 1e6:.1f} MB: {seconds:.2f} s, {count / seconds:.0f} a second; "
        f"Redis busy for {busiest / 1000:.0f} ms at most")


def one_by_one(dynos, what, job, count=500):
    connection, began = http.client.HTTPConnection("127.0.0.1", dynos.port), time.perf_counter()
    for _ in range(count):
        connection.request("POST", "/api/jobs", json.dumps(job), HEADERS)
        assert json.load(connection.getresponse())["id"]
    say(f"{count} {what}, one by one: {count / (time.perf_counter() - began):.0f} a second")


def post(dynos, path, body, type):
    connection, began = http.client.HTTPConnection("127.0.0.1", dynos.port), time.perf_counter()
    connection.request("POST", path, body, HEADERS | {"Content-Type": type})
    answer = json.load(connection.getresponse())
    return time.perf_counter() - began, answer


if __name__ == "__main__":
    main()
