"""Huey on Redis."""

import os
from datetime import UTC, datetime

from huey import RedisHuey
from huey.signals import SIGNAL_INTERRUPTED

from benchmarks.peers import ledger

huey = RedisHuey("benchmark", url=os.environ["REDIS_URL"])
noop = huey.task(name="noop")(ledger.noop)
sleep = huey.task(name="sleep")(ledger.sleep)

if os.environ["SETTINGS"] == "tuned":
    @huey.signal(SIGNAL_INTERRUPTED)
    def put_back(signal, task):
        huey.enqueue(task)


def enqueue(count, job, *args):
    task = {"noop": noop, "sleep": sleep}[job]
    for n in range(count):
        task(n, *args)


def schedule(count, at, over):
    for n, due in ledger.dues(count, at, over):
        noop.schedule((n,), eta=datetime.fromtimestamp(due, UTC))
