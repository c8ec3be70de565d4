"""What there is to do, also when no worker moves it."""

import json
import math

import pytest

from app.demand import ANY, HEARD_SECONDS, START_SECONDS, Demand, look
from tests.stores import MESSAGE, start, submit


def test_nothing(store, clock):
    assert look(store) == Demand(now=clock())


def test_what_falls_due_and_nobody_promotes_waits(store, clock):
    submit(store, "due", delay=10)
    submit(store, "soon", delay=15 + START_SECONDS)
    submit(store, "far", delay=9000)
    store.create_schedule("s", clock() + 12_000, {"kind": "demo"}, 9)
    store.create_schedule("paused", None, {"kind": "demo"}, 9)
    assert look(store)[1:6] == (0, 0, 0, 2, 10)
    clock.forward(20)
    assert look(store)[1:6] == (10, 2, 0, 1, START_SECONDS - 5)


def test_what_is_queued_or_runs(store, clock):
    submit(store, "a")
    submit(store, "b")
    clock.forward(7)
    store.beat("worker.2-1f3a@host", 4, 1)
    start(store, "a", worker="worker.2-1f3a@host")
    assert look(store)[1:] == (7, 1, 1, 0, math.inf, 4, 2)
    start(store, "b", worker="by-hand@host")
    assert look(store).highest == ANY


def test_what_no_record_tells_of(store, clock):
    """A message of another program's, and a task that opts out of our jobs, as its worker says."""
    store.redis.lpush("default", "one", "two")
    store.beat("worker.1-1f3a@host", 2, 0)
    store.beat("worker.3-1f3a@host", 2, 1)
    assert look(store, ["default"]) == Demand(now=clock(), waiting=1, slots=2, highest=3)
    assert look(store).waiting == 0, "from before there was another broker"
    store.redis.rename("default", "mail\x06\x169")
    assert [look(store, queues).waiting for queues in (["default"], ["default", "mail"])] == [0, 1]
    clock.forward(HEARD_SECONDS + 1)
    assert look(store).highest == 0


def test_records_wait_for_a_worker_too(store, clock):
    records = pytest.importorskip("app.records")
    store.redis.xadd(records.WAITING, {"record": "{}"})
    assert look(store) == Demand(now=clock(), waiting=1)


def test_jobs_that_came_together_wait_before_they_have_their_records(store, clock):
    wish = {"kind": "demo", "queue": "default", "due": clock()}
    store.stage("bulk", [json.dumps((id, MESSAGE, wish)) for id in "abc"])
    assert look(store).waiting == 0
    store.accept("bulk", 3, 100, None, "x")
    clock.forward(5)
    assert look(store)[1:3] == (5, 3)
    while store.unfold(10):
        pass
    clock.forward(1)
    assert look(store).waiting == 3


def test_what_somebody_deleted_by_hand_does_no_harm(store):
    submit(store)
    start(store)
    store.redis.delete("jobs:job:a")
    assert look(store).running == 1
    store.redis.zrem("jobs:running", "a")
    store.redis.zrem("jobs:all", "a")
