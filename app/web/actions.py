"""What a person can do with a job, with some, or with all that match: at once, or after a page that says how many."""

import math
from typing import NamedTuple

from flask import Blueprint, flash, redirect, render_template, request, url_for
from pydantic import ValidationError

from app import removal, states
from app.accept import NewTime, reschedule_all
from app.web.api import celery, store
from app.web.audit import PAGE, audit
from app.web.language import _, gettext, ngettext
from app.web.new import due
from app.web.problems import BadInput

blueprint = Blueprint("actions", __name__, url_prefix="/actions")


class Action(NamedTuple):
    label: str
    possible: tuple[str, ...]  # in these states
    why_not: str
    question: tuple[str, str]
    done: tuple[str, str]


ACTIONS = {
    "retry": Action(
        "Retry", (states.FAILED, states.CANCELLED), "it has neither failed nor been cancelled",
        ("Try %(num)s job again?", "Try %(num)s jobs again?"),
        ("%(num)s job is tried again.", "%(num)s jobs are tried again.")),
    "run-now": Action(
        "Run now", (states.SCHEDULED,), "it does not wait for its time",
        ("Run %(num)s job now?", "Run %(num)s jobs now?"), ("%(num)s job runs now.", "%(num)s jobs run now.")),
    "reschedule": Action(
        "Reschedule", (states.SCHEDULED,), "it does not wait for its time",
        ("When shall %(num)s job run?", "When shall %(num)s jobs run?"),
        ("%(num)s job has a new time.", "%(num)s jobs have a new time.")),
    "cancel": Action(
        "Cancel", (states.SCHEDULED, states.QUEUED, states.RUNNING), "it has ended",
        ("Cancel %(num)s job?", "Cancel %(num)s jobs?"),
        ("%(num)s job is cancelled, or will stop shortly.", "%(num)s jobs are cancelled, or will stop shortly.")),
    "delete": Action(
        "Delete", states.FINISHED, "it has not ended; cancel it first",
        ("Delete %(num)s job, with its log and its file?", "Delete %(num)s jobs, with their logs and files?"),
        ("%(num)s job is deleted.", "%(num)s jobs are deleted.")),
}
#: Never without a page in between: one cannot be undone, the other needs a time.
ASKED_FIRST = ("delete", "reschedule")
LONGEST_SEARCH = 200


def actions(job: dict) -> list[dict]:
    """Each action with the reason why it is not possible now, or None."""
    return [{"name": name, "label": action.label, "why_not": why_not(job, action)} for name, action in ACTIONS.items()]


def why_not(job: dict, action: Action) -> str | None:
    if job["state"] not in action.possible:
        return action.why_not
    if job["cancel_requested"] and action.label == "Cancel":
        return "it has been asked to stop"
    return None


def bulk(state: str | None) -> list[dict]:
    """The same for a list of jobs in one state, or (None) in any."""
    return [{"name": name, "label": action.label, "why_not": state and state not in action.possible and action.why_not}
            for name, action in ACTIONS.items()]


@blueprint.get("")
def index():
    """For who loads the page of a question again after signing in again."""
    return redirect(url_for("pages.index"))


@blueprint.post("")
def act():
    """The form has `action` and `id` for each job, or `one` ("<action> <id>"), or `all` and the filters of the list.

    `told` is the number of jobs that the person was told of. When it is another they are asked, unless they have been
    (`sure`): then no more than those are touched.
    """
    name, _space, id = request.form.get("one", "").partition(" ")
    name = name or request.form.get("action", "")
    action = ACTIONS.get(name)
    if action is None:
        flash(_("Press the button of an action."))
        return back()
    ids, meant = [id] if id else [], 1
    if not id:
        ids, meant = everything(action) if request.form.get("all") else those(action)
    if not meant:
        flash(_("Choose jobs first, or all that match."))
        return back()
    told = max(0, request.form.get("told", type=int) or 0) or (1 if id else 0)
    if not request.form.get("sure") and (name in ASKED_FIRST or len(ids) != told):
        return confirm(name, ids, meant)
    return do(name, ids[:told])


def filters(source) -> dict:
    """Which jobs are meant, by the fields `state`, `kind`, `lane`, `q` and `error` of a URL or a form."""
    wanted = {name: source.get(name, "").strip()[:LONGEST_SEARCH] for name in ("state", "kind", "q", "error")}
    wanted["lane"] = source.get("lane", "")[:LONGEST_SEARCH]  # not stripped: " a" is another than "a"
    if wanted["state"] not in states.ALL:
        wanted["state"] = ""
    return {name: value for name, value in wanted.items() if value}


def looked_for(wanted: dict) -> dict:
    """The filters but the state, as app.reader.Reader takes them."""
    return {"kind": wanted.get("kind"), "text": wanted.get("q", ""), "error": wanted.get("error", ""),
            "lane": wanted.get("lane", "")}


def everything(action: Action) -> tuple[list[str], int]:
    """Ids of all jobs that match the filters and can be acted on, and how many match. Jobs that have ended since they
    were asked about (`before`) are not meant."""
    wanted = filters(request.form)
    where = looked_for(wanted)
    among = [state for state in action.possible if wanted.get("state") in (None, state)]
    before = request.form.get("before", type=moment)
    return ([id for state in among for id in store().ids(state, **where, before=before)],
            store().count(wanted.get("state"), **where))


def moment(text: str) -> float:
    """Raises ValueError."""
    if not math.isfinite(at := float(text)):
        raise ValueError(text)
    return at


def those(action: Action) -> tuple[list[str], int]:
    """The same of the ids that were ticked."""
    ids = list(dict.fromkeys(request.form.getlist("id")))
    now = store().states(ids)
    return [id for id in ids if now.get(id) in action.possible], len(ids)


def confirm(name: str, ids: list[str], meant: int, errors: dict[str, str] | None = None):
    if not ids:
        flash(_("None of these: %(why)s.", why=gettext(ACTIONS[name].why_not)))
        return back()
    chosen = [] if request.form.get("all") and not request.form.get("one") else ids
    return render_template("confirm.html", name=name, action=ACTIONS[name], ids=chosen, count=len(ids),
                           others=meant - len(ids), filters=filters(request.form), back=where_back(),
                           before=store().now() * 1000, from_job=request.form.get("back") == "job",
                           values=request.form, errors=errors or {}), 422 if errors else 200


def do(name: str, ids: list[str]):
    if name == "reschedule":
        try:
            moved = reschedule_all(celery(), ids, NewTime(**due(request.form)), by=PAGE)
        except ValidationError as error:
            return confirm(name, ids, len(ids), {"minutes": BadInput.of(error).errors[0]["message"]})
    elif name == "delete":
        moved = removal.delete(celery(), ids)
    else:
        moved = store().act(name.replace("-", "_"), ids, by=PAGE)
    audit(name.replace("-", "_"), *moved)
    flash(ngettext(*ACTIONS[name].done, len(moved)) % {"num": len(moved)})
    if left := len(ids) - len(moved):
        flash(ngettext("%(num)s had changed in the meantime and stays.",
                       "%(num)s had changed in the meantime and stay.", left) % {"num": left})
    return back(gone=name == "delete")


def back(gone: bool = False):
    return redirect(url_for("pages.index") if gone and request.form.get("back") == "job" else where_back(), 303)


def where_back() -> str:
    """To the job's page, or to the list as it was filtered, to the row whose button it was."""
    ids = request.form.getlist("id")
    if request.form.get("back") == "job" and len(ids) == 1:
        return url_for("pages.show", id=ids[0])
    _action, _space, id = request.form.get("one", "").partition(" ")
    return url_for("pages.index", **filters(request.form), _anchor=f"job-{id}" if id else None)
