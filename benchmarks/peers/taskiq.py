"""taskiq on Redis streams, the broker that its documentation names for reliability. A delay takes a process more."""

import asyncio
import os

from taskiq_redis import RedisStreamBroker

from benchmarks.peers import ledger

TUNED = {"idle_timeout": 10_000, "xread_count": 1, "unacknowledged_lock_timeout": 10}  # ms; messages; s
broker = RedisStreamBroker(os.environ["REDIS_URL"], **(TUNED if os.environ["SETTINGS"] == "tuned" else {}))


@broker.task(task_name="noop")
async def noop(n: int) -> None:
    ledger.noop(n)


@broker.task(task_name="sleep")
async def sleep(n: int, seconds: float) -> None:
    ledger.note(n, "start")
    await asyncio.sleep(seconds)
    ledger.note(n, "done")


def enqueue(count, job, *args):
    asyncio.run(_enqueue(count, {"noop": noop, "sleep": sleep}[job], args))


async def _enqueue(count, task, args):
    await broker.startup()
    for n in range(count):
        await task.kiq(n, *args)
    await broker.shutdown()
