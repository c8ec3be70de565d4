"""What there is to do at a moment, for whoever decides how many workers run. Read without moving anything: at no
workers nobody promotes what falls due, so a job past its time counts as one that waits."""

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from app.reader import PREFIX
from app.store import Store
from app.transports.redis import lists

#: A dyno needs so long to start, and Celery in it, in seconds.
START_SECONDS = 30
#: Workers call themselves after their dyno: worker.2-1f3a@host.
DYNO = re.compile(r"([a-z][a-z0-9_-]*)\.([0-9]+)-")
#: On a dyno that has no number: it could be any.
ANY = 1_000_000
#: A worker beats every 5 s. What one that was heard of longer ago said to run, its leases tell of, or nobody.
HEARD_SECONDS = 20


class Demand(NamedTuple):
    now: float = 0.0  # ms since 1970 on the clock of Redis
    wait: float = 0.0  # seconds that the oldest due job waits
    waiting: int = 0  # jobs that are due and not started
    running: int = 0
    soon: int = 0  # fall due within START_SECONDS
    next: float = math.inf  # seconds until the next one falls due
    slots: int = 0  # jobs at a time of a worker; 0 where none has told
    highest: int = 0  # number of the last worker dyno that runs something; 0 for none


def look(store: Store, queues: Iterable[str] = ()) -> Demand:
    """Raises one of app.connections.UNAVAILABLE.

    Args:
        queues: those whose messages this Redis carries too. One that another program has put there, and that has no
            record until a worker takes it, counts as a job that waits.
    """
    now = store.now() * 1000
    scheduled, schedules, queued, running, bulks, workers, *others = _sets(store, now, queues)
    pipe = store.redis.pipeline(transaction=False)
    for bulk, _ in bulks:
        pipe.llen(f"{PREFIX}bulk:{bulk}")
    for id in running:
        pipe.hget(f"{PREFIX}job:{id}", "worker")
    for worker, _ in workers:
        pipe.hmget(f"{PREFIX}worker:{worker}", "slots", "busy")
    told = pipe.execute()
    staged, runners, said = told[:len(bulks)], told[len(bulks):][:len(running)], told[len(bulks) + len(running):]
    ahead = [at for _, _, _, coming in (scheduled, schedules) for _, at in coming if at < math.inf]
    heads = [at for _, at in [*queued[1], *bulks, *scheduled[2], *schedules[2]] if at <= now]
    # Tasks that opt out of our jobs have no record; their workers say that they run something.
    runners += [worker for (worker, heard), (_, busy) in zip(workers, said)
                if int(busy or 0) and now - heard <= HEARD_SECONDS * 1000]
    waiting = queued[0] + scheduled[0] + schedules[0] + sum(staged)
    return Demand(
        now, (now - min(heads, default=now)) / 1000, waiting or int(any(others)), len(running),
        scheduled[1] + schedules[1], (min(ahead) - now) / 1000 if ahead else math.inf,
        int(said[0][0] or 0) if said else 0, max(map(number, runners), default=0))


def _sets(store: Store, now: float, queues: Iterable[str]) -> list:
    """Of what falls due: how many have, how many will soon, the first that has, the first that will. Of what is queued:
    how many, the first. Then the ids of what runs, the bulks, the workers, the one heard of last first; whether there
    are records of app.records, which only a worker writes; and of each of the queues, whether there are messages."""
    pipe = store.redis.pipeline(transaction=False)
    for name in ("scheduled", "schedules"):
        pipe.zcount(PREFIX + name, "-inf", now)
        pipe.zcount(PREFIX + name, f"({now}", now + START_SECONDS * 1000)
        pipe.zrange(PREFIX + name, 0, 0, withscores=True)
        pipe.zrangebyscore(PREFIX + name, f"({now}", "+inf", 0, 1, withscores=True)
    pipe.zcount(PREFIX + "queued", "-inf", "(inf")  # without those whose turn it is not
    pipe.zrange(PREFIX + "queued", 0, 0, withscores=True)
    pipe.zrange(PREFIX + "running", 0, -1).zrange(PREFIX + "bulks", 0, -1, withscores=True)
    pipe.zrevrange(PREFIX + "workers", 0, -1, withscores=True)
    pipe.exists(PREFIX + "records")
    for queue in queues:
        pipe.exists(*lists(queue))
    told = pipe.execute()
    return [told[:4], told[4:8], told[8:10], *told[10:]]


def number(worker: str | None) -> int:
    """Of its dyno among those of the type `worker`; 0 for one of another type."""
    dyno = DYNO.match(worker or "")
    if not dyno:
        return ANY
    return int(dyno[2]) if dyno[1] == "worker" else 0
