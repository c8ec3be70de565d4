"""The page that makes a report: choose or drop a table, see what is in it, say what to make of it."""

import secrets

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from app import files
from app.accept import Invalid, NewJob, accept
from app.report import history, measures
from app.web import recurring, uploads
from app.web.api import kinds, request_id
from app.web.auth import require_session
from app.web.pages import due
from app.web.problems import BadInput
from app.web.recurring import cron

#: A blueprint by the name of a kind stands in for its form on the page.
blueprint = Blueprint("report", __name__, url_prefix="/report")
blueprint.before_request(uploads.larger_body)
blueprint.before_request(require_session)

WORDS = {"sum": "Sum", "mean": "Mean", "median": "Median", "min": "Smallest", "max": "Largest", "count": "Filled cells"}
MEASURES_SHOWN = 4
LABELS = {"title": "Title", "format": "Format", "group_by": "Group by", "measures": "Show", "email_to": "Mail it to",
          "delay": "In how many minutes", "run_at": "Or at", "source": "The table"}


@blueprint.get("")
def index():
    source = request.args.get("source")
    return page(source) if source else render_template("report.html", table=None)


@blueprint.post("/upload")
def upload():
    try:
        file = uploads.receive()
    except BadInput as error:
        return render_template("report.html", table=None, errors=error.errors), 422
    return redirect(url_for("report.index", source=file.id), 303)


@blueprint.errorhandler(RequestEntityTooLarge)
@blueprint.errorhandler(files.TooLarge)
def too_large(_error):
    return render_template("report.html", table=None, errors=[{"field": "file", "message": uploads.most()}]), 413


@blueprint.errorhandler(files.Full)
@blueprint.errorhandler(uploads.Busy)
def full(error):
    return render_template("report.html", table=None, errors=[{"field": "file", "message": str(error)}]), 503


@blueprint.post("")
def create():
    form = request.form
    params = {"title": form.get("title", ""), "source": form.get("source", ""), "format": form.get("format", "pdf"),
              "group_by": chosen("group"), "measures": chosen("measure"),
              "email_to": form.get("email_to", "").replace(",", " ").split()}
    if cron(form):
        wrong = "a report that repeats has no other time: leave the minutes and the date empty" if due(form) else (
            recurring.create("report", params, form))
        return again(params, [{"field": "Repeat", "message": wrong}]) if wrong else redirect(
            url_for("recurring.index"), 303)
    try:
        submitted = accept(kinds(), NewJob(kind="report", params=params, **due(form)), request_id=request_id(),
                           idempotency_key=form.get("key") or None)
    except (ValidationError, Invalid) as error:
        return again(params, BadInput.of(getattr(error, "error", error)).errors)
    if submitted.outcome == "conflict":
        flash("This form was sent before, and this is the job it made. Open the page again for another one.")
    return redirect(url_for("pages.show", id=submitted.id), 303)


def again(params: dict, errors: list[dict]):
    """The form with what was wrong, by the names that it shows."""
    named = [error | {"field": LABELS.get(error["field"].partition(".")[0], error["field"])} for error in errors]
    return page(params["source"], named), 422


def page(source: str, errors: list[dict] = ()) -> str | Response:
    if source == history.SOURCE:
        table = {"id": source, "name": "The jobs of this app", "rows": None, "preview": [],
                 "columns": [{"name": name, "type": type} for name, type in history.columns()]}
    else:
        table = uploads.as_json(uploads.find(source))
    return render_template("report.html", table=table, groups=groups(table), measures=measured(table), errors=errors,
                           values=request.form, key=secrets.token_hex(16), shown=MEASURES_SHOWN)


def groups(table: dict) -> list[tuple[str, str]]:
    """(value, words) of each choice; a date also by its periods."""
    choices = []
    for column in table["columns"]:
        choices.append((column["name"], column["name"]))
        if column["type"] in measures.DATES:
            choices += [(f"{column['name']}:{period}", f"{column['name']}, by {period}") for period in measures.PERIODS]
    return choices


def measured(table: dict) -> list[tuple[str, str]]:
    return [("count", "Number of rows")] + [
        (f"{op}:{column['name']}", f"{words} of {column['name']}")
        for column in table["columns"] for op, words in WORDS.items()
        if measures.OPS[op][0] is None or column["type"] in measures.OPS[op][0]]


def chosen(name: str) -> list[str]:
    """What was chosen in the fields group, group … of a form, each once."""
    return list(dict.fromkeys(value for value in request.form.getlist(name) if value))
