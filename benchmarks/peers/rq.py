"""RQ: its workers import the functions themselves."""

import os
from datetime import UTC, datetime

from redis import Redis
from rq import Queue, Retry

from benchmarks.peers import ledger

OPTIONS = {"retry": Retry(max=3)} if os.environ["SETTINGS"] == "tuned" else {}
queue = Queue(connection=Redis.from_url(os.environ["REDIS_URL"]))


def enqueue(count, job, *args):
    function = {"noop": ledger.noop, "sleep": ledger.sleep}[job]
    for n in range(count):
        queue.enqueue(function, n, *args, **OPTIONS)


def schedule(count, at, over):
    for n, due in ledger.dues(count, at, over):
        queue.enqueue_at(datetime.fromtimestamp(due, UTC), ledger.noop, n, **OPTIONS)
