"""Recurring jobs: a schedule becomes a job whenever it is due. There is no beat process: any worker may fire
it, one does, and the script that claims an occurrence puts the next one in its place."""

import hashlib
import json
import logging
import uuid
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from celery import Celery
from cronsim import CronSim, CronSimError
from pydantic import ConfigDict, Field, field_validator

from app import lines
from app.accept import Route, given, keep_files, validate
from app.job import encode
from app.kinds import Kind
from app.record import iso, loads
from app.store import dumps

logger = logging.getLogger(__name__)

#: Each is looked at when the list is shown, and kept for ever.
MOST = 1000


#: An expression with every minute of the hour by its number has 177 characters.
Cron = Annotated[str, Field(max_length=500, json_schema_extra={"format": "cron"}, examples=["0 9 * * 1"],
                            description="Minute, hour, day of month, month, day of week")]


class Timing(Route):
    """When: five fields of cron, read on the clocks of a zone. Both are checked here and nowhere else."""

    model_config = ConfigDict(extra="forbid")

    timezone: str = Field(default="UTC", max_length=100, examples=["Europe/Madrid"],
                          json_schema_extra={"format": "time-zone"})
    cron: Cron = ""
    paused: bool = False
    params: dict = {}

    @field_validator("timezone")
    @classmethod
    def known_zone(cls, value):
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):  # unknown, a path, a folder
            raise ValueError("is no time zone; write one such as Europe/Madrid or UTC") from None
        return value

    @field_validator("cron")
    @classmethod
    def five_fields(cls, value):
        value = " ".join(value.split())
        try:
            if len(value.split()) != 5:
                raise CronSimError("it has five fields: minute, hour, day of month, month, day of week")
            next_due(value, "UTC", 0)
        except CronSimError as error:
            raise ValueError(f"is no cron expression such as '0 9 * * 1' (Mondays at 9:00): {error}") from None
        return value


class Change(Timing):
    """The body of PATCH /api/schedules/<id>: what it leaves out stays."""

    model_config = ConfigDict(json_schema_extra=lambda schema: [
        rule.pop("default", None) for rule in schema["properties"].values()])


class NewSchedule(Timing):
    """The body of POST /api/schedules."""

    kind: str
    cron: Cron


class TooMany(Exception):
    """There are as many schedules as may be."""


def next_due(cron: str, timezone: str, after: float) -> int:
    """The first occurrence later than `after` (seconds since 1970), in milliseconds.

    Daylight saving as Debian's cron has it: what falls into the hour that is skipped runs right after it, what
    falls into the hour that comes twice runs in the first; hourly and more frequent ones run by real time.

    Raises:
        CronSimError: there is none, ever.
    """
    for at in CronSim(cron, datetime.fromtimestamp(after, ZoneInfo(timezone))):
        if at.timestamp() > after:  # in the second of two equal hours it names times of the first
            return int(at.timestamp() * 1000)
    raise CronSimError("no day matches it")


def create(celery: Celery, kinds: dict[str, Kind], new: NewSchedule, key: str | None = None) -> tuple[str, str]:
    """Keep a schedule. Returns ("created", "exists" or "conflict", its id), as `key` may come twice.

    Raises:
        KeyError: no such kind.
        app.accept.Invalid: its params are wrong.
        TooMany
        One of app.connections.UNAVAILABLE: nothing was stored.
    """
    params = validate(kinds[new.kind], new.params)
    new.options(celery)
    digest = hashlib.sha256(json.dumps(given(new, *Route.model_fields), sort_keys=True).encode()).hexdigest()
    id = hashlib.sha256(key.encode()).hexdigest()[:32] if key else uuid.uuid4().hex
    due = _due(celery, new)
    keep_files(celery, params, (due or 0) / 1000)
    outcome = celery.store.create_schedule(id, due, {
        "kind": new.kind, "params": dumps(params),
        "cron": new.cron, "timezone": new.timezone, "digest": digest, **_stored(new)}, MOST)
    if outcome == "too many":
        raise TooMany(f"There are {MOST:,} schedules, as many as may be. Delete one first.")
    return outcome, id


def change(celery: Celery, kinds: dict[str, Kind], id: str, wish: Change) -> bool:
    """Change a schedule. Returns False when there is none.

    Raises:
        KeyError: its kind is no longer part of the app.
        app.accept.Invalid: the new params are wrong.
    """
    wish.options(celery)
    outcome = "stale"
    while outcome == "stale":  # somebody else changed it between our reading and our writing
        entry = celery.store.schedule(id)
        if entry is None:
            return False
        changed = {name: getattr(wish, name) for name in wish.model_fields_set}
        timing = Timing.model_construct(
            **{"cron": entry["cron"], "timezone": entry["timezone"], "paused": entry["due"] is None,
               "params": json.loads(entry["params"]), **_route(entry).model_dump()} | changed)
        # What is due stays due, unless it is about when; and whatever its params have become, it can be paused.
        due = _due(celery, timing) if changed.keys() - {"params", *Route.model_fields} else entry["due"]
        params = timing.params
        if due is not None or "params" in changed:
            params = validate(kinds[entry["kind"]], params)
            keep_files(celery, params, (due or 0) / 1000)
        outcome = celery.store.change_schedule(id, entry["version"], due, {
            "cron": timing.cron, "timezone": timing.timezone, "params": dumps(params), **_stored(timing)})
    return outcome == "changed"


def _stored(route: Route) -> dict[str, str]:
    return {name: dumps(getattr(route, name)) for name in Route.model_fields}


def _route(entry: dict) -> Route:
    return Route.model_construct(**{name: loads(entry.get(name)) for name in Route.model_fields})


def _due(celery: Celery, timing: Timing) -> int | None:
    return None if timing.paused else next_due(timing.cron, timing.timezone, celery.store.now())


def fire(celery: Celery, id: str) -> str | None:
    """Make a job of a due occurrence. Returns its id, or None when another worker did, or there is no room for it.

    What was missed while no worker lived, or there was no room, runs once, however many occurrences that were.
    """
    entry = celery.store.schedule(id)
    now = celery.store.now()
    if not entry or entry["due"] is None or entry["due"] > now * 1000:
        return None
    task, kwargs = celery.tasks.get(entry["kind"]), {"params": json.loads(entry["params"])}
    following = next_due(entry["cron"], entry["timezone"], now)
    route = _route(entry).options(celery)
    lane = route.pop("lane", None)
    message, queue, attempts = {"args": [], "kwargs": kwargs, **route}, route.get("queue", ""), None
    if task:  # else a newer worker may have its code
        message, queue = task.prepare((), kwargs, route)
        attempts = task.max_attempts
        keep_files(celery, kwargs["params"], following / 1000)
    job = celery.store.fire(id, entry["version"], entry["due"], following, entry["kind"],
                            encode(entry["kind"], message), queue=queue,
                            priority=message.get("priority"), max_attempts=attempts, lane=lane,
                            most=celery.settings.waiting_max)
    if job == "no room":
        logger.warning("Redis is full, or WAITING_MAX jobs wait: its job is to be made in a minute",
                       extra=lines.about(schedule=id))
        return None
    if job:
        lines.event(logger, "accepted", job=job, kind=entry["kind"], schedule=id)
    return job


def pause(celery: Celery, id: str) -> None:
    """Whatever it holds."""
    entry = celery.store.schedule(id)
    if entry:
        celery.store.change_schedule(id, entry.get("version", ""), None, {})


def as_json(entry: dict) -> dict:
    """The schedule of the HTTP API."""
    return {
        "id": entry["id"],
        "kind": entry["kind"],
        "params": loads(entry["params"]),
        "cron": entry["cron"],
        "timezone": entry["timezone"],
        "meaning": _meaning(entry["cron"]),
        "paused": entry["due"] is None,
        "next_at": iso(entry["due"]),
        "last_at": iso(entry.get("last")),
        "last_job": entry.get("last_job"),
        "created_at": iso(entry["created"]),
        **_route(entry).model_dump(),
    }


def _meaning(cron: str) -> str | None:
    try:
        return CronSim(cron, datetime.now(UTC)).explain()
    except CronSimError:  # changed by hand
        return None
