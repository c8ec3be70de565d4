"""Files: what people upload and what jobs make, each with a lifetime. In Redis, since dynos share no disk,
or in a bucket when there is one (app.bucket).

Keys behind the store's prefix:
    file:<id>         hash: name type bytes info (JSON of whoever put it) content; it expires by itself
    pieces:<content>  list: the content, deflated, in pieces; expires with its file. Not there when a bucket has it
    contents          sorted set, content -> ms since 1970 when it expires; of those in a bucket, which trim deletes

A file whose content is replaced gets a new one, so that whoever reads it meanwhile reads the old one to its end.
"""

import json
import logging
import math
import re
import uuid
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from redis.client import NEVER_DECODE

from app.store import PREFIX, SHARE, Store, dumps

logger = logging.getLogger(__name__)

PIECE = 256 * 1024
#: What a writer that died has left is gone after so many seconds, and so is content that was replaced.
HALF_WRITTEN_SECONDS = 600

APPEND = """#!lua flags=allow-oom
local memory = redis.pcall('INFO', 'memory') -- a host may refuse it: then no limit is known
memory = type(memory) == 'string' and memory or ''
local used, most = tonumber(memory:match('used_memory:(%d+)') or 0), tonumber(memory:match('maxmemory:(%d+)') or 0)
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
    """`info` is whatever was put with it; `content` changes when the file is replaced."""

    id: str
    name: str
    type: str
    bytes: int
    info: dict
    content: str


def is_file(value: object) -> bool:
    """Whether it has the form of a file's id; there may be none of that id."""
    return isinstance(value, str) and bool(re.fullmatch(r"file-[0-9a-f]{32}", value))


def named_in(text: str) -> set[str]:
    """Ids of the files that a text, such as a job's message, names."""
    return set(re.findall(r"file-[0-9a-f]{32}", text))


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
            seconds: float | None = None, info: dict | None = None, replaces: str | None = None) -> File:
        """Keep what `content` has from its current position on, for RETENTION_DAYS.

        Args:
            type: media type.
            most_mb, limit: how large it may be, and the variable that says so.
            seconds: keep it for so long instead.
            replaces: the id of a file in whose place it comes; else it gets a new one.

        Raises:
            TooLarge, Full
        """
        size = _size(content)
        if size > most_mb * 1e6:
            raise TooLarge(f"{name} has {size / 1e6:,.1f} MB, more than the {most_mb:g} that {limit} allows.")
        id, new = replaces or f"file-{uuid.uuid4().hex}", uuid.uuid4().hex
        self._write(new, content)
        key, old = f"{PREFIX}file:{id}", self.redis.hget(f"{PREFIX}file:{id}", "content")
        seconds = max(math.ceil(seconds or self.seconds), self.redis.ttl(key))
        pipe = self.redis.pipeline()
        pipe.hset(key, mapping={"name": name, "type": type, "bytes": size, "info": dumps(info or {}), "content": new})
        pipe.expire(key, seconds)
        pipe.execute()
        self._expire(new, seconds)
        if old:
            self._expire(old, HALF_WRITTEN_SECONDS)
        return File(id, name, type, size, info or {}, new)

    def _write(self, new: str, content: BinaryIO) -> None:
        if self.bucket:
            self._expire(new, HALF_WRITTEN_SECONDS)
            self.bucket.put(new, content)
            return
        for piece in _deflated(content):
            if self._append(keys=[f"{PREFIX}pieces:{new}"], args=[piece, SHARE, HALF_WRITTEN_SECONDS]) == "full":
                self.redis.delete(f"{PREFIX}pieces:{new}")
                raise Full("Redis has no room left for files. Delete uploads, keep files for less long ("
                           "RETENTION_DAYS), take a larger plan, or set S3_BUCKET to keep files in a bucket.")

    def _expire(self, content: str, seconds: int) -> None:
        if self.bucket:
            self.store.insist("ZADD", f"{PREFIX}contents", (self.store.now() + seconds) * 1000, content)
        else:
            self.redis.expire(f"{PREFIX}pieces:{content}", seconds)

    def keep(self, id: str, seconds: float) -> None:
        """Let a file live for so long from now, or longer if it would anyway. Does nothing when it is gone."""
        key, seconds = f"{PREFIX}file:{id}", math.ceil(seconds)
        content = self.redis.hget(key, "content")
        if content and self.redis.expire(key, seconds, gt=True):
            self._expire(content, seconds)

    def get(self, id: str) -> File | None:
        name, type, size, info, content = self.redis.hmget(
            f"{PREFIX}file:{id}", "name", "type", "bytes", "info", "content")
        return None if name is None else File(id, name, type, int(size), json.loads(info), content)

    def read(self, file: File) -> Iterator[bytes]:
        """The content in pieces.

        Raises (at the first of them):
            Gone
        """
        if self.bucket:
            yield from self.bucket.read(file.content)
            return
        inflate, number = zlib.decompressobj(), 0
        while (piece := self._piece(file.content, number)) is not None:
            while piece:  # never more than a piece at a time in memory, however well it was deflated
                yield inflate.decompress(piece, PIECE)
                piece = inflate.unconsumed_tail
            number += 1
        if not inflate.eof:
            raise Gone(f"{file.name} has expired.")

    def _piece(self, content: str, number: int) -> bytes | None:
        return self.redis.execute_command("LINDEX", f"{PREFIX}pieces:{content}", number, **{NEVER_DECODE: True})

    def delete(self, id: str) -> None:
        content = self.redis.hget(f"{PREFIX}file:{id}", "content")
        if content:
            self.redis.delete(f"{PREFIX}file:{id}")
            self._delete(content)

    def _delete(self, content: str) -> None:
        self.redis.delete(f"{PREFIX}pieces:{content}")
        if self.bucket:
            self.bucket.delete(content)
            self.redis.zrem(f"{PREFIX}contents", content)

    def trim(self) -> None:
        """Delete from the bucket what has expired. Redis does so by itself."""
        if not self.bucket:
            return
        try:
            now = self.store.now() * 1000
            for content in self.redis.zrangebyscore(f"{PREFIX}contents", "-inf", now, start=0, num=100):
                self._delete(content)
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
