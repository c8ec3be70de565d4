"""Recurring jobs: the API of schedules, under /api/schedules."""

import json

from flask import Blueprint, url_for
from werkzeug.exceptions import Conflict, NotFound

from app import schedules
from app.web import shown
from app.web.api import bad_input_named, body, celery, idempotency_key, kinds, store
from app.web.audit import audit
from app.web.problems import BadInput, bad_input, http

blueprint = Blueprint("schedules", __name__, url_prefix="/api/schedules")
blueprint.register_error_handler(BadInput, bad_input)


@blueprint.post("")
def create():
    """Repeat a job: 201 and the schedule. The same Idempotency-Key and body give the same one, another body 409."""
    key = idempotency_key()
    with bad_input_named():
        new = schedules.NewSchedule.model_validate_json(json.dumps(body()), strict=True)
        outcome, id = schedules.create(celery(), kinds(), new, key)
    if outcome == "conflict":
        raise Conflict("This Idempotency-Key came with another body before.")
    if outcome == "created":
        audit("create_schedule", schedule=id)
    return find(id), 201, {"Location": url_for("schedules.show", id=id)}


@blueprint.get("")
def index():
    """List schedules, the next one due first."""
    return {"schedules": [shown.schedule(entry) for entry in store().schedules()]}


@blueprint.get("/<id>")
def show(id):
    """One schedule."""
    return find(id)


@blueprint.patch("/<id>")
def change(id):
    """Change a schedule, pause or resume it. What the body leaves out stays as it is."""
    with bad_input_named():
        wish = schedules.Change.model_validate_json(json.dumps(body()), strict=True)
        if schedules.change(celery(), kinds(), id, wish):
            audit("change_schedule", schedule=id)
    return find(id)


@blueprint.delete("/<id>")
def delete(id):
    """Delete a schedule. Jobs that it has made already stay."""
    if not store().delete_schedule(id):
        raise NotFound("There is no schedule with this id.")
    audit("delete_schedule", schedule=id)
    return "", 204


@blueprint.errorhandler(schedules.TooMany)
def too_many(error):
    return http(Conflict(str(error)))


def find(id: str) -> dict:
    entry = store().schedule(id)
    if entry is None:
        raise NotFound("There is no schedule with this id.")
    return shown.schedule(entry)
