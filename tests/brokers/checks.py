"""What has to hold on every broker. Each check gets an app that has a queue `mail` and one worker, and its broker; it
leaves one of each."""

import re
import signal
import time

from celery import chain, chord, group
from kombu.utils import json

from app.job import encode, publish
from tests.dynos import wait_for


def delayed(app, broker):
    id = app.work("delayed", countdown=2)
    job = app.wait(id)
    assert job["state"] == "succeeded"
    assert job["started_at"] >= job["due_at"]


def retry(app, broker):
    job = app.wait(app.task("again").delay(str(app.ledger), "again", 1).id)
    assert (job["state"], job["attempt"]) == ("succeeded", 3)


def chain_of_jobs(app, broker):
    add = app.task("add")
    assert chain(add.s(1, 2), add.s(3).set(countdown=1), add.s(4))().get(timeout=60) == 10


def group_of_jobs(app, broker):
    add = app.task("add")
    assert sorted(group(add.s(n, n) for n in range(5))().get(timeout=60)) == [0, 2, 4, 6, 8]


def chord_of_jobs(app, broker):
    add, total = app.task("add"), app.task("total")
    assert chord((add.s(n, n) for n in range(5)), total.s())().get(timeout=60) == 20


def progress(app, broker):
    id = app.work("reports", 2, checkpoints=True)
    wait_for(lambda: 0 < (app.job(id)["progress"] or {"done": 0})["done"] < 2)
    assert app.wait(id)["state"] == "succeeded"


def cancel_queued(app, broker):
    busy = [app.work(f"busy-{n}", 3) for n in range(2)]
    wait_for(lambda: len(app.lines("start busy")) == 2)
    id = app.work("never")
    assert app.store.cancel(id) == "cancelled"
    assert {app.wait(other)["state"] for other in busy} == {"succeeded"}
    assert app.wait(app.work("after"))["state"] == "succeeded"
    assert app.lines("start never") == []


def cancel_running(app, broker):
    id = app.work("stops", 60, checkpoints=True)
    wait_for(lambda: app.lines("start stops"))
    assert app.store.cancel(id) == "running"
    assert app.wait(id)["state"] == "cancelled"


def another_queue(app, broker):
    assert app.wait(app.work("in another", queue="mail"))["state"] == "succeeded"


def message_lost(app, broker):
    """Recorded, and never told of."""
    work = app.task("work")
    message, queue = work.prepare((str(app.ledger), "untold"), {}, {})
    app.store.submit("untold", work.name, encode(work.name, message), queue=queue)
    assert app.wait("untold")["state"] == "succeeded"


def message_doubled(app, broker):
    id = app.work("once", 2)
    wait_for(lambda: app.lines("start once"))
    for _ in range(3):
        tell_again(app, id)
    assert app.wait(id)["state"] == "succeeded"
    wait_for(lambda: told_again(app, [id]) >= 3)
    assert app.lines("start once") == ["start once"]


def long_queue(app, broker):
    """While it is worked off nobody takes its messages for lost. A few: those that are on their way to a worker as
    messages are counted, or that a broker which does not tell what it holds leaves to be guessed."""
    ids = [app.work(f"long-{n}", 0.4) for n in range(60)]
    for id in ids:
        assert app.wait(id, seconds=90)["state"] == "succeeded"
    assert app.wait(app.work("behind them"))["state"] == "succeeded"
    assert len(app.lines("start long-")) == 60
    again = told_again(app, ids)
    assert again <= 6, f"{again} messages came again"


def worker_stopped(app, broker):
    """It takes nothing more, and what it has begun goes to the next one at once."""
    ids = [app.work("given back", 9), app.work("ends", 2)]
    wait_for(lambda: app.lines("start given back") and app.lines("start ends"))
    ids.append(app.work("waits"))
    worker = app.processes[-1]
    worker.signal_all(signal.SIGTERM)
    assert worker.wait() == 0
    assert app.lines("done ends") and not app.lines("start waits")
    app.worker()
    assert [app.wait(id, seconds=60)["state"] for id in ids] == ["succeeded"] * 3
    assert [app.job(id)["attempt"] for id in ids] == [1, 1, 1]
    assert len(app.lines("done given back")) == 1


def worker_killed(app, broker):
    ids = [app.work(f"killed-{n}", 2) for n in range(6)]
    wait_for(lambda: len(app.lines("start killed")) == 2)
    app.processes[-1].signal_all(signal.SIGKILL)
    app.worker()
    for id in ids:
        assert app.wait(id, seconds=90)["state"] == "succeeded"
    assert sorted(app.lines("done killed")) == [f"done killed-{n}" for n in range(6)]
    assert len(app.lines("start killed")) == 8


def broker_restarted(app, broker):
    """By its death, while two jobs run and others wait; meanwhile more are accepted."""
    ids = [app.work(f"restart-{n}", 3) for n in range(6)]
    wait_for(lambda: len(app.lines("start restart")) == 2)
    broker.stop(signal.SIGKILL)
    ids += [app.work(f"restart-{n}", 0.1) for n in range(6, 9)]
    time.sleep(2)
    broker.start()
    for id in ids:
        assert app.wait(id, seconds=90)["state"] == "succeeded"
    assert sorted(app.lines("start restart")) == [f"start restart-{n}" for n in range(9)]


#: What the table in docs/brokers.md calls each.
CHECKS = {
    "delayed": delayed, "retry": retry, "chain": chain_of_jobs, "group": group_of_jobs, "chord": chord_of_jobs,
    "progress": progress, "cancel, queued": cancel_queued, "cancel, running": cancel_running,
    "another queue": another_queue, "message lost": message_lost, "message doubled": message_doubled,
    "long queue": long_queue,
    "worker stopped": worker_stopped, "worker killed": worker_killed, "broker killed": broker_restarted,
}


def tell_again(app, id):
    ((_, kind, message),) = app.store.messages([id])
    assert publish(app.celery, id, kind, json.loads(message))


def told_again(app, ids) -> int:
    """How many messages came for jobs that were taken already."""
    text = "".join(process.text() for process in app.processes)
    return sum(len(re.findall(rf"event=ignored job={id}\b", text)) for id in ids)
