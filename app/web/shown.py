"""Jobs and schedules of the HTTP API and the page, as who asks may see them: to an owner in full, to a reader without
secrets and without what is private. Of params and results of no kind, and of params that their kind has not declared,
readers see nothing; of a result they see what is not declared private, or nothing where pydantic cannot describe it."""

import json
from functools import cache

from flask import current_app

from app import record, schedules
from app.kinds import Params
from app.masking import HIDDEN, masked
from app.web.auth import is_owner


def as_json(stored: dict) -> dict:
    """A job, of its record."""
    job = record.as_json(stored)
    if is_owner():
        return job
    return job | {"params": _params(job), "result": _result(job), "notify": job["notify"] and HIDDEN}


def result_file(stored: dict) -> dict | None:
    """The file that a job has kept as its result, unless any of it is private to who asks."""
    file = record.result_file(stored)
    return file if file == record.result_file(stored | {"result": json.dumps(as_json(stored)["result"])}) else None


def schedule(entry: dict) -> dict:
    schedule = schedules.as_json(entry)
    return schedule if is_owner() else schedule | {"params": _params(schedule)}


def _params(job: dict) -> object:
    params, kind = job["params"], current_app.extensions["kinds"].get(job["kind"])
    if not isinstance(params, dict):
        return params and HIDDEN
    fields = kind.params.model_fields if kind else ()
    known = {name: value if name in fields else HIDDEN for name, value in params.items()}
    return masked(known, kind and _schema(kind.params), private=True)


def _result(job: dict) -> object:
    kind = current_app.extensions["kinds"].get(job["kind"])
    if job["result"] is None or kind is None:
        return job["result"] and HIDDEN
    return masked(job["result"], kind.result, private=True)


@cache
def _schema(model: type[Params]) -> dict:
    """Making one takes as long as all the rest of a job, and a list has many of a kind."""
    return model.model_json_schema()
