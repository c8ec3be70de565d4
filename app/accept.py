"""Accepting a job: what a caller sent, validated by the kind's own model, then recorded."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from app.job import Submitted
from app.kinds import Kind

YEAR = timedelta(days=366)


class NewJob(BaseModel):
    """The body of POST /api/jobs."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    kind: str
    params: dict = {}
    delay: float | None = Field(default=None, ge=0, le=YEAR.total_seconds())
    run_at: AwareDatetime | None = None

    @field_validator("run_at", mode="before")
    @classmethod
    def iso_8601(cls, value):
        if not isinstance(value, str):
            return value
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


class Invalid(Exception):
    """Not accepted. `error` is pydantic's; `where` is the field that it is about, "" for the whole."""

    def __init__(self, where: str, error: ValidationError):
        self.where, self.error = where, error


def accept(kinds: dict[str, Kind], job: NewJob, *, request_id: str | None = None,
           idempotency_key: str | None = None) -> Submitted:
    """Record a job.

    Raises:
        KeyError: no such kind.
        Invalid: its params are wrong.
        One of app.connections.UNAVAILABLE: nothing was stored.
    """
    kind = kinds[job.kind]
    try:
        params = kind.params.model_validate_json(json.dumps(job.params), strict=True)
    except ValidationError as error:
        raise Invalid("params", error) from None
    digest = hashlib.sha256(json.dumps(job.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
    return kind.task.submit(
        kwargs={"params": params.model_dump(mode="json", exclude_unset=True)}, countdown=job.delay, eta=job.run_at,
        request_id=request_id, idempotency=idempotency_key, digest=digest)
