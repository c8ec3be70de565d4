"""What the app takes of the smallest plan: 20 connections, 512 MB a dyno. The README's table says these numbers."""

import json
import re
import threading
import urllib.request

import psutil

from tests.dynos import ROOT, wait_for


def load(dynos, seconds):
    """Keep every thread of the web process and every slot of the workers busy."""
    body = json.dumps({"kind": "sample", "params": {"label": "x", "seconds": 0.01}}).encode()
    stop = threading.Event()

    def post():
        while not stop.is_set():
            urllib.request.urlopen(urllib.request.Request(
                dynos.base + "/api/jobs", body,
                {"Authorization": "Bearer test-token", "Content-Type": "application/json"})).close()

    threads = [threading.Thread(target=post) for _ in range(12)]
    for thread in threads:
        thread.start()
    stop.wait(seconds)
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


def test_connections_and_memory_stay_within_what_the_readme_says(redis, make_dynos):
    dynos = make_dynos(redis.url, WEB_CONCURRENCY="2", DYNO_RAM="512", LOG_LEVEL="WARNING")
    web, worker = dynos.web(), dynos.worker(wait=False)
    wait_for(lambda: len(dynos.store.workers(within=20)) == 1)
    one, two = promised()
    assert load(dynos, 4) <= one
    for dyno in (web, worker):
        main = psutil.Process(dyno.popen.pid)
        used = sum(p.memory_full_info().pss for p in [main, *main.children(recursive=True)])
        assert used < 512 * 2**20
    dynos.worker(wait=False)
    wait_for(lambda: len(dynos.store.workers(within=20)) == 2)
    assert load(dynos, 4) <= two
