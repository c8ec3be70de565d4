"""Requests that this web process answered, and how long each took. Counted here, and every few seconds added to what
all processes have counted, in Redis; those of a process that is killed in between are lost.

Key behind the prefix:
http  hash, for ever, counts by "<what> <method> <which> <route>": `count`, which is the status; `step`, answered after
      no more seconds than that (of BUCKETS, or inf), but more than the step before; `sum`, the µs of all
"""

import atexit
import math
from bisect import bisect_left
from collections import Counter
from threading import Lock

from redis import RedisError

from app.connections import in_a_hurry
from app.reader import PREFIX
from app.store import Store

FLUSH_SECONDS = 5
#: Seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, math.inf)
#: Others are one: a client makes up what it likes.
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
ADD = """#!lua flags=allow-oom
for i = 1, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end"""


class Traffic:
    def __init__(self, store: Store):
        self.counts: Counter[str] = Counter()
        self.lock = Lock()
        self._add = store.redis.register_script(ADD)

    def start(self) -> None:
        """In the process that answers requests: after a fork."""
        atexit.register(self.leave)

    def add(self, route: str, method: str, status: int, seconds: float) -> None:
        """Args: route: the rule that the request matched, never its path, which has ids."""
        method = method if method in METHODS else "other"
        with self.lock:
            self.counts.update({
                f"count {method} {status} {route}": 1,
                f"step {method} {BUCKETS[bisect_left(BUCKETS, seconds)]} {route}": 1,
                f"sum {method} - {route}": int(seconds * 1e6)})

    def flush(self) -> float:
        """Raises one of app.connections.UNAVAILABLE; then they go with the next."""
        with self.lock:
            counts, self.counts = self.counts, Counter()
        try:
            if counts:
                self._add(keys=[f"{PREFIX}http"], args=[part for row in counts.items() for part in row])
        except RedisError:
            with self.lock:
                self.counts.update(counts)
            raise
        return FLUSH_SECONDS

    def leave(self) -> None:
        try:
            with in_a_hurry():
                self.flush()
        except RedisError:
            pass
