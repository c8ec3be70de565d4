"""The life of a job: an ordinary Celery task whose record, schedule and lease are ours.

`delay`, `apply_async`, `retry`, chains and groups keep the meaning that Celery documents. What differs:
a job is recorded before it is published; one that is due in the future is stored in the schedule, and
nothing is published until then; and a message only wakes a worker up, which may start the job if the
record says so. A task with `base=celery.Task` opts out and gets what Celery gives.
"""

import io
import json as plain_json
import logging
import math
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NoReturn

import celery
import celery.result
from billiard.exceptions import WorkerLostError
from celery.exceptions import Ignore, QueueNotFound, Reject
from celery.signals import task_failure
from celery.utils import uuid
from kombu.exceptions import EncodeError, KombuError
from kombu.utils import json
from kombu.utils.functional import maybe_list

from app import lines, states, trace
from app.connections import UNAVAILABLE
from app.logs import JobLog
from app.record import deeper
from app.store import Lost, Start, Store, Submitted
from app.transports import RECORDED, held

logger = logging.getLogger(__name__)

#: A job that reports more often than this is not heard: the page cannot show it and Redis would pay for it.
CHECKPOINT_SECONDS = 0.2
#: Bytes of a result's JSON, and characters of a traceback, kept in the record.
RESULT_BYTES = 64 * 1024
TRACEBACK_CHARS = 8000
#: Lists and objects in one another, in a result: the page shows no more.
RESULT_DEPTH = 64

#: A log is kept for so long, or RETENTION_DAYS if that is less.
LOG_DAYS = 2

#: The broker cannot be told; RuntimeError: by the result backend.
AWAY = (KombuError, OSError, RuntimeError)

#: What a caller may pass to `apply_async` that means something only to the process it runs in.
NOT_STORED = ("connection", "producer", "publisher", "retry", "retry_policy", "router", "add_to_parent", "lane")


class Cancelled(Ignore):
    """Somebody cancelled the job; the record says so already. Raised by a checkpoint; let it pass."""


class LeaseLost(Ignore):
    """This run was too long out of touch and another may have the job. Raised by a checkpoint; let it pass."""


class Interrupted(Reject):
    """The worker is stopping, and the job has saved where it is: another worker goes on. Let it pass."""


class PutOff(Ignore):
    """It is too early for the job, which will be started again when it has said. Raised by `put_off`; let it pass."""


class Job(celery.Task):
    """Base class of every task of this app. In call order: submit, publish, start, checkpoint, end."""

    Request = "app.steps:JobRequest"

    @property
    def store(self) -> Store:
        return self.app.store

    @property
    def max_attempts(self) -> int | None:
        return None if self.max_retries is None else self.max_retries + 1

    # --- accepted ---

    def apply_async(self, args=None, kwargs=None, task_id=None, producer=None, link=None, link_error=None,
                    shadow=None, **options):
        """As Celery documents it. Returns an AsyncResult whose id is the job's.

        Raises:
            One of app.connections.UNAVAILABLE: the job was not accepted.
            celery.exceptions.QueueNotFound, kombu.exceptions.EncodeError: the call is wrong.
        """
        options |= {"link": link, "link_error": link_error, "shadow": shadow}
        if self.app.conf.task_always_eager:
            return super().apply_async(args, kwargs, task_id=task_id, producer=producer, **options)
        running = self.app.current_worker_task
        own = task_id and running and running.request.id == task_id and getattr(running.request, "start", None)
        if own and running.request.get("retrying"):
            self._try_again(args, kwargs, options)
        else:
            task_id = self.submit(args, kwargs, id=task_id, producer=producer, replaces=own.token if own else None,
                                  **options).id
        result = self.AsyncResult(task_id)
        result.ignored = options.get("ignore_result", self.ignore_result)
        return result

    def submit(self, args=None, kwargs=None, *, id=None, producer=None, countdown=None, eta=None, request_id=None,
               idempotency=None, digest=None, replaces=None, follow=None, most=None, lane=None, tell=None,
               **options) -> Submitted:
        """Record the job, then publish it if it is due. Takes the options of `apply_async`, and

        Args:
            request_id: of the HTTP request that asked for it. Without it, of that which is served, or which the job
                that runs here has.
            idempotency, digest: a key of a request that may come twice, and what it came with.
            replaces: token of the run of the same id that this goes on for (`self.replace`). Without it, an
                id that is known already is not accepted a second time.
            follow: JSON of a job to record when this one ends; see store.lua.
            most: how many jobs may wait or run; beyond that the outcome is "too many".
            lane: jobs of a lane run one at a time, in the order in which they were accepted and have become due.
            tell: the caller wants to have the record.
        """
        message, queue = self.prepare(args, kwargs, options)
        id, request_id = id or uuid(), request_id or lines.request_id()
        wake = None if producer or countdown or eta else wake_up(self.app, id, self.name, message)
        submitted = self.store.submit(
            id, self.name, encode(self.name, message), due=_milliseconds(eta), delay=max(0, countdown or 0),
            max_attempts=self.max_attempts, queue=queue, priority=message.get("priority"), request_id=request_id,
            idempotency=idempotency, digest=digest, replaces=replaces, follow=follow, most=most, lane=lane, wake=wake,
            tell=tell)
        if submitted.outcome in (*states.ALL, "waiting"):
            lines.event(logger, "accepted", job=submitted.id, kind=self.name, request_id=request_id)
        if wake:  # it was pushed with the record, if it is queued
            return submitted
        if submitted.outcome == states.QUEUED:
            publish(self.app, submitted.id, self.name, message, producer)
        elif self.app.current_worker_task:
            self.app.current_worker_task.add_trail(self.AsyncResult(submitted.id))
        return submitted

    def prepare(self, args, kwargs, options: dict) -> tuple[dict, str]:
        """Returns the message that will be published, and its queue.

        Raises:
            celery.exceptions.QueueNotFound
        """
        options = {k: v for k, v in self._get_exec_options().items() if v is not None} | options
        return self._message(args, kwargs, options), _queue(self, options)

    def _message(self, args, kwargs, options: dict) -> dict:
        """All that is needed to publish this call, now or in a month, from any process."""
        args, kwargs = list(args or ()), dict(kwargs or {})
        if self.typing:
            self.__header__(*args, **kwargs)
        if self._dump_pydantic_arguments is not None:
            args, kwargs = self._dump_pydantic_arguments(args, kwargs)
        options = {k: v for k, v in options.items() if v is not None and k not in NOT_STORED}
        options.setdefault("ignore_result", self.ignore_result)
        if isinstance(options.get("expires"), (int, float)):  # counts from now, not from when it is published
            options["expires"] = datetime.now(UTC) + timedelta(seconds=options["expires"])
        if "queue" in options:
            options["queue"] = getattr(options["queue"], "name", options["queue"])
        if "link" in options:  # called once however often this job runs: by an id that is chosen now
            options["link"] = [{**callback, "options": {"task_id": uuid(), **callback["options"]}}
                               for callback in maybe_list(options["link"])]
        if carried := trace.carried():
            options["headers"] = carried | (options.get("headers") or {})  # a retry's are those of the first attempt
        parent = self.app.current_worker_task
        if parent:
            options.setdefault("parent_id", parent.request.id)
            options.setdefault("root_id", parent.request.root_id or parent.request.id)
        return {**options, "args": args, "kwargs": kwargs}

    # --- started ---

    def before_start(self, task_id, args, kwargs):
        request = self.request
        if request.is_eager:
            return
        message, recorded, queue, priority = received(self.app, request)
        request.taken = time.monotonic()  # no later than Redis has it
        try:
            whole = "" if recorded else json.dumps({**message, "args": args, "kwargs": kwargs})
            start = self.store.start(task_id, self.app.worker, self.app.settings.lease_seconds, self.name, whole,
                                     self.max_attempts, queue, recorded, priority)
            record = None if isinstance(start, Start) else self.store.get(task_id)
        except UNAVAILABLE as error:
            raise Ignore(f"the job store is away ({error}); the sweep will find the job") from error
        if not isinstance(start, Start):
            about = {"job": task_id, "kind": self.name} | known(record)
            lines.event(logger, "ignored", **about, state=start)  # or its message came twice
            raise Ignore(f"a message for a job that is {start} already")
        request.start, request.began = start, time.monotonic()
        request.checked, request.progress, request.log = 0.0, None, None
        request.retries = start.attempt - 1  # the record counts attempts, also those that a dead worker began
        lines.in_job(job=task_id, kind=self.name, attempt=start.attempt, request_id=start.request_id or None)
        lines.event(logger, "started", wait=start.waited)

    def _token(self) -> str | None:
        start = getattr(self.request, "start", None)
        return start.token if start else None

    @property
    def request_id(self) -> str:
        """Of the HTTP request that asked for the job that runs, or ""."""
        return self.request.start.request_id if self._token() else ""

    def _ended(self, how: str, level: int = logging.INFO, **fields) -> None:
        lines.event(logger, how, level, duration=time.monotonic() - self.request.began, **fields)

    # --- running ---

    def __call__(self, *args, **kwargs):
        if self._token() is None:  # called as a function, or eagerly
            return self.run(*args, **kwargs) if self.request.is_eager else super().__call__(*args, **kwargs)
        self._see_that_it_is_ours()
        try:
            with self._log() as self.request.log:
                result = self.run(*args, **kwargs)
        except (Cancelled, LeaseLost, Interrupted, PutOff):
            raise
        except Reject as reject:
            if reject.requeue:
                self._ended("rejected", state=self.store.requeue(self.request.id, self._token()))
            else:
                self._settle(self.request.id, states.FAILED, error=self._error(reject))
            raise
        except Ignore:
            if self._token():  # not replaced: the job has nothing more to do
                self._settle(self.request.id, states.SUCCEEDED)
            raise
        if self.request.chord or self.request.callbacks or self.request.chain:
            self._heed(self.store.checkpoint(self.request.id, self._token()))  # what follows is for one run to start
        return result

    def checkpoint(self, done: float | None = None, total: float | None = None, message: str = "", *,
                   resumable: bool = False) -> None:
        """Report progress, and stop here if the job was cancelled or is no longer ours.

        Call it as often as you like: more than five a second are not sent.

        Args:
            resumable: nothing much is lost by stopping here, so a stopping worker need not wait for the job:
                it is queued again, and the attempt does not count.

        Raises:
            Cancelled, LeaseLost, Interrupted: let them pass; the record is right already.
            TypeError: `done` or `total` is no finite number.
        """
        for name, number in (("done", done), ("total", total)):
            if number is not None and not _is_number(number):
                raise TypeError(f"checkpoint: {name} is {number!r}, which is no finite number")
        if resumable and self.stopping:
            self._make_way()
        if self._token() is None:
            return
        if done is not None:  # heard with the next checkpoint that is sent, whichever that is
            self.request.progress = {"done": done, "total": total, "message": message}
        now = time.monotonic()
        if now - self.request.checked < CHECKPOINT_SECONDS and (done is None or done != total):
            return
        self.request.checked = now
        if self.request.log:
            self.request.log.flush()
        progress, self.request.progress = self.request.progress, None
        self._heed(self.store.checkpoint(self.request.id, self._token(), progress))

    @property
    def stopping(self) -> bool:
        """Whether the worker has been asked to stop: the next `checkpoint(resumable=True)` will end this run."""
        return bool(self._token() and self.app.stopping[0])

    @property
    def cursor(self):
        """What the last attempt saved, or None."""
        return self.request.start.cursor if self._token() else None

    def save(self, cursor) -> None:
        """Leave a word (JSON) for the next attempt, should this one not come to its end.

        Raises:
            LeaseLost: let it pass.
        """
        if self._token():
            self._heed(self.store.save(self.request.id, self._token(), cursor))

    def put_off(self, due: float, why: BaseException) -> NoReturn:
        """End this run, to be started again at `due` (seconds since 1970). The attempt does not count; until then the
        page says why.

        Raises:
            PutOff, Cancelled, LeaseLost: let them pass.
        """
        if self._token():
            now = self.store.put_off(self.request.id, self._token(), int(due * 1000), self._error(why))
            if now != states.SCHEDULED:
                self._heed(now)
            self._ended("put_off", error=type(why).__name__)
        raise PutOff(str(why))

    def keep(self, name: str, type: str, content: bytes, seconds: float | None = None) -> dict:
        """Keep a file for so long, or RETENTION_DAYS. Return `{"file": job.keep(…)}` and it is the job's result, for
        people to download.

        Raises:
            app.files.TooLarge, app.files.Full: the text says what to do.
            app.files.Away: the bucket is; worth another attempt.
        """
        file = self.app.files.put(name, type, io.BytesIO(content), most_mb=self.app.settings.result_max_mb,
                                  limit="RESULT_MAX_MB", seconds=seconds)
        return {"id": file.id, "name": name, "type": type, "bytes": file.bytes}

    def _log(self) -> JobLog:
        seconds = min(LOG_DAYS, self.app.settings.retention_days) * 86400
        send = partial(self.store.log, self.request.id, seconds=seconds)  # other threads do not know the request
        return JobLog(send, self.request.start.attempt)

    def _see_that_it_is_ours(self) -> None:
        """A process may be stopped as it stands, by its platform or a laptop's lid, for longer than its lease."""
        if time.monotonic() - self.request.taken < self.app.settings.lease_seconds / 2:
            return
        try:
            self._heed(self.store.checkpoint(self.request.id, self._token()))
        except UNAVAILABLE as error:
            raise Ignore(f"the job store is away ({error}); the sweep will find the job") from error

    def _make_way(self) -> None:
        now = self.store.interrupt(self.request.id, self._token())
        if now != states.QUEUED:
            self._heed(now)
        self._ended("interrupted")
        raise Interrupted("the worker is stopping", requeue=True)

    def _heed(self, verdict: str) -> None:
        if verdict == states.CANCELLED:
            self._ended("cancelled")
            raise Cancelled("cancelled")
        if verdict != states.RUNNING:
            self._ended("lease_lost", logging.WARNING)
            raise LeaseLost("the lease ran out")

    # --- ended ---

    def retry(self, args=None, kwargs=None, exc=None, **options):
        """As Celery documents it; the record also learns why."""
        self.request.update(retrying=True, reason=exc or sys.exc_info()[1])
        return super().retry(args, kwargs, exc=exc, **options)

    def on_replace(self, sig):
        if self._token():
            self._heed(self.store.cede(self.request.id, self._token()))
        try:
            return super().on_replace(sig)
        except Ignore:
            # Another task goes on under this id, or will when the chain that it ends gets there.
            if self._token():
                self.store.drop(self.request.id, self._token())
                self.request.start = None
                self._ended("replaced")
            raise

    def _try_again(self, args, kwargs, options: dict) -> None:
        due, delay = _milliseconds(options.pop("eta", None)), max(0, options.pop("countdown", None) or 0)
        reason = self.request.get("reason")
        message = encode(self.name, self._message(args, kwargs, options))
        state = self.store.try_again(self.request.id, self._token(), message, due=due, delay=delay,
                                     error=self._error(reason) if reason else None)
        if state == "lost":
            logger.warning("to be tried again, but the lease was lost; another run decides")
        else:
            self._ended("retried" if state == states.SCHEDULED else state, error=reason and type(reason).__name__)

    def on_success(self, retval, task_id, args, kwargs):
        self._settle(task_id, states.SUCCEEDED, result=_result(retval))

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        traceback = self.app.scrubber.text(str(einfo))
        self._settle(task_id, states.FAILED, error=self._error(exc), traceback=traceback[-TRACEBACK_CHARS:])

    def _error(self, exc: BaseException) -> dict:
        return {"type": type(exc).__name__, "message": self.app.scrubber.text(str(exc))[:1000]}

    def _settle(self, task_id, state, **outcome):
        if self.request.is_eager:
            return
        try:
            # No token: the worker's main process ends a job that outran its hard time limit.
            now = self.store.settle(task_id, self._token() or "", self.app.worker, state, **outcome)
            record = None if self._token() else self.store.get(task_id)
        except UNAVAILABLE as error:  # Celery would take it for an error of the job
            logger.error("%s, but the job store stays away (%s); it will run again", state, error,
                         extra=lines.about(job=task_id))
            return
        if now == "lost":
            logger.warning("%s, but the lease was lost; another run decides", state, extra=lines.about(**known(record)))
        else:
            lines.event(logger, now, logging.WARNING if now == states.FAILED else logging.INFO,
                        **known(record), error=(outcome.get("error") or {}).get("type"),
                        duration=_duration(record) if record else time.monotonic() - self.request.began)
        self._wake_next()

    def _wake_next(self):
        """The next in the lane need not wait until a worker looks for what is due."""
        start = getattr(self.request, "start", None)
        if not start or not start.lane:
            return
        with suppress(*UNAVAILABLE):
            if next := self.store.next_in_lane(self.request.id):
                wake(self.app, [next])


def known(record: dict | None) -> dict:
    """What a line says of a job that this process does not run."""
    return {"job": record["id"], "kind": record.get("kind"), "attempt": int(record.get("attempt") or 0),
            "request_id": record.get("request_id") or None} if record else {}


def tell_lost(run: Lost, how: str) -> None:
    """Of a run that ended without a word of its own, and of its job if that ended with it."""
    fields = {"job": run.id, "kind": run.kind, "attempt": run.attempt, "request_id": run.request_id or None,
              "duration": run.seconds}
    lines.event(logger, how, logging.WARNING, **fields, state=run.state)
    if run.state in states.FINISHED:
        lines.event(logger, run.state, logging.WARNING, **fields, error="WorkerLost")


def encode(kind: str, message: dict) -> str:
    """Raises kombu.exceptions.EncodeError."""
    try:
        return json.dumps(message)
    except (TypeError, ValueError) as error:
        raise EncodeError(f"{kind}: its arguments are no JSON: {error}") from error


def received(app: celery.Celery, request) -> tuple[dict, bool, str, int | None]:
    """Of a message that has come: options to publish it again, whether it said that the job has a record, its queue and
    priority."""
    headers = request.headers or {}
    recorded = bool(headers.pop(RECORDED, False))  # it is for us: what this job publishes has its own
    request.headers = headers or None
    options = {k: v for k, v in request.as_execution_options().items() if v is not None and k != "task_id"}
    delivery = request.delivery_info or {}
    queue, priority = delivery.get("routing_key") or app.conf.task_default_queue, delivery.get("priority")
    if queue != app.conf.task_default_queue and queue in app.amqp.queues:
        options["queue"] = queue
    if priority:
        options["priority"] = priority
    return options, recorded, queue, priority


def record(app: celery.Celery, request, due: datetime | None) -> tuple[str, dict]:
    """Record the job of another program before it is started. Returns its state, or "exists", and what to publish.

    Raises:
        kombu.exceptions.EncodeError, one of app.connections.UNAVAILABLE
    """
    options, _, queue, priority = received(app, request)
    message, task = {**options, "args": request.args, "kwargs": request.kwargs}, app.tasks.get(request.task)
    submitted = app.store.submit(
        request.id, request.task, encode(request.task, message), due=_milliseconds(due),
        max_attempts=task and task.max_attempts, queue=queue, priority=priority)
    lines.event(logger, "accepted", job=submitted.id, kind=request.task)
    return submitted.outcome, message


def publish(app: celery.Celery, id: str, kind: str, message: dict, producer=None) -> bool:
    """Put the wake-up of a recorded job on the broker.

    Returns False when the broker is away or full: the sweep does it later, so nothing is lost and no caller need know.
    """
    try:
        _send(app, id, kind, message, producer=producer)
    except AWAY as error:
        logger.warning("recorded, but no worker could be told (%s); the sweep will do it", error,
                       extra=lines.about(job=id, kind=kind))
        return False
    return True


class Unheard(celery.result.AsyncResult):
    """Nobody waits for it, so nothing is unsubscribed, for seconds where Redis is away, when it is thrown away."""

    def __del__(self):
        pass


def wake_up(app: celery.Celery, id: str, kind: str, message: dict) -> tuple[str, str] | None:
    """Where the broker is the job store: a list there, and what to push to it with the record, in one step and one
    round trip. Else None."""
    if not app.kept_messages or not message["ignore_result"]:  # who waits for that is subscribed first
        return None
    with suppress(*AWAY):  # of the result backend
        return held.one(partial(_send, app, id, kind, message, producer=app.kept_messages, declare=(),
                                result_cls=partial(Unheard, app=app)))


def _send(app: celery.Celery, id: str, kind: str, message: dict, **how) -> None:
    """Raises one of AWAY."""
    options = dict(message)
    args, kwargs = options.pop("args"), options.pop("kwargs")
    options["headers"] = {**(options.get("headers") or {}), RECORDED: True}
    app.send_task(kind, args, kwargs, task_id=id, **how | options)


def wake(app: celery.Celery, ids: list[str]) -> None:
    """Publish jobs that have just been queued: in one round trip where the broker has such. As for one, what cannot be
    told now the sweep does later.

    Raises:
        One of app.connections.UNAVAILABLE: the job store is away.
    """
    if not (rows := app.store.messages(ids)):
        return
    try:
        with app.producer_or_acquire() as producer, producer.batch():
            for id, kind, message in rows:
                try:
                    if not publish(app, id, kind, json.loads(message), producer):
                        break  # the broker is away
                except Exception:
                    logger.exception("cannot be published", extra=lines.about(job=id, kind=kind))  # it alone
    except AWAY as error:
        logger.warning("recorded, but no worker could be told (%s); the sweep will do it", error,
                       extra=lines.about(**lines.of([id for id, *_ in rows])))


def declare_lost(app: celery.Celery, id: str, kind: str, message: dict) -> None:
    """Tell Celery that a job failed without a process to say so: its error callbacks, chord, result and signal."""
    options = {"errbacks": maybe_list(message.get("link_error")), "group": message.get("group_id"), "delivery_info": {}}
    request = celery.app.task.Context({**message, **options, "id": id, "task": kind})
    error = WorkerLostError("The worker died while it ran this job.")
    app.backend.mark_as_failure(id, error, request=request, store_result=not message.get("ignore_result"))
    task_failure.send(sender=app.tasks.get(kind), task_id=id, exception=error, args=message.get("args"),
                      kwargs=message.get("kwargs"), traceback=None, einfo=None)


def _queue(task: Job, options: dict) -> str:
    """Where Celery will send it. A queue that there is not is refused now, not by the promoter next week."""
    wanted = {"queue": options["queue"]} if options.get("queue") else {}
    name = task.app.amqp.router.route(wanted, task.name)["queue"].name
    declared = [queue.name for queue in task.app.conf.task_queues]
    if name not in declared:
        raise QueueNotFound(f"No queue {name!r}; there are {', '.join(declared)}")
    return name


def _milliseconds(at: datetime | str | None) -> int | None:
    if at is None:
        return None
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    if at.tzinfo is None:  # as Celery: a time without a zone is in `timezone`, which is UTC here
        at = at.replace(tzinfo=UTC)
    return max(0, int(at.timestamp() * 1000))  # before 1970 is long ago enough


def _duration(record: dict) -> float:
    """Seconds that the last run of a job took."""
    return (float(record["finished"]) - float(record["started"])) / 1000


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _result(value):
    """What a task returned, as plain JSON: what JSON has no form for becomes a text."""
    try:
        text = plain_json.dumps(value, default=str, allow_nan=False)
        if deeper(plain_json.loads(text), RESULT_DEPTH):
            raise RecursionError
    except (TypeError, ValueError):
        text = plain_json.dumps(repr(value))
    except RecursionError:
        logger.warning("its result is nested more than %d levels deep and was not kept", RESULT_DEPTH)
        return None
    if len(text) > RESULT_BYTES:
        logger.warning("its result is over %d bytes and was not kept", RESULT_BYTES)
        return None
    return plain_json.loads(text)
