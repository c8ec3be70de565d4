"""The page that makes a report: choose or drop a table, see what is in it, say what to make of it."""

import secrets

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound, RequestEntityTooLarge

from app import files
from app.accept import TooMany
from app.report import history, measures
from app.web import forms, receiving, recurring, uploads
from app.web.language import _, gettext, words
from app.web.new import AROUND, around, checked, due, params_of, route, routing, submit, told
from app.web.problems import BadInput
from app.web.recurring import cron

#: A blueprint by the name of a kind, at its address, stands in for its form.
blueprint = Blueprint("report", __name__, url_prefix="/report")
blueprint.url_value_preprocessor(receiving.larger_body)

MEASURES = {"sum": "Sum of %(column)s", "mean": "Mean of %(column)s", "median": "Median of %(column)s",
            "min": "Smallest of %(column)s", "max": "Largest of %(column)s", "count": "Filled cells of %(column)s"}
MEASURES_SHOWN = 4
LABELS = {"title": "Title", "format": "Format", "group": "Group by", "measure": "Show", "email_to": "Mail it to",
          "queue": "Queue", "priority": "Priority", "lane": "Lane",
          "minutes": "When", "notify": "Notifies", "repeat": "Repeat"}
#: The control that shows what is wrong with a field.
CONTROLS = {f"params.{name}": name for name in ("title", "format", "email_to")} | AROUND | {
    "params.group_by": "group", "params.measures": "measure", "repeat": "repeat"}


@blueprint.get("")
def index():
    """`source` is the table; `from` is a report whose wishes, and whose table without `source`, are to start with."""
    params = params_of(request.args.get("from"), "report")
    source = request.args.get("source") or params.get("source")
    return page(params | {"source": source}) if source else choose()


@blueprint.post("/upload")
def upload():
    try:
        file = uploads.receive()
    except BadInput as bad:
        return choose(bad.errors[0]["message"]), 422
    return redirect(url_for("report.index", source=file.id, **again()), 303)


@blueprint.errorhandler(RequestEntityTooLarge)
@blueprint.errorhandler(files.TooLarge)
def too_large(_error):
    return choose(uploads.most()), 413


@blueprint.errorhandler(files.Full)
@blueprint.errorhandler(uploads.Busy)
def full(error):
    return choose(str(error)), 503


@blueprint.errorhandler(NotFound)
def expired(_error):
    return choose(notice="This table is no longer there: uploads are kept for RETENTION_DAYS. Upload it again."), 404


@blueprint.post("")
def create():
    form = request.form
    params = {"title": form.get("title", ""), "source": form.get("source", ""), "format": form.get("format", "pdf"),
              "group_by": chosen("group"), "measures": chosen("measure"),
              "email_to": form.get("email_to", "").replace(",", " ").split()}
    try:
        return repeat(params) if cron(form) else submit("report", params)
    except BadInput as bad:
        return page(params, bad.errors), 422
    except TooMany as error:
        return page(params, [{"field": "", "message": str(error)}]), 429


def repeat(params: dict) -> Response:
    checked("report", params)
    if due(request.form):
        raise BadInput(("repeat", "A report that repeats has no other time: choose now"))
    if wrong := recurring.create("report", params, request.form):
        raise BadInput(("repeat", wrong))
    return redirect(url_for("recurring.index"), 303)


def choose(error: str = "", notice: str = "") -> str:
    """The page that asks for a table."""
    return render_template("report.html", table=None, errors={"file": error} if error else {}, notice=notice,
                           again=again())


def again() -> dict:
    return {"from": request.args["from"]} if request.args.get("from") else {}


def page(params: dict, errors: list[dict] = ()) -> str:
    """The page that asks what to make of the table `source` of the params. Raises NotFound."""
    source = params.get("source")
    if source == history.SOURCE:
        table = {"id": source, "name": _("The jobs of this app"), "rows": None, "preview": [],
                 "columns": [{"name": name, "type": type} for name, type in history.columns()]}
    else:
        table = uploads.as_json(uploads.find(source))
    lists = {name: params[name] if isinstance(params.get(name), list) else []
             for name in ("group_by", "measures", "email_to")}
    email_to = ", ".join(map(str, lists["email_to"]))
    own, form = routing(), around(request.args.get("from"), "report") | request.form.to_dict()
    errors = forms.beside(errors, CONTROLS, LABELS)
    return render_template(
        "report.html", table=table, groups=groups(table), measures=measured(table), shown=MEASURES_SHOWN,
        values=form | params | lists | {"email_to": email_to}, labels=LABELS, again=again(), errors=errors,
        more=own, unfolded=told(own, route(form), errors), key=secrets.token_hex(16))


def groups(table: dict) -> list[tuple[str, str]]:
    """(value, words) of each choice; a date also by its periods."""
    choices = []
    for column in table["columns"]:
        name = column["name"]
        choices.append((name, name))
        if column["type"] in measures.DATES:
            choices += [(f"{name}:{period}", _("%(column)s, by %(period)s", column=name, period=words(period)))
                        for period in measures.PERIODS]
    return choices


def measured(table: dict) -> list[tuple[str, str]]:
    return [("count", _("Number of rows"))] + [
        (f"{op}:{column['name']}", gettext(text) % {"column": column["name"]})
        for column in table["columns"] for op, text in MEASURES.items()
        if measures.OPS[op][0] is None or column["type"] in measures.OPS[op][0]]


def chosen(name: str) -> list[str]:
    """What was chosen in the fields group, group … of a form, each once."""
    return list(dict.fromkeys(value for value in request.form.getlist(name) if value))
