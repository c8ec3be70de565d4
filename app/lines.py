"""A line of the log: `level=info logger=app.job event=started job=… attempt=1`, or the same as JSON. Whatever a text
holds, it makes no second line, no field, and nothing that a terminal would obey.

Not a package's: those print all that a record has as `extra`, and in Celery's records that is a job's arguments.
"""

import json
import logging
import re
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache

from kombu.utils.encoding import safe_repr

from app.scrubber import Scrubber

#: Heroku's Logplex splits what is longer than 10,000 bytes, its own words included.
MOST_BYTES = 8000
#: Of many ids, so many are named.
NAMED = 10
#: Needs no quotes in logfmt: printable ASCII without the space and " = \.
BARE = re.compile(r"[!#-<>-\[\]-~]+")

#: Fields of all lines of this thread: of the request that it serves.
_request: ContextVar[dict | None] = ContextVar("request", default=None)
#: Fields of all lines of this process: of the job that it runs, as a worker's processes run one at a time. So they are
#: in the lines of threads that the job starts too; a thread that outlives its job has those of the next.
_job: dict = {}


class Fields(dict):
    """What a record has as `extra={"fields": …}` when it is ours."""


def event(logger: logging.Logger, name: str, level: int = logging.INFO, **fields) -> None:
    """A line that tells of something in fields alone. With `job` it is about that job, not the one that runs here."""
    logger.log(level, name, extra={"fields": Fields(event=name, **fields)}, stacklevel=2)


def about(**fields) -> dict:
    """The same for a line that has a text: `logger.warning("…", extra=about(job=id))`."""
    return {"fields": Fields(fields)}


def of(ids: Sequence[str]) -> dict:
    """The fields of one job, or of many."""
    return {"job": ids[0]} if len(ids) == 1 else {"jobs": " ".join(ids[:NAMED]), "count": len(ids)}


def in_request(**fields) -> None:
    """What this thread logs from here on has these fields."""
    _request.set(fields)


def besides(**fields) -> None:
    """It has these as well, up to the line of its answer."""
    _request.set((_request.get() or {}) | fields)


def in_job(**fields) -> None:
    """What this process logs from here on has these fields."""
    global _job
    _job = fields


def request_id() -> str | None:
    """Of the request that is served, or that asked for the job that runs."""
    return (_request.get() or _job).get("request_id")


class Formatter(logging.Formatter):
    """Args: as_json: JSON, which has the time as well; in logfmt it is left to Heroku, which puts it before each line.
    """

    def __init__(self, scrubber: Scrubber, as_json: bool):
        super().__init__()
        self.scrubber, self.write = scrubber, in_json if as_json else logfmt

    def format(self, record: logging.LogRecord) -> str:
        fields = self.fields(record)
        line = self.write(fields, record.created)
        while len(line) > MOST_BYTES // 4 and len(line.encode()) > MOST_BYTES:  # a character has four bytes at most
            length = {name: len(value) for name, value in fields.items() if isinstance(value, str)}
            longest = max(length, key=length.get)
            fields[longest] = cut(fields[longest], from_start=longest == "trace")
            line = self.write(fields, record.created)
        return line

    def fields(self, record: logging.LogRecord) -> dict[str, str | float | bool]:
        own = getattr(record, "fields", None)
        own = own if isinstance(own, Fields) else {}
        fields = {"level": record.levelname.lower(), "logger": str(record.name)}
        fields |= {"event": own["event"]} if "event" in own else {"msg": self.message(record)}
        for known in ({} if "job" in own else _job, _request.get() or {}, own):
            for name, value in known.items():
                if value is not None:
                    fields[name] = value if isinstance(value, (int, float)) else self.scrubber.text(str(value))
        if record.exc_info or record.exc_text or record.stack_info:
            fields["trace"] = self.trace(record)
        return fields

    def message(self, record: logging.LogRecord) -> str:
        try:
            return record.getMessage()
        except Exception as error:  # its arguments do not fit
            return self.scrubber.text(f"{safe_repr(record.msg)} with {safe_repr(record.args)}: {error!r}, "
                                      f"at {record.pathname}:{record.lineno}")

    def trace(self, record: logging.LogRecord) -> str:
        if record.exc_info and not record.exc_text:
            record.exc_text = self.scrubber.text(self.formatException(record.exc_info))
        return "\n".join(filter(None, (record.exc_text, self.scrubber.text(record.stack_info or ""))))


def logfmt(fields: dict, _at: float) -> str:
    return " ".join(f"{name}={logfmt_value(value)}" for name, value in fields.items())


def logfmt_value(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value) if isinstance(value, int) or BARE.fullmatch(value) else quoted(value)


def quoted(value: str) -> str:
    """As a string of JSON, in which only what cannot be printed is escaped."""
    value = value.replace("\\", r"\\").replace('"', r"\"")
    if not value.isprintable():
        value = "".join(map(printable, value))
    return f'"{value}"'


@lru_cache(1000)
def printable(char: str) -> str:
    return char if char.isprintable() else json.dumps(char)[1:-1]


def in_json(fields: dict, at: float) -> str:
    at = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in fields.items()}
    return json.dumps({"at": at, **rounded})


def cut(value: str, from_start: bool) -> str:
    """Half of it, or less. A trace says at its end what happened."""
    most = min(MOST_BYTES, len(value) // 2)
    return "…" + value[-most:] if from_start else value[:most] + "…"
