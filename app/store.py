"""The job store: Python's side of store.lua. What only reads is in reader.py.

store.lua documents every key of a job and makes every move; this file names each move once, with types.
"""

import json
import math
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import redis

from app import states
from app.reader import PREFIX, Reader

#: A caller has given up by then; see store.lua, submit. Longer than a client of ours waits, below the 3 s promised.
PATIENCE_SECONDS = 2
#: Files may fill Redis up to this share of its memory; what is left is for accepting jobs.
SHARE = 0.7
#: Logs only while less is used: chatty jobs must not leave uploads and reports without room.
LOG_SHARE = 0.4
#: Jobs that one script moves.
ACT_BATCH = 200
#: From this share on finished jobs are forgotten before their time: by the workers those that ended a while ago, and
#: so many at a time where a job would be refused.
ROOM_SHARE = 0.85
ROOM_BATCH = 50
#: What a job takes beside its message, about.
RECORD_BYTES = 800
#: What has ended is not forgotten for so long: somebody waits for it.
FRESH_SECONDS = 60
#: Moves that a full Redis refuses.
ACCEPTING = ("submit", "create_schedule", "stage", "accept")
SCRIPT = (Path(__file__).parent / "store.lua").read_text()


class Start(NamedTuple):
    """What a worker gets with a job: `token` fences its writes, `attempt` counts from 1."""

    token: str
    attempt: int
    cursor: object
    lane: str | None
    request_id: str
    waited: float  # seconds since it was due


class Submitted(NamedTuple):
    """What came of a wish to have a job: its state, "waiting" (for its turn in its lane), "exists", "conflict" or "too
    many"."""

    outcome: str
    id: str  # of the job that came first, if one did
    record: dict | None = None  # of a new job, as Reader.get has it, if the caller wants to be told


class Lost(NamedTuple):
    """A run that ended without a word of its own, and the state that its job is in now."""

    id: str
    kind: str
    attempt: int
    request_id: str
    seconds: float
    state: str


class Store(Reader):
    """Reads and moves jobs in Redis. Any call may raise one of app.connections.UNAVAILABLE."""

    def __init__(self, client: redis.Redis, clock: Callable[[], int] | None = None):
        super().__init__(client, clock)
        # A full Redis takes no new job, and says so before anything is written; a job that it took goes on to its end.
        self._accept = client.register_script("#!lua\n" + SCRIPT)
        self._script = client.register_script("#!lua flags=allow-oom\n" + SCRIPT)
        self._insist = client.register_script("#!lua flags=allow-oom\nreturn redis.call(unpack(ARGV))")
        self._ahead: float | None = None  # ms that the clock of Redis is ahead of our monotonic one

    def _move(self, name: str, *args):
        if name not in ACCEPTING:
            return self._call(self._script, name, *args)
        while True:
            try:
                return self._call(self._accept, name, *args)
            except redis.OutOfMemoryError:
                if name == "stage" or not self._move("make_room", ROOM_BATCH, ROOM_SHARE, FRESH_SECONDS * 1000):
                    raise

    def insist(self, *command) -> object:
        """One command, also where Redis is full: what goes on to its end, or ends something, is not refused."""
        return self._insist(args=command)

    def _call(self, script, name: str, *args):
        return script(keys=[PREFIX], args=[name, self.clock() if self.clock else "", *args])

    # --- accepted, due, started ---

    def submit(self, id, kind, message, *, due=None, delay=0, max_attempts=None, queue="", priority=None,
               request_id=None, idempotency=None, digest=None, replaces=None, follow=None,
               most=None, lane=None, wake=None, tell=None) -> Submitted:
        """Accept a job: due at `due` (ms since 1970), else in `delay` seconds. store.lua tells of the rest."""
        wish = {"kind": kind, "queue": queue, "priority": priority, "max_attempts": max_attempts,
                "request_id": request_id, "due": due and int(due), "delay": int(delay * 1000),
                "idempotency": idempotency, "digest": digest, "replaces": replaces, "follow": follow, "most": most,
                "lane": lane, "tell": tell}
        outcome, id, *fields = self._in_time("submit", id, message, wish=wish, more=wake)
        if not any(fields):
            return Submitted(outcome, id)
        names, values = fields[0][::2], fields[0][1::2]
        return Submitted(outcome, id, {"id": id, "message": message, **dict(zip(names, values))})

    def _in_time(self, name: str, *args, wish: dict, more: Iterable[str] | None = None) -> list:
        outcome = "too late"
        while outcome == "too late":  # we are still here to read that, so it only waited a little long: again
            sent = time.monotonic() * 1000
            if self._ahead is not None:
                wish["not_after"] = int(sent + self._ahead + PATIENCE_SECONDS * 1000)
            outcome, id, now, *rest = self._move(name, *args, _wish(wish), *(more or ()))
            self._ahead = now - sent
        return [outcome, id, *rest]

    def knows(self, idempotency: str) -> bool:
        """Whether a request with this key was accepted in the last day."""
        return bool(self.redis.exists(f"{PREFIX}idempotency:{idempotency}"))

    def waiting(self) -> int:
        """How many jobs wait or run."""
        return sum(count for state, count in self.counts().items() if state not in states.FINISHED)

    def stage(self, bulk: str, jobs: Iterable[str]) -> None:
        """Lay jobs aside, JSON of (id, message, wish) each, until all that come with them are there; see accept. They
        are gone a minute after the last."""
        self._move("stage", bulk, *jobs)

    def accept(self, bulk: str, count: int, most: int, idempotency: str | None, digest: str) -> tuple[str, str]:
        """Accept the `count` staged jobs, all at once. Returns ("accepted", bulk), ("exists" or "conflict", the bulk
        that came first), ("too many", bulk), or ("gone", bulk) when they took too long."""
        return tuple(self._in_time("accept", bulk, wish={
            "count": count, "most": most, "idempotency": idempotency, "digest": digest}))

    def unstage(self, bulk: str) -> None:
        """Throw away what is not accepted."""
        self._move("unstage", bulk)

    def unfold(self, limit: int) -> int:
        """Give accepted jobs that were staged their records. Returns how many bulks still have some without."""
        return self._move("unfold", limit)

    def promote(self, limit: int) -> tuple[float | None, list[str], list[str]]:
        """Queue what is due. Returns (seconds until the next is due or None, ids to publish, schedules to fire)."""
        wait, ids, schedules = self._move("promote", limit)
        return (None if wait < 0 else wait / 1000), ids, schedules

    def start(self, id, worker, lease, kind, message, max_attempts, queue, recorded=False,
              priority=None) -> Start | str:
        """Take a queued job for `lease` seconds. Returns a Start, or the state that forbids it.

        Args:
            recorded: it had a record when it was published; without one now it is "gone", and not made anew of the
                message and what follows that.
        """
        wish = {"kind": kind, "queue": queue, "priority": priority, "max_attempts": max_attempts, "delay": 0}
        state, *rest = self._move("start", id, worker, secrets.token_hex(4), int(lease * 1000),
                                  *(("", "", 1) if recorded else (message, _wish(wish), 0)))
        if state != states.RUNNING or not rest:
            return state
        token, attempt, cursor, lane, request_id, waited = rest
        return Start(str(token), attempt, json.loads(cursor) if cursor else None, lane, request_id or "", waited / 1000)

    # --- running ---

    def renew(self, worker: str, lease: float, ids: Iterable[str]) -> int:
        return self._move("renew", worker, int(lease * 1000), *ids)

    def checkpoint(self, id: str, token: str, progress: dict | None = None) -> str:
        """Returns "running", "cancelled" or "lost"."""
        return self._move("checkpoint", id, token, dumps(progress))

    def save(self, id: str, token: str, cursor: object) -> str:
        """Returns "running" or "lost"."""
        return self._move("save", id, token, dumps(cursor))

    def log(self, id: str, lines: list[str], seconds: float) -> bool:
        """Keep lines (JSON each) of what the job logged, for so long. False when there is no room for them."""
        return self._move("log", id, LOG_SHARE, math.ceil(seconds), *lines) == "kept"

    # --- ended ---

    def try_again(self, id, token, message, *, due=None, delay=0, error=None) -> str:
        """Returns "scheduled", "cancelled" or "lost"."""
        return self._move("try_again", id, token, message, "" if due is None else int(due),
                          int(delay * 1000), dumps(error))

    def put_off(self, id: str, token: str, due: int, error: dict) -> str:
        """Until `due` (ms since 1970). Returns "scheduled", "cancelled" or "lost"."""
        return self._move("put_off", id, token, due, dumps(error))

    def settle(self, id, token, worker, state, *, result=None, error=None, traceback="") -> str:
        """Returns the state that the job ended in, or "lost" when this run no longer holds it."""
        return self._move("settle", id, token, worker, state, dumps(result), dumps(error), traceback)

    def next_in_lane(self, id: str) -> str | None:
        """Returns the id of the job that comes after this one in its lane; the caller must publish it."""
        return self._move("next_in_lane", id)

    def cede(self, id: str, token: str) -> str:
        """Returns "running" or "lost"."""
        return self._move("cede", id, token)

    def drop(self, id: str, token: str) -> str:
        return self._move("drop", id, token)

    def requeue(self, id: str, token: str) -> str:
        return self._move("requeue", id, token)

    def interrupt(self, id: str, token: str) -> str:
        """Returns "queued", "cancelled" or "lost"."""
        return self._move("interrupt", id, token)

    def give_back(self, worker: str) -> list[Lost]:
        """Returns what the worker still had."""
        return list(map(_lost, self._move("give_back", worker)))

    def process_died(self, id: str, worker: str) -> Lost | None:
        """Returns None when the worker no longer held it."""
        run = self._move("process_died", id, worker)
        return _lost(run) if run else None

    def unregistered(self, id: str, delay: float, most: int) -> str:
        """A worker has no code for it; it fails when so many in a row have not. Returns the state that it is in."""
        return self._move("unregistered", id, int(delay * 1000), most)

    # --- swept up ---

    def sweep_leases(self, limit: int) -> list[Lost]:
        """Returns those whose lease had run out."""
        return list(map(_lost, self._move("sweep_leases", limit)))

    def sweep_queued(self, limit: int, grace: float, age: float, messages: dict[str, int] | None,
                     queues: Iterable[str] = ()) -> list[str]:
        """Returns the ids whose message must be lost, now that the broker holds so many `messages` in each queue, the
        default one first. None: it does not tell; then of these `queues`, if any are named."""
        if messages and (len(messages) > 1 or self.redis.exists(f"{PREFIX}ranked")):
            lost = self._overdue(messages, self.now() - grace)[:limit]
            return self._move("sweep_these", int(grace * 1000), *lost) if lost else []
        return self._move("sweep_queued", limit, int(grace * 1000), int(age * 1000),
                          -1 if messages is None else sum(messages.values()), *queues)

    def _overdue(self, messages: dict[str, int], before: float) -> list[str]:
        """Of each queue that holds fewer messages than jobs wait for it, so many of those that were queued before that
        time (seconds since 1970), the first to be taken first: what is lost was on its way to a worker."""
        missing, old = {name: -count for name, count in messages.items()}, {name: [] for name in messages}
        ghosts = []  # that somebody has deleted by hand
        for id, queue, priority, at in self.queued():
            if queue is None:
                ghosts.append(id)
                continue
            name = queue if queue in messages else next(iter(messages))
            missing[name] += 1
            if at <= before * 1000:
                old[name].append((-priority, at, id))
        return ghosts + [id for name, jobs in old.items() for _, _, id in sorted(jobs)[:max(0, missing[name])]]

    def expire(self, id: str, error: dict) -> bool:
        return bool(self._move("expire", id, dumps(error)))

    def trim(self, limit: int, age: float) -> int:
        return self._move("trim", limit, int(age * 1000))

    def recount(self) -> None:
        """Count anew how many jobs of each kind there are in each state: a millisecond or two for a thousand."""
        self._move("recount")

    def make_room_for(self, count: int, size: int) -> None:
        """Forget as many finished jobs as it takes to have room for so many new ones, of `size` bytes in all.

        Raises:
            redis.OutOfMemoryError: that would not be enough. Nothing is forgotten.
        """
        memory, needed = self.pulse().memory, size + count * RECORD_BYTES
        if not memory or not memory.most or memory.used + needed <= memory.most:
            return
        if memory.used + needed - self._in_finished() > memory.most:
            raise redis.OutOfMemoryError(f"no room for {count} jobs")
        while self._move("make_room", ROOM_BATCH, max(0, 1 - needed / memory.most), FRESH_SECONDS * 1000):
            pass

    def _in_finished(self) -> float:
        """Bytes that finished jobs have, as a sample of them says; 0 where a host does not tell."""
        ids = self._move("expendable", ROOM_BATCH, 0, FRESH_SECONDS * 1000)
        pipe = self.redis.pipeline(transaction=False)
        for id in ids:
            pipe.memory_usage(f"{PREFIX}job:{id}", samples=0).memory_usage(f"{PREFIX}message:{id}")
        try:
            sizes = [size or 0 for size in pipe.execute()]
        except redis.ResponseError:
            return 0
        counts = self.counts()
        return sum(sizes) / len(ids) * sum(counts[state] for state in states.FINISHED) if ids else 0

    def expendable(self, age: float) -> list[str]:
        """Ids of some jobs that ended more than `age` seconds ago, the oldest first; none while Redis is not rather
        full."""
        return self._move("expendable", ACT_BATCH, ROOM_SHARE, int(age * 1000))

    # --- asked for by a person ---

    def cancel(self, id: str, by: str = "") -> str | None:
        """Returns "cancelled", "running" (asked to stop), or None when there is nothing to cancel."""
        return self._ask("cancel", id, by)

    def run_now(self, id: str, by: str = "") -> bool:
        """True: it is queued, and the caller must publish it."""
        return bool(self._ask("run_now", id, by))

    def retry(self, id: str, by: str = "") -> bool:
        """True: it is queued, and the caller must publish it."""
        return bool(self._ask("retry", id, by))

    def reschedule(self, id: str, due: int, by: str = "") -> bool:
        """Move a scheduled job to `due` (ms since 1970); workers promote what is past."""
        return bool(self._ask("reschedule", id, by, due))

    def delete(self, id: str) -> bool:
        """Forget a finished job."""
        return bool(self._ask("delete", id))

    def _ask(self, action: str, id: str, by: str = "", due: int | str = "") -> str | None:
        return self._move("ask", action, id, by, 1, due)

    def act(self, action: str, ids: Iterable[str], *, due: int | None = None, by: str = "") -> list[str]:
        """Ask the same of many. Jobs to retry or to run now become due, and workers promote them.

        Args:
            action: "cancel", "retry", "run_now", "reschedule" (to `due`, ms since 1970) or "delete".
            by: who asks: "page", "api" or "command line".

        Returns the ids of those that moved.
        """
        moved = []
        for some in batches(ids):
            moved += self._move("ask_each", action, by, "" if due is None else due, *some)
        return moved

    # --- schedules ---

    def create_schedule(self, id: str, due: int | None, fields: dict[str, str], most: int) -> str:
        """Keep a recurring job, next due at `due` (ms; None: paused). Returns "created", "exists", "conflict" or
        "too many"."""
        return self._move("create_schedule", id, "inf" if due is None else due, most, dumps(fields))

    def change_schedule(self, id: str, version: str, due: int | None, fields: dict[str, str]) -> str:
        """`due` None pauses it. Returns "changed", "stale" or "gone"."""
        return self._move("change_schedule", id, version, "inf" if due is None else due, dumps(fields))

    def delete_schedule(self, id: str) -> bool:
        return bool(self._move("delete_schedule", id))

    def fire(self, id: str, version: str, due: int, next_due: int | None, kind: str, message: str, *,
             most: int, queue="", priority=None, max_attempts=None, lane=None) -> str | None:
        """Make a job of the occurrence due at `due` (ms), unless `most` wait or run. Returns its id, "no room", or None
        when another worker did."""
        return self._move("fire", id, version, due, "inf" if next_due is None else next_due, message,
                          _wish({"kind": kind, "queue": queue, "priority": priority, "max_attempts": max_attempts,
                                 "lane": lane, "most": most, "batch": ROOM_BATCH, "age": FRESH_SECONDS * 1000}))

    def schedule(self, id: str) -> dict | None:
        """The fields as stored, with its id and `due` (ms, None when paused), or None."""
        return next(iter(self._schedules([(id, self.redis.zscore(f"{PREFIX}schedules", id))])), None)

    def schedules(self) -> list[dict]:
        """All of them, the next one due first."""
        return self._schedules(self.redis.zrange(f"{PREFIX}schedules", 0, -1, withscores=True))

    def _schedules(self, rows: list[tuple[str, float | None]]) -> list[dict]:
        pipe = self.redis.pipeline(transaction=False)
        for id, _ in rows:
            pipe.hgetall(f"{PREFIX}schedule:{id}")
        return [{"id": id, "due": None if due in (None, math.inf) else int(due), **fields}
                for (id, due), fields in zip(rows, pipe.execute()) if fields]

    # --- workers ---

    def beat(self, worker: str, slots: int = 0, busy: int = 0, release: str = "") -> None:
        """A worker says that it lives: that it runs `busy` jobs, `slots` at most, and which release it is."""
        self._move("beat", worker, slots, busy, release)

    def leave(self, worker: str) -> None:
        self._move("leave", worker)

    def subscribe(self, worker: str, jobs: dict[str, list[dict]]) -> None:
        """Say which jobs to record when one ends, by "<state>:<kind>"; see store.lua. What was said before is gone,
        unless a worker said it that started after this one."""
        self._move("subscribe", worker, *(part for field, told in jobs.items() for part in (field, dumps(told))))

    def lock(self, name: str, seconds: float) -> bool:
        """Take a short lock that nobody releases; it ends by itself."""
        return bool(self._move("lock", name, int(seconds * 1000)))


def _lost(run: list) -> Lost:
    id, kind, attempt, request_id, milliseconds, state = run
    return Lost(id, kind, int(attempt), request_id, milliseconds / 1000, state)


def _wish(fields: dict) -> str:
    return dumps({name: value for name, value in fields.items() if value is not None})


def dumps(value: object) -> str:
    return "" if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def batches(ids: Iterable[str]) -> Iterator[list[str]]:
    ids = iter(ids)
    while some := list(islice(ids, ACT_BATCH)):
        yield some
