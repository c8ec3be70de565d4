"""Events: each change of a job's state, and jobs that start when another has ended.

    from app.events import Ended, on

    @on("succeeded", kind="report")
    def archive(job, params: Ended):
        "Says that a report is there."
        print(params.job, job.app.store.get(params.job)["result"])

The step that ends the report records the job `archive`, so neither is there without the other, and it runs once for
each end. That holds for every job, whoever asked for it and whatever ended it, from when a worker has started that
knows of `archive`. A job of any kind (no `kind=`) does not hear of the ends of those that were started so.

The events themselves are in a Redis stream, EVENTS, of which the last ten thousand are kept: fields id kind state
attempt at (ms since 1970). GET /api/events tells of them, and any program may read it, also with consumer groups.
"""

from collections.abc import Callable

from celery import Celery
from redis import ResponseError

from app import kinds, states
from app.job import encode
from app.kinds import Params
from app.reader import PREFIX
from app.store import Store

EVENTS = PREFIX + "events"
#: What store.lua puts the facts of the job in place of.
WORDS = {"job": "@job@", "kind": "@kind@", "state": "@state@"}
ANY = "*"
#: Said again so often, in case Redis has forgotten.
SUBSCRIBE_SECONDS = 60


class Ended(Params):
    """The params of a job that starts because another has ended."""

    job: str
    kind: str
    state: str


def on(*ends: str, kind: str = ANY, **options) -> Callable:
    """Declare a kind that is started whenever a job ends in one of these states, of `kind` or of any. The options are
    those of app.kinds.kind.

    Raises:
        ValueError: no job ends so.
    """
    if not ends or set(ends) - set(states.FINISHED):
        raise ValueError(f"@on{ends!r}: a job ends in one of {', '.join(states.FINISHED)}")
    return kinds.kind(starts_on=[f"{state}:{kind}" for state in ends], **options)


def subscribe(celery: Celery) -> float:
    """A step of each worker: have Redis know of them all, and of no others.

    Raises one of app.connections.UNAVAILABLE.
    """
    told: dict[str, list[dict]] = {}
    for name, task in sorted(celery.tasks.items()):
        for field in getattr(task, "starts_on", ()):
            message, queue = task.prepare((), {"params": WORDS}, {})
            message.pop("headers", None)  # it is made once, for many jobs: each has a trace of its own
            told.setdefault(field, []).append({"name": name, "kind": name, "message": encode(name, message),
                                               "queue": queue, "max_attempts": task.max_attempts})
    celery.store.subscribe(celery.worker, told)
    return SUBSCRIBE_SECONDS


def position(store: Store, last: str) -> tuple[str, bool]:
    """Where who has seen the event `last`, or "" for none, goes on, and whether some since then are missing.

    Raises one of app.connections.UNAVAILABLE.
    """
    try:
        info = store.redis.xinfo_stream(EVENTS)
    except ResponseError:  # there was none yet
        return "0-0", bool(last)
    newest = info["last-generated-id"]
    if not last or _number(last) > _number(newest):  # Redis has lost them
        return newest, bool(last)
    trimmed, first = info["entries-added"] > info["length"], (info["first-entry"] or [newest])[0]
    return last, trimmed and _number(last) < _number(first)


def since(store: Store, last: str, limit: int) -> list[tuple[str, dict]]:
    """Up to `limit` events after `last`, (id, fields) each. Raises one of app.connections.UNAVAILABLE."""
    return store.redis.xrange(EVENTS, f"({last}", count=limit)


def _number(id: str) -> tuple[int, ...]:
    return tuple(map(int, id.split("-")))
