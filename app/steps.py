"""How the worker process stops, and what it tells the records when one of its processes dies.

A dyno that stops gets SIGTERM in every process, maybe more than once, and SIGKILL 30 s later. So:
the children ignore it (REMAP_SIGTERM, see worker.py); the main process takes no more jobs, leaves as soon
as the last running one has ended, and after SHUTDOWN_SECONDS gives back those that have not.
"""

import logging
import math
import os
import signal
import threading
from contextlib import suppress
from time import monotonic, sleep

from billiard.exceptions import WorkerLostError
from celery import bootsteps, signals
from celery.utils.log import get_multiprocessing_logger
from celery.worker import state
from celery.worker.request import Request

from app import lines
from app.connections import UNAVAILABLE
from app.job import declare_lost, known, tell_lost
from app.states import CANCELLED, FAILED
from app.timers import Timers, active_jobs

logger = logging.getLogger(__name__)

#: After this long past the end of SHUTDOWN_SECONDS the process leaves, whatever still hangs.
LAST_SECONDS = 4
#: A job that the worker of another release has no code for is offered again after so long, and so often. That is
#: ten minutes, in which the older release is gone; it takes none of the job's attempts.
UNREGISTERED_SECONDS = 30
UNREGISTERED_TIMES = 20


class Life(bootsteps.StartStopStep):
    """Starts the timers, and watches for the signal to stop. Comes after the pool: its children are
    forked before there are threads."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker, **_):
        self.asked: list[tuple[int, float]] = []  # each signal, and when it came
        self.consuming = True

    def start(self, worker):
        self.worker, self.celery = worker, worker.app
        signals.task_unknown.connect(self.on_unknown)
        signals.task_revoked.connect(self.on_revoked)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_, number=number: self.asked.append((number, monotonic())))
        self.timers = Timers(self.celery)
        if worker.hub:
            self.timers.turned = -math.inf  # till it is connected to the broker
        self.timers.start()
        threading.Thread(target=self.watch, name="stop", daemon=True).start()

    def register_with_event_loop(self, worker, hub):  # at every connection to the broker
        self.consuming, self.timers.turned = True, monotonic()
        hub.call_repeatedly(0.2, self.turn)

    def turn(self):
        self.timers.turned = monotonic()
        if self.asked and self.consuming:
            self.take_no_more()

    def take_no_more(self):
        self.worker.consumer.task_consumer.cancel()
        self.consuming = False

    def watch(self):
        """Wait for a signal, then for the running jobs, then leave."""
        while not self.asked:
            sleep(0.1)
        logger.info("stopping: %d jobs running, %g s to finish", len(active_jobs()), self.seconds())
        if not self.worker.consumer.hub:  # some brokers are waited for without; then nobody calls `turn`
            self.worker.consumer.call_soon(self.take_no_more)
        try:
            while active_jobs() or (self.consuming and self.since() < 1):
                if not self.consuming or self.since() > 1:  # else what makes way would come straight back to us
                    self.celery.stopping[0] = 1
                if self.since() > self.seconds() or self.asked_twice_by_hand():
                    self.give_back()
                    break
                sleep(0.1)
        finally:
            state.should_terminate = 0
            sleep(LAST_SECONDS)
            os._exit(0)

    def seconds(self) -> float:
        return self.celery.settings.shutdown_seconds

    def since(self) -> float:
        return monotonic() - self.asked[0][1]

    def asked_twice_by_hand(self) -> bool:
        return [number for number, _ in self.asked].count(signal.SIGINT) > 1

    def give_back(self):
        """Stop what still runs, then its records, then (as Celery closes the connection) its messages."""
        get_multiprocessing_logger().setLevel(logging.CRITICAL)  # that they die of it is no error
        for job in active_jobs():
            with suppress(ProcessLookupError):
                os.kill(job.worker_pid, signal.SIGKILL)
        hand_back(self.celery)

    def on_unknown(self, message, id, name, **_):
        now = self.celery.store.unregistered(id, UNREGISTERED_SECONDS, UNREGISTERED_TIMES)
        about = {"job": id, "kind": name} | known(self.celery.store.get(id))
        logger.error("no code for the kind %s here, now %s", name, now, extra=lines.about(**about))
        if now == FAILED:
            lines.event(logger, FAILED, logging.WARNING, **about, error="NotRegistered")

    def on_revoked(self, request, expired, **_):
        store, error = self.celery.store, {"type": "Expired", "message": "It expired before it was started."}
        if store.expire(request.id, error) if expired else store.cancel(request.id) == CANCELLED:
            lines.event(logger, CANCELLED, **known(store.get(request.id)), error=error["type"] if expired else None)


def hand_back(celery) -> None:
    """Give back every job that this worker still has. Its children must be gone, or about to be."""
    try:
        given = celery.store.give_back(celery.worker)
        for run in given:
            tell_lost(run, "given_back")
        celery.store.leave(celery.worker)
    except UNAVAILABLE as error:
        logger.warning("stopping: Redis is away (%s); unfinished jobs come back when their lease ends", error)
    else:
        if given:
            logger.warning("stopping: gave back %d unfinished jobs", len(given))


class JobRequest(Request):
    """In the worker's main process: the process that runs a job died under it."""

    def on_failure(self, exc_info, send_failed_event=True, return_ok=False):
        error = exc_info.exception
        error = getattr(error, "exc", error)
        if isinstance(error, MemoryError):  # the child has settled the job; Celery would end the whole worker
            state.task_ready(self)
            return self.acknowledge()
        if isinstance(error, (WorkerLostError, SystemExit, KeyboardInterrupt)):
            state.task_ready(self)
            if self._died() != FAILED:
                return self.reject(requeue=True)
            declare_lost(self.task.app, self.id, self.name, self._request_dict | {"link_error": self.errbacks})
            return self.acknowledge()
        return super().on_failure(exc_info, send_failed_event, return_ok)

    def _died(self) -> str:
        """Move the record before Celery gives the message back, or the next worker would find the job taken."""
        try:
            run = self.task.store.process_died(self.id, self.task.app.worker)
        except UNAVAILABLE:
            logger.warning("its process died; it comes back when its lease ends",
                           extra=lines.about(job=self.id, kind=self.name))
            return ""
        if run is None:  # it had been settled, or given back by us
            return ""
        tell_lost(run, "lost")
        return run.state
