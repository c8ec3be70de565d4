"""arq: one process that runs so many coroutines at a time."""

import asyncio
import os
from datetime import UTC, datetime

from arq import create_pool
from arq.connections import RedisSettings

from benchmarks.peers import ledger

REDIS = RedisSettings.from_dsn(os.environ["REDIS_URL"])


async def noop(ctx, n):
    ledger.noop(n)


async def sleep(ctx, n, seconds):
    ledger.note(n, "start")
    await asyncio.sleep(seconds)
    ledger.note(n, "done")


class WorkerSettings:
    functions = [noop, sleep]
    redis_settings = REDIS
    max_jobs = int(os.environ["SLOTS"])
    if os.environ["SETTINGS"] == "tuned":
        job_timeout = 20
        job_completion_wait = 20


def enqueue(count, job, *args):
    asyncio.run(_enqueue(((job, n, *args), None) for n in range(count)))


def schedule(count, at, over):
    asyncio.run(_enqueue((("noop", n), datetime.fromtimestamp(due, UTC)) for n, due in ledger.dues(count, at, over)))


async def _enqueue(calls):
    pool = await create_pool(REDIS)
    for call, due in calls:
        await pool.enqueue_job(*call, _defer_until=due)
    await pool.aclose()
