"""The JSON API: every route under /api. docs/calls.md has a table of them."""

import json
import re
from contextlib import contextmanager
from itertools import chain
from urllib.parse import quote

from flask import Blueprint, Response, current_app, request, url_for
from pydantic import ValidationError
from werkzeug.exceptions import Conflict, NotFound, UnsupportedMediaType
from werkzeug.exceptions import Gone as NoLongerThere

from app import removal, states
from app.accept import Invalid, NewJob, NewTime, accept, reschedule
from app.files import Gone
from app.job import wake
from app.record import iso
from app.web.audit import API, audit, request_id
from app.web.auth import is_owner
from app.web.given import parsed
from app.web.problems import BadInput, bad_input
from app.web.shown import as_json, result_file

blueprint = Blueprint("api", __name__, url_prefix="/api")
blueprint.register_error_handler(BadInput, bad_input)

KEY = re.compile(r"[\x21-\x7e]{1,200}")
LIMIT, LARGEST_LIMIT = 50, 200
#: For a document of a job's making, in a frame: it may style itself, and nothing else: no script, no form, no request.
LOOK_ONLY = {"Content-Disposition": "inline",
             "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
                                        "frame-ancestors 'self'",
             "X-Frame-Options": "SAMEORIGIN"}


@blueprint.post("/jobs")
def create():
    """Accept a job: 202 and the job.

    The same Idempotency-Key and body give the same job, another body 409; when that job has been deleted, 410.
    """
    key = idempotency_key()
    with bad_input_named():
        new = NewJob.model_validate_json(json.dumps(body()), strict=True)
        submitted = accept(kinds(), new, request_id=request_id(), idempotency_key=key)
    if submitted.outcome == "conflict":
        raise Conflict("This Idempotency-Key came with another body before.")
    if submitted.outcome == states.SUCCEEDED:  # by being accepted: its kind keeps no job of it
        return {"id": submitted.id, "kind": new.kind, "state": submitted.outcome}, 202
    record = submitted.record or store().get(submitted.id)
    if not record:
        raise NoLongerThere("The job that this Idempotency-Key made has been deleted.")
    return accepted(record)


@blueprint.get("/jobs")
def index():
    """List jobs, newest first, with a count of each state; scheduled ones by their time, the soonest first.

    It looks at some thousands of jobs for a page, so one that filters may be short, even empty, and still have a next.
    """
    errors = []
    state, kind = request.args.get("state") or None, request.args.get("kind") or None
    if state and state not in states.ALL:
        errors.append(("state", f"is none of {', '.join(states.ALL)}"))
    limit = request.args.get("limit", str(LIMIT))
    if not re.fullmatch("[0-9]{1,9}", limit) or not 1 <= int(limit) <= LARGEST_LIMIT:
        errors.append(("limit", f"must be a number from 1 to {LARGEST_LIMIT}"))
    if errors:
        raise BadInput(*errors)
    try:
        page = store().page(state, kind, int(limit), request.args.get("cursor"), text=request.args.get("q", ""),
                            error=request.args.get("error", ""), lane=request.args.get("lane", ""), params=is_owner())
    except ValueError:
        raise BadInput(("cursor", "is none that this API gave out")) from None
    return {"jobs": [as_json(record) for record in page.records], "counts": store().counts(), "next": page.next}


@blueprint.get("/jobs/<id>")
def show(id):
    """One job, with each attempt and what people asked of it."""
    return as_json(find(id))


@blueprint.patch("/jobs/<id>")
def change(id):
    """Give a scheduled job another time."""
    record = find(id)
    with bad_input_named():
        to = NewTime.model_validate_json(json.dumps(body()), strict=True)
    if not reschedule(celery(), record, to, by=API):
        raise Conflict(f"The job is {record['state']}; only a scheduled one has a time to change.")
    audit("reschedule", id)
    return as_json(find(id))


@blueprint.delete("/jobs/<id>")
def delete(id):
    """Delete a job that has ended.

    With it goes the file that it made, unless another job or a schedule is to work on that.
    """
    record = find(id)
    if not removal.delete(celery(), [id]):
        raise Conflict(f"The job is {record['state']}; cancel it first.")
    audit("delete", id)
    return "", 204


@blueprint.get("/jobs/<id>/log")
def log(id):
    """What a job logged last, of all attempts."""
    find(id)
    return {"lines": [line | {"at": iso(line["at"])} for line in store().logs(id)]}


@blueprint.post("/jobs/<id>/cancellation")
def cancel(id):
    """Cancel a job, or ask one that runs to stop at its next checkpoint."""
    find(id)
    if not store().cancel(id, API):
        raise Conflict("The job has finished; there is nothing to cancel.")
    audit("cancel", id)
    return as_json(find(id))


@blueprint.post("/jobs/<id>/retry")
def retry(id):
    """Try a failed or cancelled job again, with all its attempts."""
    record = find(id)
    if not store().retry(id, API):
        raise Conflict(f"The job is {record['state']}; only a failed or cancelled one can be retried.")
    audit("retry", id)
    wake(celery(), [id])
    return accepted(find(id))


@blueprint.post("/jobs/<id>/run-now")
def run_now(id):
    """Run a scheduled job without waiting for its time."""
    record = find(id)
    if not store().run_now(id, API):
        raise Conflict(f"The job is {record['state']}; only a scheduled one can be run now.")
    audit("run_now", id)
    wake(celery(), [id])
    return accepted(find(id))


@blueprint.get("/jobs/<id>/result")
def result(id):
    """What a job returned, as JSON, or the file that it made."""
    record = find(id)
    if record["state"] != states.SUCCEEDED or not record.get("result"):
        raise NotFound("The job has no result." if record["state"] in states.FINISHED else "It has no result yet.")
    file = result_file(record)
    if file:
        return download(file["id"])
    return Response(record["result"] if is_owner() else json.dumps(as_json(record)["result"]),
                    content_type="application/json")


@blueprint.get("/kinds")
def list_kinds():
    """Every kind of job, with the JSON Schema of its params."""
    return {"kinds": [
        {"name": kind.name, "description": kind.description, "params": kind.params.model_json_schema()}
        for kind in kinds().values()
    ]}


def download(id: str, **headers: str) -> Response:
    """A file, streamed. What it is, only its maker knows: a browser keeps it, and runs nothing of it."""
    try:
        file = files().get(id)
        content = files().read(file) if file else iter(())
        first = next(content)  # here, as an error in mid-stream could only cut the answer off
    except (Gone, StopIteration):
        raise NoLongerThere("The file has expired: files are kept for RETENTION_DAYS.") from None
    response = Response(chain([first], content), content_type=file.type)
    response.content_length = file.bytes
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"
    response.headers |= {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"} | headers
    return response


def store():
    return current_app.extensions["store"]


def files():
    return current_app.extensions["files"]


def celery():
    return current_app.extensions["celery"]


def kinds():
    return current_app.extensions["kinds"]


def find(id: str) -> dict:
    record = store().get(id)
    if record is None:
        raise NotFound("There is no job with this id. Finished jobs are forgotten after RETENTION_DAYS.")
    return record


def accepted(record: dict):
    """202 and the job."""
    return as_json(record), 202, {"Location": url_for("api.show", id=record["id"])}


def idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not KEY.fullmatch(key):
        raise BadInput(("Idempotency-Key", "must be 1 to 200 visible ASCII characters"))
    return key


@contextmanager
def bad_input_named():
    """What validation raises inside, as BadInput with the names of the fields."""
    try:
        yield
    except ValidationError as error:
        raise BadInput.of(error) from None
    except Invalid as error:
        raise BadInput.of(error.error, error.where) from None
    except KeyError:
        raise BadInput(("kind", f"is none of {', '.join(kinds())}")) from None


def body() -> object:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Send JSON, with the header Content-Type: application/json.")
    data = request.stream.read()
    request.stream.read(1)  # a chunked body ends in silence at the limit; asked for more, werkzeug says 413
    return parsed(data)
