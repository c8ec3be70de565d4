"""What comes from the broker, where any program may have put it; docs/peers.md tells others how.

What is no call of a task would end Celery's loop, and with it the worker. What is to run later a worker would hold in
its memory, and of a kind that no worker knows nothing would be left but a line in the log: these two are recorded.
"""

import logging
from datetime import UTC, datetime
from typing import Annotated, Any

from celery.app.task import Context
from celery.utils.time import maybe_iso8601
from celery.worker.consumer import Consumer
from celery.worker.strategy import proto1_to_proto2
from kombu.exceptions import EncodeError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app import states
from app.connections import UNAVAILABLE
from app.job import RESULT_DEPTH, Job, publish, record
from app.kinds import in_short
from app.record import deeper
from app.transports import RECORDED

logger = logging.getLogger(__name__)

#: What the third part of a body may have.
EMBEDDED = {"callbacks", "errbacks", "chain", "chord"}

Name = Annotated[str, Field(min_length=1, max_length=255)]


def moment(text: str | None) -> datetime | None:
    """As Celery reads it. Raises ValueError, OverflowError."""
    if text is None:
        return None
    if not text or not isinstance(text, str):
        raise ValueError("is no time in ISO 8601")
    at = maybe_iso8601(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


Moment = Annotated[datetime | None, BeforeValidator(moment)]


class Call(BaseModel):
    """What Celery and our record of it take for granted in a message."""

    model_config = ConfigDict(strict=True)

    task: Name
    id: Name
    args: list
    kwargs: dict[str, Any]
    eta: Moment = None
    expires: Moment = None
    priority: Annotated[int, Field(ge=0, le=255)] | None = None  # as AMQP has it
    retries: int | None = None
    timelimit: Annotated[list[float | None], Field(min_length=2, max_length=2)] | None = None
    root_id: str | None = None
    parent_id: str | None = None
    group: str | None = None
    shadow: str | None = None
    stamps: dict | None = None
    stamped_headers: list[str] | None = None
    callbacks: list[dict] | None = None
    errbacks: list[dict] | None = None
    chain: list[dict] | None = None
    chord: dict | None = None


class Arrivals(Consumer):
    def create_task_handler(self, *args, **options):
        take = super().create_task_handler(*args, **options)

        def arrived(message):
            try:
                done = self.kept(*read(message))
            except UNAVAILABLE:
                done = False  # then the worker holds it, unacknowledged
            except Refused as error:
                logger.error("a message that is no call of a task, thrown away: %s", error)
                return message.reject_log_error(logger, self.connection_errors)
            if done:
                return message.ack_log_error(logger, self.connection_errors)
            take(message)

        return arrived

    def kept(self, call: Call, fields: dict) -> bool:
        """Record what must not be left to Celery. Returns whether its message has done its work."""
        task = self.app.tasks.get(call.task)
        if task and not (isinstance(task, Job) and call.eta):
            return False
        if not call.eta and RECORDED in fields:
            return False
        try:
            state, message = record(self.app, Context(fields), call.eta)
        except EncodeError as error:
            raise Refused(str(error)) from None
        if call.eta and state == states.QUEUED:
            publish(self.app, call.id, call.task, message)
        return bool(call.eta)  # else Celery finds that there is no such task


class Refused(Exception):
    """It is no call of a task."""


def read(message) -> tuple[Call, dict]:
    """Returns the call, and all that Celery makes its request of. Raises Refused."""
    try:
        headers, payload = message.headers, message.payload
        if "task" in headers:
            args, kwargs, embed = payload
        elif not isinstance(payload, dict):
            raise ValueError("no header `task`")
        else:  # of the protocol before
            (args, kwargs, embed), headers, _, _ = proto1_to_proto2(message, {**payload})
        if strange := set(embed or ()) - EMBEDDED:
            raise ValueError(f"{strange.pop()!r} in the third part of the body")
        if RECORDED not in headers and deeper([args, kwargs], RESULT_DEPTH):
            raise ValueError(f"nested more than {RESULT_DEPTH} levels deep")
        fields = {**headers, **(embed or {}), "args": args, "kwargs": kwargs}
        priority = {"priority": (message.properties or {}).get("priority")}
        call, delivery = Call.model_validate(fields | priority), (message.delivery_info or {}) | priority
        return call, {**fields, "properties": message.properties, "delivery_info": delivery}
    except ValidationError as error:
        raise Refused(in_short(error)) from None
    except Exception as error:  # whatever it is that they sent
        raise Refused(f"{type(error).__name__}: {error}"[:500]) from None
