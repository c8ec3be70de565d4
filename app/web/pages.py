"""The page: what is scheduled, queued, running and done; a form for each kind; cancel, retry, run now."""

import json
import secrets
from datetime import UTC, datetime, timedelta

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from app import states
from app.accept import Invalid, NewJob, accept
from app.record import as_json
from app.web import forms
from app.web.api import files, find, kinds, request_id, result_file, store, wake
from app.web.auth import require_session
from app.web.health import SILENT_SECONDS
from app.web.problems import BadInput

blueprint = Blueprint("pages", __name__)
blueprint.before_request(require_session)

PAGE = 50
LABELS = {"delay": "In how many minutes", "run_at": "Or at"}


@blueprint.get("/")
def index():
    return render_template("index.html", **overview(), kinds=kinds(), forms=forms, key=secrets.token_hex(16), values={})


@blueprint.get("/live")
def live():
    """The part of the page that changes, for the script that keeps it up to date."""
    response = make_response(render_template("live.html", **overview()))
    response.add_etag()
    return response.make_conditional(request)


@blueprint.post("/new/<kind>")
def create(kind):
    if kind not in kinds():
        abort(404)
    schema = kinds()[kind].params.model_json_schema()
    try:
        new = NewJob(kind=kind, params=forms.params(schema, request.form), **due(request.form))
        submitted = accept(kinds(), new, request_id=request_id(), idempotency_key=request.form.get("key") or None)
    except (ValidationError, Invalid) as error:
        bad = BadInput.of(getattr(error, "error", error))
        for item in bad.errors:
            item["field"] = LABELS.get(item["field"], item["field"])
        return render_template("index.html", **overview(), kinds=kinds(), forms=forms, key=secrets.token_hex(16),
                               failed=kind, errors=bad.errors, values=request.form), 422
    if submitted.outcome == "conflict":
        flash("This form was sent before, and this is the job it made. Open the page again for another one.")
    return redirect(url_for("pages.show", id=submitted.id), 303)


@blueprint.get("/jobs/<id>")
def show(id):
    record = find(id)
    file = result_file(record)
    return render_template("job.html", job=as_json(record), file=file, kinds=kinds(), dumps=dumps,
                           expired=file and not files().get(file["id"]), traceback=record.get("traceback"),
                           key=secrets.token_hex(16))


@blueprint.post("/jobs/<id>/<action>")
def act(id, action):
    find(id)
    actions = {"cancel": store().cancel, "retry": store().retry, "run-now": store().run_now}
    if action not in actions:
        abort(404)
    if not actions[action](id):
        flash("Too late: the job's state has changed in the meantime.")
    elif action != "cancel":
        wake(id)
    return redirect((request.form.get("back") == "job" and url_for("pages.show", id=id)) or url_for("pages.index"), 303)


def error(problem: HTTPException):
    """Any error outside the API."""
    return render_template("error.html", problem=problem), problem.code, [
        (name, value) for name, value in problem.get_headers() if name != "Content-Type"]


def overview() -> dict:
    state = request.args.get("state")
    if state not in states.ALL:
        state = None
    try:
        page = store().page(state, None, PAGE, request.args.get("cursor"))
    except ValueError:
        abort(404)
    return {"jobs": [as_json(record) for record in page.records], "next": page.next, "counts": store().counts(),
            "state": state, "meaning": states.MEANING, "workers": len(store().workers(within=SILENT_SECONDS))}


def due(form) -> dict:
    """When a form wants its job: `minutes` from now, or `at`, a local time `offset` minutes behind UTC.

    What cannot be read is handed on as it is: validation says what is wrong with it.
    """
    wanted = {}
    if minutes := form.get("minutes", "").strip():
        try:
            wanted["delay"] = float(minutes) * 60
        except ValueError:
            wanted["delay"] = minutes
    if at := form.get("at", "").strip():
        try:
            local = datetime.fromisoformat(at)
            utc = local.replace(tzinfo=UTC) + timedelta(minutes=int(form.get("offset") or 0))
            wanted["run_at"] = local if local.tzinfo else utc
        except (ValueError, OverflowError):
            wanted["run_at"] = at
    return wanted


def dumps(value) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
