"""The page of schedules: when each is next due, and pause, change and, after a question, delete."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.exceptions import NotFound

from app import schedules
from app.accept import Invalid, Route
from app.masking import masked
from app.web import forms, shown
from app.web.api import celery, kinds, store
from app.web.audit import audit
from app.web.language import _, gettext, language, words
from app.web.new import route, routing
from app.web.problems import BadInput

blueprint = Blueprint("recurring", __name__, url_prefix="/schedules")

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: What the page offers, each with its cron expression but for the minute and the hour.
REPEATS = {"day": ("Every day", "* * *"), "weekdays": ("Monday to Friday", "* * 1-5")} | {
    day: (f"Every {day}", f"* * {number % 7}") for number, day in enumerate(DAYS, 1)} | {
    "month": ("The first of every month", "1 * *")}

#: The controls of a schedule's form, each by its field.
CONTROLS = {name: name for name in ("cron", "timezone", *Route.model_fields)}
NONE = "There is no schedule with this id."

blueprint.app_context_processor(lambda: {"repeats": REPEATS})


@blueprint.get("")
def index():
    return page()


def page(typed: dict | None = None, errors: dict[str, str] | None = None) -> str:
    """The list. Args: typed: what is to be corrected in the form of a schedule: its id and what its controls hold."""
    return render_template("schedules.html", schedules=[row(entry) for entry in store().schedules()],
                           routing=routing(), typed=typed or {}, errors=errors or {})


def row(entry: dict) -> dict:
    """A schedule as the page shows it."""
    schedule = shown.schedule(entry)
    kind = kinds().get(schedule["kind"])
    params = masked(schedule["params"], kind and kind.params.model_json_schema())
    named = params if isinstance(params, dict) else {}
    return schedule | {
        "meaning": meaning(schedule), "params": params,
        "name": named.get("label") or named.get("subject") or named.get("title") or schedule["id"][:8]}


def meaning(schedule: dict) -> str:
    """Its cron expression in words; in other languages than English, of those that the page offers."""
    minute, hour, days = schedule["cron"].split(" ", 2)
    offered = next((name for name, tail in REPEATS.values() if tail == days), None)
    if language() == "en" or not (offered and minute.isdigit() and hour.isdigit()):
        return schedule["meaning"] or schedule["cron"]
    return _("%(days)s at %(time)s", days=gettext(offered), time=f"{hour:0>2}:{minute:0>2}")


@blueprint.post("/<id>/change")
def change(id):
    typed = {name: request.form.get(name, "") for name in ("cron", "timezone")}
    routed = {field.name: None for field in routing() if field.control in request.form} | route(request.form)
    try:
        wish = schedules.Change(**typed, **routed)
        wish.options(celery())
    except (ValidationError, Invalid) as error:
        bad = BadInput.of(getattr(error, "error", error)).errors
        return page(request.form.to_dict() | {"id": id}, forms.beside(bad, CONTROLS, CONTROLS)), 422
    return save(id, wish)


@blueprint.post("/<id>/pause")
def pause(id):
    return save(id, schedules.Change(paused=True))


@blueprint.post("/<id>/resume")
def resume(id):
    return save(id, schedules.Change(paused=False))


def save(id: str, wish: schedules.Change):
    try:
        if not schedules.change(celery(), kinds(), id, wish):
            raise NotFound(NONE)
        audit("change_schedule", schedule=id)
    except Invalid as error:
        flash(_("Not changed: %(why)s", why=words(BadInput.of(error.error).detail)))
    except KeyError:
        flash(_("Not changed: this app no longer has jobs of its kind. Delete it."))
    return redirect(url_for("recurring.index"), 303)


@blueprint.get("/<id>/delete")
def confirm(id):
    entry = store().schedule(id)
    if entry is None:
        raise NotFound(NONE)
    return render_template("schedule_delete.html", schedule=row(entry))


@blueprint.post("/<id>/delete")
def delete(id):
    if store().delete_schedule(id):
        audit("delete_schedule", schedule=id)
        flash(_("The schedule is deleted."))
    return redirect(url_for("recurring.index"), 303)


def create(kind: str, params: dict, form) -> str | None:
    """A schedule by a form with the fields `repeat`, `time`, `timezone`, `key` and those of a route. Returns what is
    wrong, or None."""
    try:
        new = schedules.NewSchedule(kind=kind, params=params, cron=cron(form), timezone=form.get("timezone") or "UTC",
                                    **route(form))
        outcome, id = schedules.create(celery(), kinds(), new, form.get("key", "")[:200] or None)
    except (ValidationError, Invalid) as error:
        return BadInput.of(getattr(error, "error", error)).detail
    except schedules.TooMany as error:
        return str(error)
    if outcome == "created":
        audit("create_schedule", schedule=id)
    return "this form was sent before; open the page again" if outcome == "conflict" else None


def cron(form) -> str:
    """The expression that a form with the fields `repeat` and `time` means; "" when it has none."""
    hour, _colon, minute = (form.get("time") or "09:00").partition(":")
    repeat = REPEATS.get(form.get("repeat", ""))
    return f"{minute[:2].lstrip('0') or 0} {hour.lstrip('0') or 0} {repeat[1]}" if repeat else ""
