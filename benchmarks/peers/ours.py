"""The product itself, as any app's jobs are made; its worker: python -m benchmarks.peers.ours"""

from datetime import UTC, datetime

if __name__ == "__main__":
    import worker  # before Celery: it sets what Celery reads when it is imported

# isort: split
from celery import shared_task

from app.config import Settings
from app.queue import make_celery
from benchmarks.peers import ledger

noop = shared_task(name="noop")(ledger.noop)
sleep = shared_task(name="sleep")(ledger.sleep)
if __name__ != "__main__":  # the worker makes its own
    make_celery(Settings.from_env())


def enqueue(count, job, *args):
    task = {"noop": noop, "sleep": sleep}[job]
    for n in range(count):
        task.delay(n, *args)


def schedule(count, at, over):
    for n, due in ledger.dues(count, at, over):
        noop.apply_async((n,), eta=datetime.fromtimestamp(due, UTC))


if __name__ == "__main__":
    worker.main()
