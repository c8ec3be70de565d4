"""Each call of the API: what it takes, what it answers, and what it refuses beyond what all of its sort may."""

from typing import NamedTuple

from pydantic import BaseModel

from app import accept, schedules, states
from app.web import answers, api

JSON, NDJSON, FORM, ANY = "application/json", "application/x-ndjson", "multipart/form-data", "*/*"
TEXT = {"type": "string"}

KEY = {"name": "Idempotency-Key", "in": "header", "description": "Makes the request safe to repeat for a day: the "
       "same key and body give the same answer, another body 409.",
       "schema": {"type": "string", "pattern": f"^{api.KEY.pattern}$"}}
SEARCH = [{"name": name, "in": "query", "description": description, "schema": schema} for name, description, schema in (
    ("state", "only these", {"enum": ["", *states.ALL], "type": "string"}),
    ("kind", "only of this kind", TEXT),
    ("lane", "only of this lane", TEXT),
    ("q", "what stands in the id, kind, request id, schedule's id, error or, for API_TOKEN alone, params", TEXT),
    ("error", "the key of a group of failures, as the page links to them", TEXT),
    ("limit", "jobs on a page", {"type": "integer", "minimum": 1, "maximum": api.LARGEST_LIMIT, "default": api.LIMIT}),
    ("cursor", "`next` of the page before", {"type": "string", "pattern": "^(([0-9]{1,16}|inf)-[0-9]{1,9})?$"}))]
#: The field of a form that is a file.
TABLE = {"type": "object", "required": ["file"], "properties": {"file": {
    "type": "string", "format": "binary", "description": "CSV, TSV, XLSX, JSON or JSON lines"}}}


class Call(NamedTuple):
    answers: type[BaseModel] | None  # None: a file, or where the status says so nothing
    status: int = 200
    takes: type[BaseModel] | dict | None = None  # a dict: the JSON Schema of a form
    type: str = JSON  # of what it takes; of NDJSON each line is such an object
    refuses: tuple[int, ...] = ()
    parameters: tuple[dict, ...] = ()


#: Bodies whose `params` are those of the kind that they name.
BY_KIND = (accept.NewJob, schedules.NewSchedule)
#: By endpoint. Those of a file that was deleted harm nothing.
CALLS = {
    "api.create": Call(answers.Job, 202, accept.NewJob, refuses=(409, 410), parameters=(KEY,)),
    "bulk.create": Call(answers.Bulk, 202, accept.NewJob, NDJSON, refuses=(409,), parameters=(KEY,)),
    "api.index": Call(answers.Jobs, refuses=(422,), parameters=tuple(SEARCH)),
    "api.show": Call(answers.Job),
    "api.change": Call(answers.Job, takes=accept.NewTime, refuses=(409,)),
    "api.delete": Call(None, 204, refuses=(409,)),
    "api.log": Call(answers.Log),
    "api.cancel": Call(answers.Job, refuses=(409,)),
    "api.retry": Call(answers.Job, 202, refuses=(409,)),
    "api.run_now": Call(answers.Job, 202, refuses=(409,)),
    "api.result": Call(None, refuses=(410,)),
    "api.list_kinds": Call(answers.Kinds),
    "events.stream": Call(None, refuses=(422,), parameters=(
        {"name": "Last-Event-ID", "in": "header", "description": "the id of the last event that came",
         "schema": {"type": "string", "pattern": "^([0-9]{1,18}-[0-9]{1,18})?$"}},
        {"name": "seconds", "in": "query", "description": "for how long, at most",
         "schema": {"type": "integer", "minimum": 0, "maximum": 600, "default": 600}},
        *(one for one in SEARCH if one["name"] in ("state", "kind")))),
    "schedules.create": Call(answers.Schedule, 201, schedules.NewSchedule, refuses=(409,), parameters=(KEY,)),
    "schedules.index": Call(answers.Schedules),
    "schedules.show": Call(answers.Schedule),
    "schedules.change": Call(answers.Schedule, takes=schedules.Change),
    "schedules.delete": Call(None, 204),
    "uploads.create": Call(answers.Upload, 201, TABLE, FORM),
    "uploads.show": Call(answers.Upload),
    "uploads.replace": Call(answers.Upload, takes=TABLE, type=FORM),
    "uploads.delete": Call(None, 204, refuses=(409,)),
    "health.live": Call(answers.Health),
    "health.ready": Call(answers.Health),
}
