"""What only reads jobs: one, a page, those that fit a search, failures by what they have in common, figures.

What looks at many jobs does so in find.lua, a batch in each call, so that Redis serves others in between.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import redis

from app import pulse, states

PREFIX = "jobs:"
#: Records that find.lua looks at in one call: a few milliseconds.
BATCH = 1000
#: The first line of a group's message is cut to so many characters.
MESSAGE_CHARS = 200
#: Whether Redis makes snapshots is asked for so often, by a command of its own.
SAVES_SECONDS = 300
STATS = ("succeeded", "failed", "cancelled", "started", "waited", "waited_most", "busy", "slots")
SCRIPT = (Path(__file__).parent / "find.lua").read_text()


class Page(NamedTuple):
    records: list[dict]
    next: str | None


class Group(NamedTuple):
    """Failed jobs of a kind whose errors differ in numbers, ids and addresses only."""

    key: str  # what the filter `error` takes
    kind: str
    type: str
    message: str  # the first line, of the newest
    count: int
    newest: str  # id
    last: float  # ms since 1970 when the newest failed
    first: float  # and the oldest that was seen


class Groups(NamedTuple):
    groups: list[Group]  # the most numerous first
    seen: int  # how many failed jobs they are made of


class Reader:
    """Reads jobs in Redis. Any call may raise one of app.connections.UNAVAILABLE.

    Args:
        client: from `app.connections.connect`.
        clock: milliseconds since 1970; None uses the clock of Redis, as everything but a test should.
    """

    def __init__(self, client: redis.Redis, clock: Callable[[], int] | None = None):
        self.redis = client
        self.clock = clock
        self._find = client.register_script("#!lua flags=no-writes\n" + SCRIPT)
        self._saves: tuple[float, bool | None] = (0.0, None)  # until when we know, and what

    def _look(self, name: str, *args):
        return self._find(keys=[PREFIX], args=[name, self.clock() if self.clock else "", *args])

    # --- jobs by id ---

    def get(self, id: str) -> dict | None:
        """The record's fields as stored, with its id and message, or None."""
        return self._read([id])[0]

    def states(self, ids: list[str]) -> dict[str, str | None]:
        """The state of each, None for one that there is not."""
        pipe = self.redis.pipeline(transaction=False)
        for id in ids:
            pipe.hget(f"{PREFIX}job:{id}", "state")
        return dict(zip(ids, pipe.execute()))

    def messages(self, ids: list[str]) -> list[tuple[str, str, str]]:
        """Returns (id, kind, message) of each job that is to be published and still there."""
        pipe = self.redis.pipeline(transaction=False)
        for id in ids:
            pipe.hget(f"{PREFIX}job:{id}", "kind").get(f"{PREFIX}message:{id}")
        answers = pipe.execute()
        return [row for row in zip(ids, answers[::2], answers[1::2]) if all(row)]

    def queued(self) -> Iterator[tuple[str, str | None, int, float]]:
        """Id, queue (None: it has no record), priority and when it was queued (ms since 1970) of each job that is
        and whose turn it is, the first first. One may be left out while others are started."""
        start, rows = 0, True
        while rows:
            rows = self._look("queued", start, BATCH)
            start += BATCH
            yield from ((id, queue, int(priority or 0), float(at)) for id, at, queue, priority in rows)

    def results(self, ids: list[str]) -> list[str | None]:
        """The result of each, JSON, or None."""
        pipe = self.redis.pipeline(transaction=False)
        for id in ids:
            pipe.hget(f"{PREFIX}job:{id}", "result")
        return pipe.execute()

    def logs(self, id: str) -> list[dict]:
        """What the job logged last: `at` (ms since 1970), `level`, `logger`, `message`, `attempt` of each line."""
        return [json.loads(line) for line in self.redis.lrange(f"{PREFIX}log:{id}", 0, -1)]

    def _read(self, ids: list[str]) -> list[dict | None]:
        pipe = self.redis.pipeline(transaction=False)
        for id in ids:
            pipe.hgetall(f"{PREFIX}job:{id}").get(f"{PREFIX}message:{id}")
        answers = pipe.execute()
        return [
            {"id": id, "message": message, **record} if record else None
            for id, record, message in zip(ids, answers[::2], answers[1::2])
        ]

    # --- lists and searches ---

    def page(self, state: str | None, kind: str | None, limit: int, cursor: str | None, scan: int = 5000,
             text: str = "", error: str = "", lane: str = "", params: bool = True) -> Page:
        """A page of records, newest first; scheduled ones by due time, the soonest first.

        Looks at no more than `scan` records for it, so a page may be short, even empty, and still have a next.

        Args:
            text: in the id, kind, request id, schedule's id, error, or a value of the arguments, in any case.
            error: the key of a Group; of failed jobs, unless `state` says another.
            params: whether the text may be in the arguments.

        Raises:
            ValueError: the cursor is none of ours.
        """
        among, wish = _wish(state, kind, text, error, lane, params)
        position, found, more = _position(cursor) if cursor else _start(among), [], True
        while more and len(found) < limit and scan > 0:
            score, skip, more, ids = self._look("find", among, *position, min(scan, BATCH), limit - len(found), wish)
            position, scan = (score, skip), scan - BATCH
            found += ids
        records = [record for record in self._read(found) if record]
        return Page(records, "{}-{}".format(*position) if more else None)

    def ids(self, state: str | None = None, kind: str | None = None, text: str = "", error: str = "", lane: str = "",
            before: float | None = None) -> Iterator[str]:
        """All that a page with these filters would list, in its order.

        Args:
            before: ms since 1970: without those that ended later, or, where `state` is None, were created later. Of
                those that have not ended, all.
        """
        among, wish = _wish(state, kind, text, error, lane)
        position, more = _start(among, before), True
        while more:
            score, skip, more, ids = self._look("find", among, *position, BATCH, BATCH, wish)
            position = score, skip
            yield from ids

    def files_named(self, state: str) -> set[str]:
        """Ids of files in the messages of all jobs in this state."""
        position, more, found = _start(state), True, set()
        while more:
            score, skip, more, ids = self._look("files", state, *position, BATCH)
            position = score, skip
            found.update(ids)
        return found

    def count(self, state: str | None = None, kind: str | None = None, text: str = "", error: str = "",
              lane: str = "") -> int:
        """How many that are."""
        if not (kind or text or error or lane):
            return self.redis.zcard(PREFIX + (state or "all"))
        return sum(1 for _ in self.ids(state, kind, text, error, lane))

    def counts(self) -> dict[str, int]:
        pipe = self.redis.pipeline(transaction=False)
        for state in states.ALL:
            pipe.zcard(PREFIX + state)
        return dict(zip(states.ALL, pipe.execute()))

    def groups(self, limit: int = 5000) -> Groups:
        """What the newest `limit` failed jobs failed of."""
        position, more, seen, found = _start(states.FAILED), True, 0, {}
        while more and seen < limit:
            score, skip, more, batch, rows = self._look("groups", *position, min(limit - seen, BATCH))
            position, seen = (score, skip), seen + batch
            for key, count, newest, last, first in rows:
                before = found.get(key, (newest, last, 0))
                found[key] = (*before[:2], before[2] + count, first)
        return Groups(self._described(found), seen)

    def _described(self, found: dict[str, tuple[str, str, int, str]]) -> list[Group]:
        pipe = self.redis.pipeline(transaction=False)
        for newest, *_ in found.values():
            pipe.hmget(f"{PREFIX}job:{newest}", "kind", "error")
        groups = []
        for (key, (newest, last, count, first)), (kind, error) in zip(found.items(), pipe.execute()):
            error = json.loads(error or "{}")
            message = str(error.get("message") or "").split("\n")[0].strip()[:MESSAGE_CHARS]
            groups.append(Group(key, kind or "", str(error.get("type") or ""), message, count, newest,
                                float(last), float(first)))
        return sorted(groups, key=lambda group: -group.count)

    # --- figures ---

    def now(self) -> float:
        """Seconds since 1970 on the clock of Redis."""
        if self.clock:
            return self.clock() / 1000
        seconds, micros = self.redis.time()
        return seconds + micros / 1e6

    def pulse(self) -> pulse.Pulse:
        version, now, counts, workers, waits, info, left = self._look("pulse", *states.ALL)
        info = pulse.info_fields(info)
        return pulse.Pulse(
            version, float(now), dict(zip(states.ALL, counts)), [pulse.worker(*row) for row in workers],
            pulse.oldest(now, waits), pulse.memory(info), pulse.connections(info), self._persistent(info),
            pulse.saves(info), left)

    def _persistent(self, info: dict[str, str]) -> bool | None:
        if info.get("aof_enabled", "0") != "0":
            return True
        if time.monotonic() > self._saves[0]:
            self._saves = time.monotonic() + SAVES_SECONDS, self._makes_snapshots()
        return True if self._saves[1] is None and info.get("rdb_saves", "0") != "0" else self._saves[1]

    def _makes_snapshots(self) -> bool | None:
        try:
            return bool(self.redis.config_get("save").get("save"))
        except redis.ResponseError:  # as on Heroku
            return None

    def stats(self, span: int, count: int) -> list[dict]:
        """The last `count` spans of so many seconds (60 for an hour back, 900 for a day), the oldest first.

        Each has `at`, when it began (ms since 1970), how many jobs `started`, `succeeded`, `failed` and were
        `cancelled`, the ms that those that started had `waited` in all and at most (`waited_most`), and, summed over
        the beats of workers, their `slots` and how many were `busy`.
        """
        first, *rows = self._look("stats", span, count)
        return [{"at": (first + number) * span * 1000} | dict.fromkeys(STATS, 0)
                | {name: int(n) for name, n in zip(row[::2], row[1::2])} for number, row in enumerate(rows)]

    def workers(self, within: float) -> dict[str, float]:
        """Workers heard of in the last `within` seconds, each with the seconds since."""
        now = self.now() * 1000
        rows = self.redis.zrangebyscore(PREFIX + "workers", now - within * 1000, "+inf", withscores=True)
        return {name: max(0.0, now - at) / 1000 for name, at in rows}


def _wish(state: str | None, kind: str | None, text: str, error: str, lane: str,
          params: bool = True) -> tuple[str, str]:
    """The set to look through, and what for. Letters that are not ASCII are found in the cases that are made here."""
    wish = {name: value for name, value in (("kind", kind), ("error", error), ("lane", lane)) if value}
    if text := text.strip():
        needles = dict.fromkeys((text, text.lower(), text.upper(), text.capitalize()))
        wish["text"] = list(needles)
        if params:
            escaped = [json.dumps(needle)[1:-1] for needle in needles]  # as kombu writes messages; others may not
            wish["raw"] = list(dict.fromkeys([*escaped, *needles]))
    return state or (states.FAILED if error else "all"), json.dumps(wish)


def _start(among: str, before: float | None = None) -> tuple[str, int]:
    if before is not None and among in (*states.FINISHED, "all"):
        return str(int(before)), 0
    return ("-inf" if among == states.SCHEDULED else "+inf"), 0


def _position(cursor: str) -> tuple[str, int]:
    """A score, and how many of those with it have been seen. Raises ValueError."""
    if not re.fullmatch(r"([0-9]{1,16}|inf)-[0-9]{1,9}", cursor):
        raise ValueError("cursor")
    score, _, skip = cursor.partition("-")
    return score, int(skip)
