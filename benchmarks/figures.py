"""The figures of one web process and one worker: python -m benchmarks.figures

Connections, memory, jobs accepted and run in a second, lateness of jobs that fall due, bytes of a scheduled email.
Everything runs on this machine at once, the load too, so a figure is a lower bound.
"""

import http.client
import json
import os
import signal
import statistics
import tempfile
import threading
import time
import uuid
from pathlib import Path

import psutil

from dev import redis_server
from tests.dynos import Dynos, Server, wait_for

HEADERS = {"Authorization": "Bearer test-token", "Content-Type": "application/json"}
EMAIL = {"kind": "email", "delay": 86400, "params": {
    "to": "ada.lovelace@example.com", "subject": "Your report for November", "text": "Hello Ada,\n" + "x" * 100}}


def main():
    server = Server()
    say(f"{os.cpu_count()} cores, {Path(redis_server.binary()).name}; a web and a worker dyno of two processes each")
    dynos = Dynos(server.url, Path(tempfile.mkdtemp()), WEB_CONCURRENCY="2", LEASE_SECONDS="60", DYNO_RAM="512",
                  LOG_LEVEL="WARNING", RATE_LIMIT="0")
    try:
        web, worker = dynos.web(), dynos.worker(wait=False)
        wait_for(lambda: dynos.store.workers(within=30), 30)
        time.sleep(3)
        connections(dynos, "at rest")
        memory(web, worker, "at rest")
        size(dynos)
        accept(dynos, "both web processes")
        connections(dynos, "under load")
        memory(web, worker, "under load")
        web.end()
        dynos.web(WEB_CONCURRENCY="1")
        accept(dynos, "one web process")
        run(dynos)
        lateness(dynos)
    finally:
        dynos.end()
        server.stop()


def say(*words):
    print(*words, flush=True)


def connections(dynos, when):
    ours = {f"{c.laddr.ip}:{c.laddr.port}" for c in psutil.Process().net_connections()}
    say(f"connections {when}: {sum(client['addr'] not in ours for client in dynos.store.redis.client_list())}")


def memory(web, worker, when):
    for name, dyno in (("web", web), ("worker", worker)):
        main_process = psutil.Process(dyno.popen.pid)
        family = [main_process, *main_process.children(recursive=True)]
        pss = [process.memory_full_info().pss / 2**20 for process in family]
        rss = [process.memory_info().rss / 2**20 for process in family]
        say(f"memory {when}, {name}: PSS {sum(pss):.0f} MB in {len(family)} processes; RSS of each "
            + " ".join(f"{megabytes:.0f}" for megabytes in rss))


def size(dynos, count=5000):
    task = dynos.task("email")
    before = dynos.store.redis.info("memory")["used_memory"]
    began = time.perf_counter()
    for _ in range(count):
        task.submit(kwargs={"params": EMAIL["params"]}, countdown=86400, request_id=str(uuid.uuid4()))
    seconds = time.perf_counter() - began
    used = dynos.store.redis.info("memory")["used_memory"] - before
    say(f"a scheduled email: {used / count:.0f} bytes in Redis; {count / seconds:.0f} scheduled a second by one thread")
    dynos.store.redis.flushdb()  # a server of our own


def accept(dynos, who, seconds=8, threads=8):
    """POST /api/jobs, delayed and immediate."""
    for what, body in (("delayed", EMAIL), ("immediate", {"kind": "sample", "params": {"label": "x", "seconds": 0}})):
        taken = post(dynos, body, seconds, threads)
        cuts = statistics.quantiles(taken, n=100)
        say(f"accepted by {who}, {what}: {len(taken) / seconds:.0f} a second, "
            f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms at {threads} clients")


def post(dynos, body, seconds, threads=8) -> list[float]:
    """Returns the seconds that each answer took."""
    body, taken = json.dumps(body).encode(), []
    until = time.perf_counter() + seconds

    def client():
        connection = http.client.HTTPConnection("127.0.0.1", dynos.port)
        while time.perf_counter() < until:
            began = time.perf_counter()
            connection.request("POST", "/api/jobs", body, HEADERS)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 202, answer.status
            taken.append(time.perf_counter() - began)

    crowd = [threading.Thread(target=client) for _ in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    return taken


def run(dynos, count=3000):
    say(f"run by one worker: {rate(dynos, count):.0f} no-op jobs a second")


def rate(dynos, count) -> float:
    """Jobs that one worker runs in a second."""
    idle(dynos)
    dynos.processes[1].signal_all(signal.SIGSTOP)
    for n in range(count):
        dynos.work(str(n))
    dynos.processes[1].signal_all(signal.SIGCONT)
    began = time.perf_counter()
    idle(dynos)
    return count / (time.perf_counter() - began)


def idle(dynos):
    wait_for(lambda: not any(dynos.store.counts()[state] for state in ("queued", "running")), 600)


def lateness(dynos, count=5000, over=30):
    idle(dynos)
    start = dynos.store.now() + 10
    ids = [dynos.store.submit(f"job-{n}", "tests.ledger.work", json.dumps(
        {"args": [str(dynos.ledger), "x"], "kwargs": {}}), due=(start + n * over / count) * 1000, queue="default")[1]
        for n in range(count)]
    time.sleep(max(0, start + over - dynos.store.now()))
    idle(dynos)
    late = sorted(float(r["started"]) - float(r["due"]) for r in map(dynos.store.get, ids))
    say(f"{count} jobs due over {over} s: late p50 {late[count // 2]:.0f} ms, p99 {late[count * 99 // 100]:.0f} ms, "
        f"most {late[-1]:.0f} ms, least {late[0]:.0f} ms")


if __name__ == "__main__":
    main()
