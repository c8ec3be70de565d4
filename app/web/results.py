"""What a job has made, on its page: to look at, to download, to send on, and to have made again every so often."""

import hashlib
from itertools import count

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.exceptions import NotFound

from app.accept import Invalid, NewJob, accept
from app.record import as_json
from app.web.api import LOOK_ONLY, download, find, kinds, store
from app.web.audit import request_id
from app.web.language import _, words
from app.web.new import around
from app.web.problems import BadInput
from app.web.recurring import create
from app.web.shown import result_file

blueprint = Blueprint("results", __name__, url_prefix="/jobs/<id>")


@blueprint.get("/file")
def file(id):
    return download(find_file(id)["id"])


@blueprint.get("/view")
def view(id):
    """An HTML result, for the frame on the job's page."""
    found = find_file(id)
    if not found["type"].startswith("text/html"):
        raise NotFound("Only an HTML result can be looked at in place; download it.")
    return download(found["id"], **LOOK_ONLY)


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
        return redirect(url_for("pages.show", id=once(params)), 303)
    except Invalid as error:
        flash(_("Not sent: %(why)s", why=words(BadInput.of(error.error).detail)))
        return redirect(url_for("pages.show", id=id), 303)


def once(params: dict) -> str:
    """The same file to the same people is one mail, however often the button is clicked; or one more, when somebody
    has deleted that. Returns its job's id."""
    for times in count():
        sent = accept(kinds(), NewJob(kind="email", params=params), request_id=request_id(),
                      idempotency_key=hashlib.sha256(repr((params, times)).encode()).hexdigest())
        if store().get(sent.id):
            return sent.id


@blueprint.post("/repeat")
def repeat(id):
    """The same job again, by a schedule."""
    job = as_json(find(id))
    if job["kind"] not in kinds():
        raise NotFound("This job cannot be repeated from here: it is of no kind of this app.")
    params = job["params"]
    if to := request.form.get("email_to", "").replace(",", " ").split():
        params |= {"email_to": to}
    if wrong := create(job["kind"], params, around(id, job["kind"]) | request.form.to_dict()):
        flash(_("Not repeated: %(why)s", why=words(wrong)))
        return redirect(url_for("pages.show", id=id), 303)
    return redirect(url_for("recurring.index"), 303)


def find_file(id: str) -> dict:
    found = result_file(find(id))
    if found is None:
        raise NotFound("The job has made no file, or it is private.")
    return found
