"""A job as people and programs see it: the record, with times in ISO 8601 and without what is only ours."""

import json
from datetime import UTC, datetime

from app import states
from app.files import is_file


def as_json(record: dict) -> dict:
    """The job of the HTTP API. `attempts` tells how each so far has ended, `acts` what people asked of it."""
    job = {
        "id": record["id"],
        "kind": record.get("kind") or "",
        "state": record["state"],
        "params": params(record["message"]),
        "created_at": iso(record.get("created")),
        "due_at": iso(record.get("due")),
        "started_at": iso(record.get("started")),
        "finished_at": iso(record.get("finished")) if record["state"] in states.FINISHED else None,
        "attempt": int(record.get("attempt") or 0),
        "max_attempts": int(record["max_attempts"]) if record.get("max_attempts") else None,
        "progress": loads(record.get("progress")),
        "result": loads(record.get("result")),
        "error": loads(record.get("error")),
        "request_id": record.get("request_id") or None,
        "schedule": record.get("schedule"),
        "lane": record.get("lane"),
        "cancel_requested": bool(record.get("cancel")),
        "notify": notify(record),
        "queue": record.get("queue") or None,
        "priority": int(record.get("priority") or 0),
        "worker": record.get("worker"),
        "attempts": [attempt(entry) for entry in lines(record.get("history"))],
        "acts": [entry | {"at": iso(entry["at"])} for entry in lines(record.get("acts"))],
    }
    return job


def attempt(entry: dict) -> dict:
    return entry | {"started_at": iso(entry["started_at"]), "ended_at": iso(entry["ended_at"])}


def params(message: str | None) -> dict:
    """A kind's params; of any other Celery task, its arguments."""
    call = loads(message) or {}
    args, kwargs = call.get("args") or [], call.get("kwargs") or {}
    if not args and set(kwargs) == {"params"} and isinstance(kwargs["params"], dict):
        return kwargs["params"]
    if len(args) == 1 and not kwargs and isinstance(args[0], dict):
        return args[0]
    return {"args": args, "kwargs": kwargs}


def notify(record: dict) -> str | None:
    """The address that is told when the job ends."""
    follow = loads(record.get("follow"))
    return params(follow["message"]).get("url") if isinstance(follow, dict) else None


def result_file(record: dict) -> dict | None:
    """The file that a job has kept as its result (Job.keep), if it has."""
    value = loads(record.get("result"))
    file = value.get("file") if isinstance(value, dict) else None
    if not isinstance(file, dict) or not is_file(file.get("id")):
        return None
    wanted = {"name": "", "type": "", "bytes": 0}  # a job may return anything
    return {"id": file["id"]} | {name: file[name] if type(file.get(name)) is type(empty) else empty
                                 for name, empty in wanted.items()}


def lines(text: str | None) -> list[dict]:
    """A JSON object in each line. Texts in it may hold what else Python takes for the end of a line, such as U+2028."""
    return [entry for entry in map(loads, (text or "").split("\n")) if isinstance(entry, dict)]


def loads(text: str | None):
    """A value kept as JSON; None where there is none, or what somebody has written there by hand. Half of a surrogate
    pair, which no page could be encoded with, becomes "?"."""
    try:
        value = json.loads(text) if text else None
    except ValueError:
        return None
    if text and "\\ud" in text.lower():
        value = json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    return value


def deeper(value: object, than: int) -> bool:
    """Whether there are more lists and objects in one another."""
    if not isinstance(value, (dict, list)):
        return False
    return than == 0 or any(deeper(item, than - 1) for item in (value.values() if isinstance(value, dict) else value))


def iso(milliseconds: str | float | None) -> str | None:
    if milliseconds is None:
        return None
    at = datetime.fromtimestamp(float(milliseconds) / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
