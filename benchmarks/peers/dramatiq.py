"""Dramatiq on Redis."""

import os
import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peers import ledger

TUNED = {"heartbeat_timeout": 10_000, "maintenance_chance": 100_000}  # ms; of a million
broker = RedisBroker(url=os.environ["REDIS_URL"], **(TUNED if os.environ["SETTINGS"] == "tuned" else {}))
dramatiq.set_broker(broker)

noop = dramatiq.actor(ledger.noop)
sleep = dramatiq.actor(ledger.sleep)


def enqueue(count, job, *args):
    actor = broker.get_actor(job)
    for n in range(count):
        actor.send(n, *args)


def schedule(count, at, over):
    for n, due in ledger.dues(count, at, over):
        noop.send_with_options(args=(n,), delay=max(0, int((due - time.time()) * 1000)))
