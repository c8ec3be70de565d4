"""Jobs accepted by one web process, one by one and in bulk, beside a bare Flask view that pushes to a list of Redis."""

import json
import shutil
import socket
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from benchmarks.figures import EMAIL, HEADERS
from benchmarks.speed.chart import bars
from benchmarks.tables import table
from tests.dynos import Dynos, Server

CLIENTS, SECONDS, BULK, PATIENCE = 8, 6, 10_000, 10
NOW = {"kind": "sample", "params": {"label": "x", "seconds": 0}}
BARE, LATER, SOON = "a bare view that pushes to a list", "an email for tomorrow", "a no-op job for now"
BULK_LATER, BULK_SOON = f"{BULK:,} emails for tomorrow, in bulk", f"{BULK:,} no-op jobs for now, in bulk"
HEAD = (f"accepted by one web process, {CLIENTS} clients", "jobs a second", "× the bare view", "p50", "p99",
        "p50 at half of that", "p99 at half of that")


class Speed(NamedTuple):
    """Jobs a second at full load; seconds that an answer took then, and at half of that load."""

    rate: float
    p50: float = 0
    p99: float = 0
    half_p50: float = 0
    half_p99: float = 0


class Bare(Dynos):
    """The web process of bare.py, served as ours is."""

    WEB = "benchmarks.speed.bare:app"


def measure(options) -> dict[str, Speed]:
    found = {}
    for _ in range(options.rounds):
        for dynos, jobs in ((Bare, {BARE: EMAIL}), (Dynos, {LATER: EMAIL, SOON: NOW})):
            for name, speed in on_its_own(dynos, jobs):
                found.setdefault(name, []).append(speed)
                print(name, speed, flush=True)
    return {name: Speed(*map(median, zip(*speeds))) for name, speeds in found.items()}


def on_its_own(dynos, jobs):
    server, folder = Server(), Path(tempfile.mkdtemp())
    app = dynos(server.url, folder, RATE_LIMIT="0")
    try:
        app.web()
        for name, job in jobs.items():
            yield name, speed(app, job)
        if dynos is Dynos:
            for name, job in ((BULK_LATER, EMAIL), (BULK_SOON, NOW)):
                yield name, Speed(BULK / in_bulk(app.base, json.dumps(job).encode() + b"\n"))
    finally:
        app.end()
        server.stop()
        shutil.rmtree(folder)


def in_bulk(base: str, line: bytes) -> float:
    """Returns the seconds until all were accepted."""
    headers = HEADERS | {"Content-Type": "application/x-ndjson"}
    request = urllib.request.Request(base + "/api/jobs/bulk", line * BULK, headers)
    began = time.perf_counter()
    with urllib.request.urlopen(request) as told:
        assert json.load(told)["accepted"] == BULK
    return time.perf_counter() - began


def speed(app, job) -> Speed:
    taken = load(app.port, job)
    rate, half = len(taken) / SECONDS, load(app.port, job, len(taken) / SECONDS / 2)
    cuts, half_cuts = quantiles(taken, n=100), quantiles(half, n=100)
    return Speed(rate, cuts[49], cuts[98], half_cuts[49], half_cuts[98])


def load(port: int, job: dict, rate: float | None = None) -> list[float]:
    """Returns the seconds that each answer took: from when its request was due, if they come at a rate."""
    body = json.dumps(job).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    request = f"POST /api/jobs HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    taken, began = [], time.perf_counter()

    def client(n: int):
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            due = began + (n / rate if rate else 0)
            while due < began + SECONDS:
                time.sleep(max(0, due - time.perf_counter()))
                connection.sendall(request)
                answer(connection)
                now = time.perf_counter()
                taken.append(now - due)
                due = due + CLIENTS / rate if rate else now

    crowd = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    return taken


def answer(connection) -> None:
    got = b""
    while b"\r\n\r\n" not in got:
        got += more(connection)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 202"), got[:500]
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += more(connection)


def more(connection) -> bytes:
    got = connection.recv(65536)
    assert got, "the connection was closed"
    return got


def report(found: dict[str, Speed]) -> dict[str, str]:
    base = found[BARE].rate
    return {"accept": table(HEAD, *([name, f"{speed.rate:,.0f}", f"{speed.rate / base:.2f}", *map(ms, speed[1:])]
                                    for name, speed in found.items()))}


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds else "–"


def draw(found: dict[str, Speed]) -> None:
    bars("accept", "Jobs accepted in a second by one web process", {name: speed.rate for name, speed in found.items()})
