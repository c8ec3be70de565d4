"""Each schedule is a cron monitor in Sentry: it is told when an occurrence begins and how it ends, and shouts when none
comes. How late one may be, and how long it may take, are set there."""

import re
from contextlib import suppress
from uuid import NAMESPACE_OID, uuid5

from celery import current_app, signals
from celery.states import FAILURE
from sentry_sdk.crons import capture_checkin

from app import states
from app.connections import UNAVAILABLE

#: The job of an occurrence: its schedule, and when it was due.
OCCURRENCE = re.compile(r"[0-9a-f]{32}-[0-9]+")
#: One that waits to be tried again goes on meanwhile.
STATUS = {states.QUEUED: "in_progress", states.RUNNING: "in_progress", states.SUCCEEDED: "ok",
          states.FAILED: "error", states.CANCELLED: "error"}


def start() -> None:
    signals.task_prerun.connect(check_in)
    signals.task_postrun.connect(ended)
    signals.task_failure.connect(check_in)  # also of a worker that died, from another


def ended(task_id: str, state: str, **_) -> None:
    if state != FAILURE:
        check_in(task_id)


def check_in(task_id: str, **_) -> None:
    """What the record says of the job, which may be what somebody else has done to it."""
    if OCCURRENCE.fullmatch(task_id):
        with suppress(*UNAVAILABLE):
            _check_in(current_app.store, task_id)


def _check_in(store, id: str) -> None:
    record = store.get(id)
    entry = record and store.schedule(record.get("schedule", ""))
    if not entry or record["state"] not in STATUS:
        return
    ended, began = (int(record.get(name, 0)) for name in ("finished", "started"))
    capture_checkin(
        re.sub("[^a-z0-9_-]", "-", entry["kind"].lower())[:17] + "-" + entry["id"],
        uuid5(NAMESPACE_OID, id).hex,  # the same whichever process asks, at each attempt
        STATUS[record["state"]], (ended - began) / 1000 if ended and began else None,
        {"schedule": {"type": "crontab", "value": entry["cron"]}, "timezone": entry["timezone"]})
