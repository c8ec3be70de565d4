"""What the API answers, as models. The description of the API is made of them; its tests hold real answers against
it, so a field that is missing here, or is no longer there, fails them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app import states
from app.web.timeline import ACTS, OUTCOMES

State = Literal[states.ALL]


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FieldError(Answer):
    line: int = Field(default=0, description="of a bulk, from 1")
    field: str = Field(description="such as params.to.0; body for the whole")
    message: str


class Problem(Answer):
    """Every error, as RFC 9457 has it: application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(default=[], description="what is wrong with what was sent, by field")


class Error(Answer):
    """What a job or an attempt failed of."""

    type: str
    message: str


class Progress(Answer):
    """What a job has last reported."""

    done: float
    total: float | None
    message: str


class Attempt(Answer):
    """One run of a job that has ended."""

    attempt: int
    started_at: datetime | None
    ended_at: datetime
    worker: str
    outcome: Literal[tuple(OUTCOMES)]
    error: Error | None


class Act(Answer):
    """What somebody asked of a job."""

    at: datetime
    act: Literal[tuple(ACTS)]
    by: str = Field(description="page, api or command line")


class Job(Answer):
    """A job, with each attempt and what people asked of it. Times are in UTC."""

    id: str
    kind: str
    state: State
    params: Any = Field(description="as the kind has them")
    created_at: datetime | None
    due_at: datetime | None
    started_at: datetime | None = Field(description="of the last attempt")
    finished_at: datetime | None
    attempt: int = Field(description="0 until the first has begun")
    max_attempts: int | None = Field(description="null: no limit")
    progress: Progress | None
    result: Any = Field(description="what the job returned, or null")
    error: Error | None
    request_id: str | None = Field(description="of the request that made it")
    schedule: str | None = Field(description="id of the schedule that made it")
    lane: str | None = Field(description="of which one job goes at a time")
    cancel_requested: bool
    notify: str | None = Field(description="where its end is told")
    queue: str | None = Field(description="where it waits for a worker; null: not known yet")
    priority: int = Field(description="9 is the most urgent in its queue")
    worker: str | None
    attempts: list[Attempt] = Field(description="those that have ended, the last twenty")
    acts: list[Act]


class Bulk(Answer):
    """Jobs that were accepted together, in the order of their lines."""

    accepted: int
    ids: list[str]


class JustAccepted(Answer):
    """What is known of a job when Redis goes away just after it has taken it."""

    id: str
    kind: str = ""
    state: State = states.QUEUED


class Jobs(Answer):
    """A page of the list, newest first; of scheduled ones the soonest first."""

    jobs: list[Job]
    counts: dict[State, int] = Field(description="all jobs there are, in each state")
    next: str | None = Field(description="cursor of the next page; null: this is the last")


class Line(Answer):
    """A line that a job logged."""

    at: datetime
    level: str
    logger: str
    message: str
    attempt: int


class Log(Answer):
    """The last fifty lines, the oldest first."""

    lines: list[Line]


class Schedule(Answer):
    """A job that recurs."""

    id: str
    kind: str
    params: Any
    cron: str
    timezone: str
    meaning: str | None = Field(description="of the cron expression, in words")
    paused: bool
    next_at: datetime | None
    last_at: datetime | None
    last_job: str | None = Field(description="id of the job that it made last")
    created_at: datetime
    queue: str | None = Field(description="of its jobs; null: as their kind says")
    priority: int | None
    lane: str | None


class Schedules(Answer):
    """All of them, the next one due first."""

    schedules: list[Schedule]


class Column(Answer):
    name: str
    type: Literal["text", "integer", "number", "date", "datetime", "boolean", "empty"]


class Upload(Answer):
    """A table that was uploaded."""

    id: str
    name: str
    bytes: int
    columns: list[Column]
    rows: int
    notes: list[str] = Field(description="what may not be as one expects, in sentences")
    preview: list[dict[str, str | float | bool | None]] = Field(description="the first rows")


class Kind(Answer):
    """A kind of job."""

    name: str
    description: str
    params: dict[str, Any] = Field(description="JSON Schema of its params")


class Kinds(Answer):
    kinds: list[Kind]


class Health(Answer):
    status: Literal["live", "ready", "not ready"]
    workers: int | None = Field(default=None, description="how many there are; when ready")
    reason: str = Field(default="", description="why it is not ready, or needs no worker now")
