"""Accepting a job: what a caller sent, validated by the kind's own model, then recorded."""

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta

from celery import Celery
from celery.utils import uuid
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from app.files import is_file, named_in
from app.job import encode
from app.kinds import Kind
from app.record import params as params_of
from app.store import Submitted, batches, dumps

YEAR = timedelta(days=366)
#: In JSON Schema: `delay` is given, `run_at` is.
DELAY, RUN_AT = ({"required": [name], "properties": {name: {"type": type}}}
                 for name, type in (("delay", "number"), ("run_at", "string")))


class When(BaseModel):
    """When a job is to run: in `delay` seconds, or at `run_at`; with neither, now."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, json_schema_extra={
        "not": {"allOf": [DELAY, RUN_AT]}})

    delay: float | None = Field(default=None, ge=0, le=YEAR.total_seconds(), description="Seconds", examples=[3600])
    run_at: AwareDatetime | None = Field(default=None, description="Instead of delay, at most a year ahead")

    @field_validator("run_at", mode="before")
    @classmethod
    def iso_8601(cls, value):
        if not isinstance(value, str):
            return value
        if not value:
            raise ValueError("Choose a date and a time")
        try:
            return datetime.fromisoformat(value)  # pydantic alone would take "1893456000" too
        except ValueError:
            raise ValueError("is no time in ISO 8601, such as 2027-01-31T09:00:00+01:00") from None

    @field_validator("run_at")
    @classmethod
    def one_time_within_a_year(cls, value, info):
        if value and info.data.get("delay") is not None:
            raise ValueError("give delay or run_at, not both")
        if value and value > datetime.now(UTC) + YEAR:
            raise ValueError("is more than a year ahead")
        return value


class Route(BaseModel):
    """Where a job waits for a worker, before and after which others. What is not given is as its kind says."""

    queue: str | None = Field(default=None, max_length=80, description="Whose workers it is for: see WORKER_QUEUES")
    priority: int | None = Field(default=None, ge=0, le=9, description="9 is the most urgent in its queue, 0 as others")
    lane: str | None = Field(default=None, min_length=1, max_length=100, examples=["customer-42"],
                             description="Jobs of a lane run one at a time, in the order in which they were accepted")

    def options(self, celery: Celery) -> dict:
        """Of `Job.submit`. Raises Invalid: there is no such queue."""
        there = [queue.name for queue in celery.conf.task_queues]
        if self.queue not in (None, *there):
            raise invalid("queue", f"is none of {', '.join(there)}", self.queue)
        return {name: value for name in Route.model_fields if (value := getattr(self, name)) is not None}


class NewJob(When, Route):
    """The body of POST /api/jobs."""

    kind: str
    params: dict = {}
    notify: str | None = Field(default=None, description="An https:// address that is told when the job has ended",
                               json_schema_extra={"format": "uri"})


class NewTime(When):
    """The body of PATCH /api/jobs/<id>."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [DELAY, RUN_AT]})

    @model_validator(mode="after")
    def one_time(self):
        if self.delay is None and self.run_at is None:
            raise ValueError("give delay or run_at")
        return self

    def due(self, now: float) -> float:
        """Seconds since 1970."""
        return max(0.0, self.run_at.timestamp()) if self.run_at else now + self.delay


class Invalid(Exception):
    """Not accepted. `error` is pydantic's; `where` is the field that it is about, "" for the whole."""

    def __init__(self, where: str, error: ValidationError):
        self.where, self.error = where, error


def invalid(field: str, why: str, value: object) -> Invalid:
    return Invalid("", ValidationError.from_exception_data(field, [
        {"type": PydanticCustomError(field, "{why}", {"why": why}), "loc": (field,), "input": value}]))


def given(model: BaseModel, *optional: str) -> dict:
    """What a digest is made of: without those of the optional fields that are not used, so that what was sent to an
    older release is still the same."""
    return model.model_dump(mode="json", exclude={name for name in optional if getattr(model, name) is None})


class TooMany(Exception):
    """As many jobs wait or run as may. The text says so."""


def validate(kind: Kind, params: dict, **context) -> dict:
    """Params as the kind's own model takes them, without what was left to its defaults.

    Args:
        context: what else its model should know.

    Raises:
        Invalid
    """
    try:
        # The context lets a model look: at the files, at the other kinds.
        model = kind.params.model_validate_json(json.dumps(params), strict=True,
                                                context={"app": kind.task.app, **context})
    except ValidationError as error:
        raise Invalid("params", error) from None
    return model.model_dump(mode="json", exclude_unset=True)


def keep_files(celery: Celery, params: dict, due: float) -> None:
    """Files that a job names live on until it has had its time: `due` (seconds since 1970) and RETENTION_DAYS."""
    for id in files_of(params):
        keep_until(celery, id, due)


def files_of(params: dict) -> list[str]:
    values = (id for value in params.values() for id in (value if isinstance(value, list) else [value]))
    return [id for id in values if is_file(id)]


def keep_until(celery: Celery, file: str, due: float) -> None:
    celery.files.keep(file, due - celery.store.now() + celery.settings.retention_days * 86400)


def accept(kinds: dict[str, Kind], job: NewJob, *, request_id: str | None = None,
           idempotency_key: str | None = None) -> Submitted:
    """Record a job.

    Raises:
        KeyError: no such kind.
        Invalid: its params are wrong.
        TooMany
        One of app.connections.UNAVAILABLE: nothing was stored.
    """
    kind, id = kinds[job.kind], uuid()
    most = kind.task.app.settings.waiting_max
    params = validate(kind, job.params)
    follow, route = follower(kinds, job, id), job.options(kind.task.app)
    keep_files(kind.task.app, params, job.run_at.timestamp() if job.run_at else time.time() + (job.delay or 0))
    asked = given(job, "notify", *Route.model_fields)
    submitted = kind.task.submit(
        kwargs={"params": params}, id=id, countdown=job.delay, eta=job.run_at, request_id=request_id, follow=follow,
        idempotency=idempotency_key, digest=hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest(),
        most=most, tell=True, **route)
    if submitted.outcome == "too many":
        raise TooMany(too_many(most))
    return submitted


def too_many(most: int) -> str:
    return (f"As many jobs wait or run as WAITING_MAX allows, {most}. Cancel some, or come again when some have ended.")


def follower(kinds: dict[str, Kind], job: NewJob, id: str) -> str | None:
    """The job to record when the job `id` ends, as app.store.Store.submit takes it: the webhook that it asks for.

    Raises:
        Invalid: the app has no webhooks, or they may not go there.
    """
    if job.notify is None:
        return None
    webhook = kinds.get("webhook")
    try:
        if not webhook:
            raise PydanticCustomError("notify", "this app has no webhooks")
        params = validate(webhook, {"job": id, "url": job.notify, "label": f"{job.kind} {id[:8]}"[:100]}, new=id)
    except (PydanticCustomError, Invalid) as error:
        why = error.error.errors()[0]["msg"].removeprefix("Value error, ") if isinstance(error, Invalid) else str(error)
        raise invalid("notify", why, job.notify) from None
    message, queue = webhook.task.prepare((), {"params": params}, {})
    return dumps({"kind": webhook.name, "message": encode(webhook.name, message), "queue": queue,
                  "priority": message.get("priority"), "max_attempts": webhook.task.max_attempts})


def reschedule(celery: Celery, record: dict, to: NewTime, *, by: str) -> bool:
    """Move a scheduled job to another time. Returns False when it is no longer scheduled."""
    due = to.due(celery.store.now())
    params = params_of(record["message"])
    if isinstance(params, dict):  # a task that is no kind may have called something else so
        keep_files(celery, params, due)
    return celery.store.reschedule(record["id"], int(due * 1000), by)


def reschedule_all(celery: Celery, ids: list[str], to: NewTime, *, by: str) -> list[str]:
    """The same of many. Returns the ids of those that were still scheduled."""
    now = celery.store.now()
    due = to.due(now)
    messages = (message for some in batches(ids) for _id, _kind, message in celery.store.messages(some))
    for file in set().union(*map(named_in, messages)):
        keep_until(celery, file, due)
    return celery.store.act("reschedule", ids, due=int(due * 1000), by=by)
