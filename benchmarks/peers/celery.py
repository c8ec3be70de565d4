"""Celery on Redis, without a result backend, which it does not need."""

import os
from datetime import UTC, datetime

from celery import Celery

from benchmarks.peers import ledger

app = Celery("benchmark", broker=os.environ["REDIS_URL"])
if os.environ["SETTINGS"] != "default":
    app.conf.task_acks_late = True
if os.environ["SETTINGS"] == "tuned":
    app.conf.update(
        task_reject_on_worker_lost=True, worker_prefetch_multiplier=1, worker_soft_shutdown_timeout=20,
        broker_transport_options={"visibility_timeout": 30})  # ten times what a job takes

noop = app.task(name="noop")(ledger.noop)
sleep = app.task(name="sleep")(ledger.sleep)


def enqueue(count, job, *args):
    task = app.tasks[job]
    for n in range(count):
        task.delay(n, *args)


def schedule(count, at, over):
    for n, due in ledger.dues(count, at, over):
        noop.apply_async((n,), eta=datetime.fromtimestamp(due, UTC))
