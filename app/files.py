"""Files: what people upload and what jobs make, each with a lifetime. In Redis, since dynos share no disk,
or in a bucket when there is one (app.bucket).

Keys behind the store's prefix:
    file:<id>         hash: name type bytes info (JSON of whoever put it); it expires by itself
    file:<id>:pieces  list: the content, deflated, in pieces; expires with it. Not there when a bucket has it
    files             sorted set, id -> ms since 1970 when it expires; only of those in a bucket, which trim deletes
"""

import json
import logging
import math
import uuid
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from redis.client import NEVER_DECODE

from app.store import PREFIX, Store, dumps

logger = logging.getLogger(__name__)

PIECE = 256 * 1024
#: Files may fill Redis up to this share of its memory; what is left is for accepting jobs.
SHARE = 0.7
#: A file whose writer died is gone after so many seconds.
HALF_WRITTEN_SECONDS = 600

APPEND = """#!lua flags=allow-oom
local memory = redis.call('INFO', 'memory')
local used, most = tonumber(memory:match('used_memory:(%d+)')), tonumber(memory:match('maxmemory:(%d+)'))
if most > 0 and used + #ARGV[1] > most * ARGV[2] then return 'full' end
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 'ok'
"""


class TooLarge(Exception):
    """Over the limit for a file. The text says what to do."""


class Full(Exception):
    """There is no room for files. The text says what to do."""


class Gone(Exception):
    """The file has expired, or never was."""


class Away(Exception):
    """The bucket is out of reach, or refuses us."""


class File(NamedTuple):
    """`info` is whatever was put with it."""

    id: str
    name: str
    type: str
    bytes: int
    info: dict


def is_file(value: object) -> bool:
    """Whether it has the form of a file's id; there may be none of that id."""
    return isinstance(value, str) and value.startswith("file-") and len(value) < 200


class Files:
    """Puts and reads files. Any call may raise Away, or one of app.connections.UNAVAILABLE."""

    def __init__(self, store: Store, seconds: float, bucket=None):
        """Args: seconds: how long a file is kept. bucket: an app.bucket.Bucket, to keep the content in."""
        self.redis = store.redis
        self.store = store
        self.seconds = seconds
        self.bucket = bucket
        self._append = self.redis.register_script(APPEND)

    def put(self, name: str, type: str, content: BinaryIO, *, most_mb: float, limit: str,
            info: dict | None = None) -> File:
        """Keep what `content` has from its current position on, for RETENTION_DAYS, under a new id.

        Args:
            type: media type.
            most_mb, limit: how large it may be, and the variable that says so.

        Raises:
            TooLarge, Full
        """
        size = _size(content)
        if size > most_mb * 1e6:
            raise TooLarge(f"{name} has {size / 1e6:,.1f} MB, more than the {most_mb:g} that {limit} allows.")
        id = f"file-{uuid.uuid4().hex}"
        pieces = f"{PREFIX}file:{id}:pieces"
        if self.bucket:
            self.bucket.put(id, content)
        else:
            for piece in _deflated(content):
                if self._append(keys=[pieces], args=[piece, SHARE, HALF_WRITTEN_SECONDS]) == "full":
                    self.redis.delete(pieces)
                    raise Full("Redis has no room left for files. Delete old ones by a lower RETENTION_DAYS, take a "
                               "larger plan, or set S3_BUCKET to keep files in a bucket.")
        self.redis.hset(f"{PREFIX}file:{id}", mapping={
            "name": name, "type": type, "bytes": size, "info": dumps(info or {})})
        self.keep(id, self.seconds, at_least=False)
        return File(id, name, type, size, info or {})

    def keep(self, id: str, seconds: float, *, at_least: bool = True) -> None:
        """Let a file live for so long from now, or longer if it would anyway. Does nothing when it is gone."""
        seconds = math.ceil(seconds)
        if not self.redis.exists(f"{PREFIX}file:{id}"):
            return
        for key in (f"{PREFIX}file:{id}:pieces", f"{PREFIX}file:{id}"):
            # The pieces of a fresh file still have the short life of a half-written one.
            self.redis.expire(key, seconds, gt=at_least)
        if self.bucket:
            self.redis.zadd(f"{PREFIX}files", {id: (self.store.now() + seconds) * 1000}, gt=at_least)

    def get(self, id: str) -> File | None:
        name, type, size, info = self.redis.hmget(f"{PREFIX}file:{id}", "name", "type", "bytes", "info")
        return None if name is None else File(id, name, type, int(size), json.loads(info))

    def read(self, id: str) -> Iterator[bytes]:
        """The content in pieces.

        Raises (at the first of them):
            Gone
        """
        if self.bucket:
            yield from self.bucket.read(id)
            return
        inflate, number = zlib.decompressobj(), 0
        while (piece := self._piece(id, number)) is not None:
            while piece:  # never more than a piece at a time in memory, however well it was deflated
                yield inflate.decompress(piece, PIECE)
                piece = inflate.unconsumed_tail
            number += 1
        if not inflate.eof:
            raise Gone(f"The file {id} has expired.")

    def _piece(self, id: str, number: int) -> bytes | None:
        return self.redis.execute_command("LINDEX", f"{PREFIX}file:{id}:pieces", number, **{NEVER_DECODE: True})

    def delete(self, id: str) -> None:
        self.redis.delete(f"{PREFIX}file:{id}", f"{PREFIX}file:{id}:pieces")
        if self.bucket:
            self.bucket.delete(id)
            self.redis.zrem(f"{PREFIX}files", id)

    def trim(self) -> None:
        """Delete from the bucket what has expired. Redis does so by itself."""
        if not self.bucket:
            return
        try:
            for id in self.redis.zrangebyscore(f"{PREFIX}files", "-inf", self.store.now() * 1000, start=0, num=100):
                self.delete(id)
        except Away as error:
            logger.warning("expired files stay for now: %s", error)


def _size(content: BinaryIO) -> int:
    start = content.tell()
    end = content.seek(0, 2)
    content.seek(start)
    return end - start


def _deflated(content: BinaryIO) -> Iterator[bytes]:
    deflate = zlib.compressobj(6)
    while data := content.read(PIECE):
        if out := deflate.compress(data):
            yield out
    yield deflate.flush()
