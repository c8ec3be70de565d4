"""What the app takes of the smallest plan's 20 connections. The README's table says these numbers."""

import json
import re
import sys
import threading
import time
import urllib.request

import psutil
import pytest

from app import check
from tests.dynos import ROOT, Server, wait_for
from tests.log_lines import parse_all

HEADERS = {"Authorization": "Bearer test-token", "Content-Type": "application/json"}
JOB = {"kind": "sample", "params": {"label": "x", "seconds": 0.01}}


def load(dynos, seconds):
    """Keep every thread of the web process and every slot of the workers busy, with jobs that make jobs too."""
    body = json.dumps(JOB).encode()
    stop = threading.Event()

    def post():
        while not stop.is_set():
            urllib.request.urlopen(urllib.request.Request(
                dynos.base + "/api/jobs", body, HEADERS)).close()

    threads = [threading.Thread(target=post) for _ in range(12)]
    for thread in threads:
        thread.start()
    work = dynos.task("work")
    for _ in range(100):
        work.apply_async((str(dynos.ledger), "x"), link=work.si(str(dynos.ledger), "y"))
        stop.wait(seconds / 100)
    most = max(connections(dynos) for _ in range(20))
    stop.set()
    for thread in threads:
        thread.join()
    return most


def connections(dynos):
    """Those of the app, without the ones of this test."""
    ours = {f"{c.laddr.ip}:{c.laddr.port}" for c in psutil.Process().net_connections()}
    return sum(client["addr"] not in ours for client in dynos.store.redis.client_list())


def promised():
    """The connections in use that the README's table names, row by row."""
    return [int(number) for number in re.findall(r"\| \d+ / (\d+) \|", (ROOT / "README.md").read_text())]


def test_connections_stay_within_what_the_readme_says(redis, make_dynos):
    dynos = make_dynos(redis.url, WEB_CONCURRENCY="2", DYNO_RAM="512", LOG_LEVEL="WARNING")
    dynos.web(RATE_LIMIT="0")
    dynos.worker(wait=False)
    wait_for(lambda: len(dynos.store.workers(within=20)) == 1)
    one, two = promised()
    assert one <= 12
    assert [check.opened(dynos.celery.settings, 1, workers)[0] for workers in (1, 2)] == [one, two]
    assert load(dynos, 3) <= one
    dynos.worker(wait=False)
    wait_for(lambda: len(dynos.store.workers(within=20)) == 2)
    assert load(dynos, 3) <= two


@pytest.mark.thorough
def test_remote_control_takes_as_many_more_as_a_release_is_told(redis, make_dynos):
    dynos, taken = make_dynos(redis.url), []
    for remote in "01":
        worker = dynos.worker(REMOTE_CONTROL=remote)
        taken.append(settled(lambda: connections(dynos)))
        worker.end()
        wait_for(lambda: connections(dynos) == 0)
    assert taken[1] - taken[0] == check.REMOTE_CONTROL_CONNECTIONS


def settled(look, seconds=6):
    """What it says when it has said the same for so long; a worker opens some when it first looks for lost jobs."""
    said, since = look(), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.2)
        if (now := look()) != said:
            said, since = now, time.monotonic()
    return said


def create(dynos) -> str:
    request = urllib.request.Request(dynos.base + "/api/jobs", json.dumps(JOB).encode(), HEADERS)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["id"]


def test_connections_that_the_server_cut_for_being_idle_are_noticed_by_nobody(make_dynos):
    server = Server(None, "--timeout", "5")
    dynos = make_dynos(server.url, WEB_CONCURRENCY="2", LOG_LEVEL="INFO")
    try:
        web, worker = dynos.web(RATE_LIMIT="0"), dynos.worker()
        for _ in range(2):
            ids = [create(dynos) for _ in range(10)]  # both processes of each, and what they publish with
            ids.append(dynos.task("work").apply_async((str(dynos.ledger), "x"), retry=False).id)
            assert {dynos.wait(id)["state"] for id in ids} == {"succeeded"}
            assert {dynos.job(id)["attempt"] for id in ids} == {1}
            time.sleep(8)
        for process in (web, worker):
            found = [line for line in parse_all(process.text()) if line["logger"] != "py.warnings"]
            assert {line["level"] for line in found} == {"info"}
            assert not re.search("Traceback|out of reach|lost", str(found))
    finally:
        server.stop()


def test_while_two_releases_overlap_each_job_runs_where_there_is_code_for_it(make_dynos):
    """As on the smallest plan: the old worker, which lacks the new kind, still lives while the new release starts."""
    server = Server(None, "--maxclients", "20")
    dynos = make_dynos(server.url, WEB_CONCURRENCY="2")
    try:
        old = dynos._start([sys.executable, "worker.py"], "old", {"RELEASE": "v1"})
        wait_for(lambda: "ready." in old.text(), 60)
        dynos.web(RELEASE="v2")
        ids = [create(dynos) for _ in range(20)]
        wait_for(lambda: "no code for the kind sample here" in old.text())
        dynos.worker(RELEASE="v2")
        ids += [create(dynos) for _ in range(20)]
        wait_for(lambda: sorted(entry.release for entry in dynos.store.pulse().workers) == ["v1", "v2"])
        old.signal_all(15)
        assert old.wait() == 0
        for id in ids:
            job = dynos.wait(id, seconds=60)
            assert (job["state"], job["attempt"]) == ("succeeded", 1)
    finally:
        server.stop()
