"""Sentry, when SENTRY_DSN is set: errors with the job that they are of, the trace from a request to its jobs, and
whether recurring jobs run (monitors.py). What it gets has no secret of ours and nothing that somebody sent.

A job is one error there at most, when it has failed for good: an attempt that is followed by another is none, nor is
one that was cancelled, put off, given back or refused.
"""

import json
from contextlib import suppress
from functools import partial

import sentry_sdk
from billiard.exceptions import WorkerLostError
from celery import Task, current_app, signals
from celery.app.task import Context
from sentry_sdk.integrations.redis import RedisIntegration
from sentry_sdk.scrubber import EventScrubber

from app import monitors, trace
from app.config import Settings
from app.connections import UNAVAILABLE
from app.scrubber import Scrubber

#: Of a request, what Sentry has no business with: what somebody sent, searched for, or is known by.
PRIVATE = ("cookies", "data", "query_string")
PRIVATE_HEADERS = ("authorization", "cookie", "referer")
#: The header of a job's message with the trace that it belongs to: these headers of the SDK.
CARRIED = "sentry-carried"
SPREAD = ("sentry-trace", "baggage")


def start(settings: Settings) -> None:
    scrubber = Scrubber.of(settings)
    sentry_sdk.init(
        dsn=settings.sentry_dsn, release=settings.release or None,
        environment="development" if settings.development else None,  # else SENTRY_ENVIRONMENT's, or production
        # With 0 it would still keep a trace whenever a stranger's request says so.
        traces_sample_rate=settings.sentry_traces_sample_rate or None,
        # It calls every move of ours by a hash, and a span of a command that failed never ends.
        disabled_integrations=[RedisIntegration()],
        trace_propagation_targets=[],  # whom webhooks go to learns nothing of it
        send_default_pii=False, include_local_variables=False, max_request_body_size="never",
        event_scrubber=EventScrubber(recursive=True), before_breadcrumb=breadcrumb,
        before_send=partial(event, scrubber), before_send_transaction=partial(event, scrubber))
    # Short, as it is kept with each job that waits; who samples needs the rest.
    names = SPREAD if settings.sentry_traces_sample_rate else SPREAD[:1]
    trace.carriers.append(partial(carry, names))
    signals.before_task_publish.connect(keep)
    signals.task_prerun.connect(tag)
    signals.task_failure.connect(lost)
    monitors.start()


def event(scrubber: Scrubber, event: dict, _hint) -> dict:
    """What Sentry gets to see of an event."""
    request = event.get("request") or {}
    for name in PRIVATE:
        request.pop(name, None)
    for name in [name for name in request.get("headers") or {} if name.lower() in PRIVATE_HEADERS]:
        del request["headers"][name]
    for span in event.get("spans") or ():
        if span.get("op") == "http.client":  # as in breadcrumb
            span.update(description=(span.get("description") or "").partition(" ")[0], data={})
    return scrubber.deep(event)


def breadcrumb(crumb: dict, _hint) -> dict | None:
    """The address of a webhook may be a secret of its receiver's."""
    return None if crumb.get("type") == "http" else crumb


def carry(names: tuple[str, ...]) -> dict:
    """The trace of the request or job that makes a message. Else, as for a schedule's, a trace of its own."""
    with sentry_sdk.new_scope() as scope:
        if scope.transaction is None:
            scope.set_new_propagation_context()
        return {CARRIED: {name: value for name, value in scope.iter_trace_propagation_headers() if name in names}}


def keep(headers: dict, **_) -> None:
    """The SDK has just put in the trace of whoever publishes the message, which may be a worker, weeks later."""
    carried = headers.get(CARRIED, {})
    if carried or sentry_sdk.get_current_scope().transaction is None:
        seen = Context(headers).headers or {}  # as the job would see them; where the SDK looks is not where others do
        headers["headers"] = {name: value for name, value in seen.items() if name not in SPREAD} | carried


def tag(task: Task, task_id: str, **_) -> None:
    """What is reported while a job runs says of which."""
    request = task.request  # it learns the rest when the job is taken

    def tagged(event, _hint):
        start = getattr(request, "start", None)
        event.setdefault("tags", {}).update(
            tags(task_id, task.name, start.attempt, start.request_id) if start else tags(task_id, task.name))
        return event

    sentry_sdk.get_isolation_scope().add_event_processor(tagged)


def tags(job: str, kind: str, attempt: int = 0, request_id: str = "") -> dict:
    told = {"job": job, "kind": kind, "attempt": attempt, "request_id": request_id}
    return {name: value for name, value in told.items() if value}


def lost(task_id: str, exception: Exception, **_) -> None:
    """A job's last attempt died with its worker: nobody else reports that."""
    if not isinstance(exception, WorkerLostError):
        return
    with suppress(*UNAVAILABLE), sentry_sdk.isolation_scope() as scope:
        record = current_app.store.get(task_id)
        if record:
            sentry_sdk.continue_trace((json.loads(record["message"]).get("headers") or {}).get(CARRIED, {}))
            scope.set_tags(tags(task_id, record["kind"], int(record["attempt"]), record.get("request_id", "")))
            sentry_sdk.capture_exception(exception)
