"""What every worker does on the side, in two threads of its main process.

One promotes what is due and sweeps up what was lost, and may wait for the broker; the other renews the
leases of what this worker runs, and never waits for anything but the job store. Any number of workers
may do this at once: each move is won by one of them.
"""

import logging
import math
from functools import partial
from importlib.util import find_spec
from time import monotonic

from celery import Celery
from celery.worker.request import Request
from celery.worker.state import active_requests
from kombu.exceptions import ChannelError
from kombu.utils import json

from app import lines, removal, states
from app.brokers import broker_of
from app.connections import UNAVAILABLE
from app.job import declare_lost, tell_lost, wake
from app.loop import Loop
from app.schedules import fire, pause

logger = logging.getLogger(__name__)

#: A job scheduled for less than this from now may start so much late; any other starts on time.
PROMOTE_SECONDS = 0.5
BEAT_SECONDS = 5
#: Celery's own loop, which takes the jobs, goes round five times a second; if it has not for so long, it hangs.
HANG_SECONDS = 2
TRIM_SECONDS = 60
#: When Redis is rather full, jobs that ended longer ago are forgotten before their time.
ROOM_AGE_SECONDS = 3600
#: A queued job is published again after this long on a broker that does not tell how many messages it holds.
QUEUED_SECONDS = 3600
BATCH = 100


class Timers:
    """The steps. Intervals follow from the lease, so that a short one is kept as well as a long one."""

    def __init__(self, celery: Celery):
        self.celery = celery
        self.store = celery.store
        self.lease = celery.settings.lease_seconds
        self.broker = broker_of(celery.conf.broker_url)
        self.retention = celery.settings.retention_days * 86400
        self.in_touch_since = monotonic()
        self.turned = math.inf  # when Celery's own loop last went round; always, where a broker does without
        self.clock_ahead = 0.0  # seconds that the clock of Redis is ahead of our monotonic one

    def start(self):
        subscribe = self.unsubscribe
        if find_spec("app.events"):
            from app import events

            subscribe = partial(events.subscribe, self.celery)
        for loop in (Loop("schedule", self.promote, self.sweep, self.trim, on_outage=self.outage),
                     Loop("leases", self.renew, self.beat, subscribe, on_outage=self.outage)):
            loop.start()
        if find_spec("app.records"):  # on a thread of its own, as is what waits for a bucket
            from app.records import Writer

            Loop("records", Writer(self.celery).step).start()
        if self.celery.files.bucket:  # on a thread of its own: what is due must not wait for a bucket
            Loop("files", self.trim_files).start()

    def outage(self):
        self.in_touch_since = monotonic()

    def promote(self) -> float:
        wait, ids, due = self.store.promote(BATCH)
        wake(self.celery, ids)
        wake(self.celery, [job for id in due if (job := self.fire(id))])
        return PROMOTE_SECONDS if wait is None else min(wait, PROMOTE_SECONDS)

    def fire(self, id: str) -> str | None:
        try:
            return fire(self.celery, id)
        except UNAVAILABLE:
            raise
        except Exception:
            logger.exception("cannot be fired; it is paused", extra=lines.about(schedule=id))  # it alone
            pause(self.celery, id)

    def sweep(self) -> float:
        # After an outage, or a jump of the clock that leases are measured by, living workers need a moment
        # to renew before anybody calls their jobs lost.
        pause, ahead = self.lease / 6, self.store.now() - monotonic()
        if abs(ahead - self.clock_ahead) > self.lease / 4:
            self.clock_ahead = ahead
            self.outage()
        if monotonic() - self.in_touch_since < self.lease / 2 or not self.store.lock("sweep", pause * 0.9):
            return pause
        swept = self.store.sweep_leases(BATCH)
        for run in swept:
            tell_lost(run, "lost")
        wake(self.celery, [run.id for run in swept if run.state == states.QUEUED])
        for row in self.store.messages([run.id for run in swept if run.state == states.FAILED]):
            declare_lost(self.celery, *row[:2], json.loads(row[2]))
        counting, messages = monotonic(), self.messages()
        grace = self.lease / 3 + monotonic() - counting  # what was queued while they were counted is not among them
        missing = self.store.sweep_queued(BATCH, grace, QUEUED_SECONDS, messages, self.celery.amqp.queues.consume_from)
        wake(self.celery, missing)
        if swept or missing:
            logger.warning("swept up %d jobs of dead workers and %d without a message", len(swept), len(missing))
        return pause

    def trim(self) -> float:
        early = removal.delete(self.celery, self.store.expendable(ROOM_AGE_SECONDS))
        return 1 if self.store.trim(BATCH, self.retention) or early else TRIM_SECONDS

    def trim_files(self) -> float:
        if self.store.lock("files", TRIM_SECONDS * 0.9):
            self.celery.files.trim()
        return TRIM_SECONDS

    def renew(self) -> float:
        running = active_jobs()
        if running:
            self.store.renew(self.celery.worker, self.lease, [job.id for job in running])
        return self.lease / 3

    def beat(self) -> float:
        settings = self.celery.settings
        if monotonic() - self.turned >= HANG_SECONDS:  # it takes no jobs, and does not count as a worker
            return HANG_SECONDS / 10
        self.store.beat(self.celery.worker, settings.worker_concurrency, len(active_jobs()), settings.release)
        return BEAT_SECONDS

    def unsubscribe(self) -> float:
        """The code that starts a job when another ends was deleted; Redis may still know of it."""
        self.store.subscribe(self.celery.worker, {})
        return math.inf

    def messages(self) -> dict[str, int] | None:
        """How many messages wait on the broker, of any priority, in each queue; None when it does not tell."""
        if not self.broker.counts:
            return None
        found = {}
        with self.celery.producer_or_acquire() as producer:
            for name in self.celery.amqp.queues:
                found[name] = 0
                try:
                    found[name] = producer.channel.queue_declare(name, passive=True).message_count
                except ChannelError:  # there is no such queue: on Redis, no empty one
                    producer.revive(producer.connection)  # RabbitMQ has closed the channel
        return found


def active_jobs() -> list[Request]:
    """What this worker's children run now: `id`, `worker_pid`. Celery's main thread may change the set meanwhile."""
    while True:
        try:
            return list(active_requests)
        except RuntimeError:
            continue
