"""The page: what is scheduled, queued, running and done; cancel, retry, run now."""

import json
import secrets

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from app import states
from app.record import as_json
from app.web.api import files, find, kinds, result_file, store, wake
from app.web.auth import require_session
from app.web.health import SILENT_SECONDS

blueprint = Blueprint("pages", __name__)
blueprint.before_request(require_session)

PAGE = 50


@blueprint.get("/")
def index():
    return render_template("index.html", **overview(), kinds=kinds())


@blueprint.get("/live")
def live():
    """The part of the page that changes, for the script that keeps it up to date."""
    response = make_response(render_template("live.html", **overview()))
    response.add_etag()
    return response.make_conditional(request)


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


def dumps(value) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
