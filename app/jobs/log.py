"""log: records that nobody waits for, such as clicks and readings, at many times the rate of other jobs."""

from typing import Annotated, Any

from celery.utils import uuid
from pydantic import AfterValidator, ConfigDict, Field, model_validator
from redis import OutOfMemoryError

from app import states
from app.accept import TooMany
from app.job import Job
from app.kinds import Params, kind
from app.records import LARGEST, append, text
from app.store import Submitted

#: Records in one call: one script of Redis appends them, in a millisecond or two.
MOST = 1000
#: What may be said of a call that is done at once: it is about the call, not about a job.
OF_THE_CALL = {"id", "request_id", "digest", "most", "tell", "producer"}


def short(record: dict) -> dict:
    try:
        size = len(text(record))
    except TypeError as error:
        raise ValueError(str(error)) from None
    if size > LARGEST:
        raise ValueError(f"may have {LARGEST:,} bytes of JSON, in ASCII, not {size:,}")
    return record


Record = Annotated[dict[str, Any], AfterValidator(short)]
PRIVATE = {"private": True}


class Log(Params):
    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in ("record", "records")]})

    record: Record = Field(default=None, description="Any JSON object", json_schema_extra=PRIVATE,
                           examples=[{"event": "signed_up", "plan": "team"}])
    records: list[Record] = Field(default=None, min_length=1, max_length=MOST, description="Or many in one call",
                                  json_schema_extra=PRIVATE)

    @model_validator(mode="after")
    def one_of_them(self):
        if (self.record is None) == (self.records is None):
            raise ValueError("give record or records")
        return self

    def all(self) -> list[dict]:
        return self.records if self.record is None else [self.record]


def taken(params) -> Log:
    """The one argument of the task, checked."""
    return Log.model_validate(params)


class AtOnce(Job):
    """A kind whose work is so little that accepting it does it: there is no record of the job, no lease, no result. Of
    a call that asks for what only a job can give, such as a time, a lane or a callback, a job is made as of others."""

    def submit(self, args=None, kwargs=None, **options) -> Submitted:
        """As Job.submit. The outcome "succeeded" says that it is done, and that no job is kept.

        Raises:
            app.accept.TooMany
            TypeError, pydantic.ValidationError: of a call in Python; the API has looked already.
        """
        if {name for name, value in options.items() if value is not None} - OF_THE_CALL:
            return super().submit(args, kwargs, **options)
        append(self.app, taken(*args or (), **kwargs or {}).all())
        return Submitted(states.SUCCEEDED, options.get("id") or uuid())


@kind(base=AtOnce, autoretry_for=(TooMany, OutOfMemoryError), max_retries=10, retry_backoff=5)
def log(job, params: Log):
    """Writes records to a log, a Redis stream or a bucket: in batches, and no job is kept for them."""
    append(job.app, params.all())
