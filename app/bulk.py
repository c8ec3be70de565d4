"""Accepting many jobs at once: all of them or none.

When the last of them is found right they are laid aside in Redis, some hundreds in each call; then one call accepts
them all, and from then on none can be lost. Each gets its record by and by, from whoever is there: us, or any worker.
"""

import json
import logging
import tempfile
import time
import uuid
from contextlib import suppress
from itertools import islice

from celery import Celery

from app import lines
from app.accept import NewJob, TooMany, files_of, follower, keep_until, too_many, validate
from app.connections import UNAVAILABLE
from app.job import encode
from app.kinds import Kind

logger = logging.getLogger(__name__)

#: Jobs that one call to Redis carries: some milliseconds of its time.
STAGED = 500
#: Bytes of them that a process has in memory; more are in a file.
IN_MEMORY = 1 << 20


class Gone(Exception):
    """They took so long that the first of them are no longer there. Nothing was accepted."""


class Bulk:
    """Add each job, then accept them. Any call may raise one of app.connections.UNAVAILABLE: nothing was accepted."""

    def __init__(self, celery: Celery, kinds: dict[str, Kind], *, request_id: str | None = None):
        self.celery, self.kinds, self.request_id = celery, kinds, request_id
        self.id = str(uuid.uuid4())
        self.now = celery.store.now()
        self.began = time.monotonic()
        self.count = 0
        self.lines = tempfile.SpooledTemporaryFile(IN_MEMORY, "w+", encoding="utf-8")  # noqa: SIM115 - drop closes it
        self.files: dict[str, float] = {}

    def add(self, job: NewJob) -> None:
        """Raises KeyError: no such kind; app.accept.Invalid: its params are wrong."""
        kind, id = self.kinds[job.kind], self._id(self.count)
        params = validate(kind, job.params)
        due = job.run_at.timestamp() if job.run_at else self.now + time.monotonic() - self.began + (job.delay or 0)
        message, queue = kind.task.prepare((), {"params": params}, job.options(self.celery))
        wish = {"kind": kind.name, "queue": queue, "priority": message.get("priority"),
                "max_attempts": kind.task.max_attempts, "due": max(0, int(due * 1000)),
                "request_id": self.request_id, "follow": follower(self.kinds, job, id), "lane": job.lane}
        known = {name: value for name, value in wish.items() if value is not None}
        self.lines.write(json.dumps([id, encode(kind.name, message), known]) + "\n")
        self.count += 1
        for file in files_of(params):
            self.files[file] = max(due, self.files.get(file, 0))

    def accept(self, idempotency_key: str | None, digest: str) -> tuple[str, list[str]]:
        """Returns "accepted" and the ids, or, of a key that came before, "exists" and the ids of then, or "conflict".

        Raises:
            TooMany, Gone
        """
        store, most = self.celery.store, self.celery.settings.waiting_max
        known = idempotency_key and store.knows(idempotency_key)
        if not known and store.waiting() + self.count > most:  # before anything is forgotten to make room for them
            raise TooMany(too_many(most))
        self._stage(store)
        for file, due in self.files.items():
            keep_until(self.celery, file, due)
        outcome, first = store.accept(self.id, self.count, most, idempotency_key, digest)
        if first != self.id:
            self.drop()
            self.id = first
        if outcome == "too many":
            raise TooMany(too_many(most))
        if outcome == "gone":
            raise Gone("The jobs took so long that the first of them had to be given up. Send them again, or fewer.")
        with suppress(*UNAVAILABLE):  # then the workers do it
            while store.unfold(STAGED):
                pass
        ids = [self._id(n) for n in range(self.count)]
        if outcome == "accepted":
            lines.event(logger, "accepted", request_id=self.request_id, **lines.of(ids))
        return outcome, ids

    def drop(self) -> None:
        """For jobs that are not accepted; it does nothing to those that are."""
        self.lines.close()
        with suppress(*UNAVAILABLE):  # they expire
            self.celery.store.unstage(self.id)

    def _id(self, number: int) -> str:
        return str(uuid.uuid5(uuid.UUID(self.id), str(number)))

    def _stage(self, store) -> None:
        store.make_room_for(self.count, self.lines.tell())
        self.lines.seek(0)
        while some := list(islice(self.lines, STAGED)):
            store.stage(self.id, some)
