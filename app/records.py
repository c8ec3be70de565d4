"""Records that nobody waits for: kept together in one stream of Redis, and written in batches, by one worker at a time,
to where LOG_RECORDS_TO says. A record has no job: no state, no lease, no result. app/jobs/log.py is the kind.

A batch is taken out of Redis when it has been written. So a worker that dies in between has it written again, with the
same ids, and nothing that was accepted is lost while Redis keeps its data.

Keys behind the store's prefix:
    records         stream of those that wait, record -> its JSON, in ASCII
    records:writer  the worker whose turn it is to write; ends by itself
"""

import atexit
import gzip
import io
import json
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from celery import Celery
from redis import OutOfMemoryError, Redis

from app.accept import TooMany
from app.connections import UNAVAILABLE
from app.files import Away
from app.reader import PREFIX
from app.record import iso
from app.store import SHARE

WAITING, WRITER = PREFIX + "records", PREFIX + "records:writer"
#: Bytes of a record's JSON. Heroku's Logplex splits a line of more than 10,000.
LARGEST = 8000
#: Whose turn it is keeps it from batch to batch; when that worker dies, another begins after so long.
TURN_SECONDS = 15
#: A worker that stops waits so long for its last batch.
LEAVE_SECONDS = 3

APPEND = """#!lua
local most, share = tonumber(ARGV[1]), tonumber(ARGV[2])
if redis.call('XLEN', KEYS[1]) + #ARGV - 2 > most then return 'too many' end
local memory = redis.pcall('INFO', 'memory') -- a host may refuse it: then no limit is known
memory = type(memory) == 'string' and memory or ''
local used, limit = tonumber(memory:match('used_memory:(%d+)') or 0), tonumber(memory:match('maxmemory:(%d+)') or 0)
if limit > 0 and used > limit * share then return 'full' end
for i = 3, #ARGV do redis.call('XADD', KEYS[1], '*', 'record', ARGV[i]) end
return 'ok'
"""
TAKE = """#!lua flags=allow-oom
if (redis.call('GET', KEYS[2]) or ARGV[1]) ~= ARGV[1] then return {} end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
return redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[3])
"""


class Batch(NamedTuple):
    first: str  # id, as Redis gives it to the entry of a stream: ms since 1970, a dash, a number
    last: str
    lines: list[bytes]  # each ends with a line break


def text(record: dict) -> str:
    """Its JSON. In ASCII, so that it is one line for whoever reads it, and holds nothing that a terminal obeys.

    Raises:
        ValueError, TypeError: it cannot be written in JSON.
    """
    return json.dumps(record, separators=(",", ":"), allow_nan=False)


def append(celery: Celery, records: list[dict]) -> None:
    """Accept records: all of them, or none.

    Raises:
        app.accept.TooMany: LOG_RECORDS_MAX wait.
        One of app.connections.UNAVAILABLE, also where Redis has no room that jobs do not need.
    """
    most = celery.settings.log_records_max
    # No secret of ours gets into a log, whoever writes it.
    outcome = celery.store.redis.register_script(APPEND)(
        keys=[WAITING], args=[most, SHARE, *(text(celery.scrubber.deep(record)) for record in records)])
    if outcome == "too many":
        raise TooMany(f"As many records wait to be written as LOG_RECORDS_MAX allows, {most}. Come again when some "
                      "have been.")
    if outcome == "full":
        raise OutOfMemoryError("what is left of Redis is for jobs")


class Writer:
    """The step of each worker; one of them writes."""

    def __init__(self, celery: Celery):
        self.name, self.redis = celery.worker, celery.store.redis
        self.write, self.most, self.seconds = destination(celery)
        self.busy = threading.Lock()
        atexit.register(self.leave)

    def step(self) -> float:
        """Raises OSError, or one of app.connections.UNAVAILABLE: nothing is lost."""
        with self.busy:
            return self.one_batch()

    def leave(self) -> None:
        """As the process ends: what is being written is not left to be written again, and another may begin."""
        if self.busy.acquire(timeout=LEAVE_SECONDS):
            with suppress(*UNAVAILABLE):
                if self.redis.get(WRITER) == self.name:
                    self.redis.delete(WRITER)

    def one_batch(self) -> float:
        rows = self.redis.register_script(TAKE)(keys=[WAITING, WRITER], args=[self.name, TURN_SECONDS, self.most])
        if rows:
            self.write(Batch(rows[0][0], rows[-1][0], [_line(id, fields[1]) for id, fields in rows]))
            self.redis.xdel(WAITING, *(id for id, _ in rows))
        return 0 if len(rows) == self.most else self.seconds


def _line(id: str, record: str) -> bytes:
    return f'{{"id":"{id}","at":"{iso(id.partition("-")[0])}","record":{record}}}\n'.encode()


# --- where they go ---


def destination(celery: Celery) -> tuple[Callable[[Batch], None], int, float]:
    """Returns (what writes a batch, records of one at most, seconds between those that are not full)."""
    kind, _, name = celery.settings.log_records_to.partition(":")
    if kind == "redis":
        return lambda batch: to_stream(celery.store.redis, name, celery.settings.log_records_max, batch), 500, 1
    if kind == "s3":  # which is paid by the request
        return lambda batch: to_bucket(celery.files.bucket, batch), 2000, 5
    return to_stdout, 500, 1


def to_stdout(batch: Batch) -> None:
    sys.stdout.flush()
    for piece in pieces(batch.lines):
        while piece:
            piece = piece[os.write(sys.stdout.fileno(), piece):]


def pieces(lines: list[bytes]) -> Iterator[bytes]:
    """Lines together, in as few writes as a pipe takes whole: so none of another process gets between two halves of
    one, unless that is longer by itself."""
    piece = b""
    for line in lines:
        if piece and len(piece) + len(line) > select.PIPE_BUF:
            yield piece
            piece = b""
        piece += line
    yield piece


def to_stream(redis: Redis, name: str, most: int, batch: Batch) -> None:
    """To another stream of our Redis, of which about the last `most` are kept."""
    pipe = redis.pipeline()
    for line in batch.lines:
        pipe.xadd(name, {"record": line.rstrip()}, maxlen=most)
    pipe.execute()


def to_bucket(bucket, batch: Batch) -> None:
    """An object of JSON lines. It is named by what is in it: the same batch again replaces it."""
    at = datetime.fromtimestamp(int(batch.first.partition("-")[0]) / 1000, UTC)
    try:
        bucket.put(f"records/{at:%Y/%m/%d/%H%M%S}-{batch.first}-{batch.last}.jsonl.gz",
                   io.BytesIO(gzip.compress(b"".join(batch.lines), 6)))
    except Away as error:
        raise OSError(str(error)) from None  # what a loop tries again
