"""The app's own jobs as a table. Times are UTC. Free of pandas, as the web checks requests with its columns."""

import json
from datetime import UTC, datetime

from app import states
from app.report.document import Value
from app.report.measures import Columns

#: What a report's `source` says to mean these.
SOURCE = "jobs"
COLUMNS = {"Kind": "text", "State": "text", "Day": "date", "Created": "datetime", "Due": "datetime",
           "Started": "datetime", "Finished": "datetime", "Waited": "seconds", "Ran": "seconds", "Attempts": "integer",
           "Error": "text"}
TIMES = ("created", "due", "queued", "started", "finished")


def columns() -> Columns:
    return list(COLUMNS.items())


def row(record: dict) -> list[Value]:
    """A job of `app.store.Store`, in the order of columns()."""
    created, due, queued, started, finished = (float(record[name]) if record.get(name) else None for name in TIMES)
    attempts = [json.loads(line) for line in (record.get("history") or "").split("\n") if line]
    finished = finished if record["state"] in states.FINISHED else None
    error = json.loads(record.get("error") or "null") or {}
    day = _time(due or created)
    return [record["kind"], record["state"], day and day.date(), _time(created), _time(due), _time(started),
            _time(finished), _waited(created, due, queued, [*(a["started_at"] for a in attempts), started]),
            _ran(attempts, started, finished), int(record.get("attempt") or 0), error.get("type")]


def _time(milliseconds: float | None) -> datetime | None:
    return milliseconds and datetime.fromtimestamp(milliseconds / 1000, UTC).replace(tzinfo=None)


def _waited(created: float | None, due: float | None, queued: float | None,
            starts: list[float | None]) -> float | None:
    """Seconds from when it could start to its first start since.

    A record keeps only its last due time, so of a job that was tried again this is the wait of that attempt. A job
    could start before it was due when a person wanted it now, and not before it was there.
    """
    ready = max(created or 0, min((at for at in (due, queued) if at), default=0))
    since = [start - ready for start in starts if start and start >= ready]
    return min(since) / 1000 if since else None


def _ran(attempts: list[dict], started: float | None, finished: float | None) -> float | None:
    """Seconds of the last attempt that has ended."""
    if attempts:
        started, finished = attempts[-1]["started_at"], attempts[-1]["ended_at"]
    return max(0, finished - started) / 1000 if started and finished else None
