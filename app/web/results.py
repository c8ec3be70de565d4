"""What a job has made, on its page: to look at, to download, to send on, and to have made again every so often."""

from flask import Blueprint, flash, redirect, request, url_for
from pydantic import ValidationError
from werkzeug.exceptions import NotFound

from app import schedules
from app.accept import Invalid, NewJob, accept
from app.record import as_json
from app.web.api import celery, download, find, kinds, request_id, result_file
from app.web.auth import require_session
from app.web.problems import BadInput
from app.web.recurring import cron

blueprint = Blueprint("results", __name__, url_prefix="/jobs/<id>")
blueprint.before_request(require_session)

#: A document of a job's making may style itself, and nothing else: no script, no form, no request to anywhere.
LOOK_ONLY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@blueprint.get("/file")
def file(id):
    return download(find_file(id)["id"])


@blueprint.get("/view")
def view(id):
    """An HTML result, for the frame on the job's page."""
    found = find_file(id)
    if not found["type"].startswith("text/html"):
        raise NotFound("Only an HTML result can be looked at in place; download it.")
    return download(found["id"], **{"Content-Disposition": "inline", "Content-Security-Policy": LOOK_ONLY})


@blueprint.post("/mail")
def mail(id):
    """The file, by an email job."""
    if "email" not in kinds():
        raise NotFound("This app has no jobs of the kind email.")
    found = find_file(id)
    title = found["name"].rpartition(".")[0] or found["name"]
    params = {"to": request.form.get("to", "").replace(",", " ").split(), "subject": title,
              "text": f"{found['name']} is attached.", "attachments": [found["id"]]}
    try:
        sent = accept(kinds(), NewJob(kind="email", params=params), request_id=request_id(),
                      idempotency_key=request.form.get("key") or None)
    except Invalid as error:
        flash("Not sent: " + BadInput.of(error.error).detail)
        return redirect(url_for("pages.show", id=id), 303)
    return redirect(url_for("pages.show", id=sent.id), 303)


@blueprint.post("/repeat")
def repeat(id):
    """The same job again, by a schedule."""
    job = as_json(find(id))
    try:
        new = schedules.NewSchedule(kind=job["kind"], params=job["params"], cron=cron(request.form),
                                    timezone=request.form.get("timezone") or "UTC")
        schedules.create(celery(), kinds(), new, request.form.get("key") or None)
    except (ValidationError, Invalid) as error:
        flash("Not repeated: " + BadInput.of(getattr(error, "error", error)).detail)
        return redirect(url_for("pages.show", id=id), 303)
    return redirect(url_for("recurring.index"), 303)


def find_file(id: str) -> dict:
    found = result_file(find(id))
    if found is None:
        raise NotFound("The job has made no file.")
    return found
