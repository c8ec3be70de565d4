"""The form of a new job, for each kind: empty, as an earlier job was, or with what is to be corrected."""

import secrets
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from pydantic import ValidationError
from pydantic_core import PydanticCustomError
from werkzeug.exceptions import RequestEntityTooLarge

from app.accept import Invalid, NewJob, Route, TooMany, accept, validate
from app.files import is_file
from app.kinds import Kind
from app.record import as_json
from app.web import forms, receiving
from app.web.api import bad_input_named, celery, files, kinds, store
from app.web.audit import request_id
from app.web.auth import is_owner
from app.web.language import _
from app.web.problems import BadInput

blueprint = Blueprint("new", __name__)
blueprint.url_value_preprocessor(receiving.larger_body)

#: The controls that show what is wrong with these fields of a job; the chips of `when` are called "minutes".
AROUND = {"delay": "minutes", "run_at": "minutes", "notify": "notify"} | {name: name for name in Route.model_fields}
#: Of the chip "tomorrow".
HOUR = 9
#: What was now when the page was opened is not refused when it is sent.
LATE = timedelta(minutes=1)


@blueprint.get("/new/<kind>")
def index(kind):
    form, source = found(kind), request.args.get("from")
    own = current_app.blueprints.get(kind)
    if own and own.url_prefix == f"/{kind}":  # a page of its own stands in for the form
        return redirect(url_for(f"{kind}.index", **{"from": source} if source else {}))
    return page(form, params_of(source, kind), form=around(source, kind))


@blueprint.post("/new/<kind>")
def create(kind):
    fields = forms.fields(found(kind).params.model_json_schema())
    params = forms.params(fields, request.form)
    try:
        receiving.keep_files(fields, params)
        return submit(kind, params)
    except BadInput as bad:
        return page(found(kind), params, bad.errors, request.form), 422
    except TooMany as error:
        return page(found(kind), params, [{"field": "", "message": str(error)}], request.form), 429


@blueprint.errorhandler(RequestEntityTooLarge)
def too_large(_error):
    """The form could not be read, so what was typed is lost."""
    kind = found(request.view_args["kind"])
    field = next((field.name for field in forms.fields(kind.params.model_json_schema())
                  if field.type in ("file", "files")), "")
    return page(kind, {}, [{"field": f"params.{field}", "message": receiving.too_large()}]), 413


def found(kind: str) -> Kind:
    return kinds().get(kind) or abort(404)


def params_of(id: str | None, kind: str) -> dict:
    """The params of an earlier job of this kind; none if there is no such job, or for who may only look."""
    params = earlier(id, kind).get("params")
    return params if isinstance(params, dict) else {}


def earlier(id: str | None, kind: str) -> dict:
    record = store().get(id) if id and is_owner() else None
    return as_json(record) if record and record["kind"] == kind else {}


def around(id: str | None, kind: str) -> dict[str, str]:
    """What a form would say around the params to make such a job as that one: what is as usual for its kind it need
    not say."""
    job, task = earlier(id, kind), kinds()[kind].task
    usual = {"queue": getattr(task, "queue", None) or celery().conf.task_default_queue, "priority": task.priority or 0}
    return {name: str(job[name]) for name in ("notify", *Route.model_fields)
            if job.get(name) not in (None, usual.get(name))}


def page(kind: Kind, params: dict, errors: list[dict] = (), form: dict = MappingProxyType({})) -> str:
    """Args: form: the fields that are no params, as they were sent or are to start with."""
    fields, own, sent = forms.fields(kind.params.model_json_schema()), routing(), bool(errors)
    values = forms.texts(fields, params) | {
        name: form.get(name, "") for name in ("minutes", "at", "notify", *Route.model_fields)}
    labels = {field.control: field.label for field in (*fields, *own)} | {"minutes": "When", "notify": "Notifies"}
    errors = forms.beside(errors, {f"params.{field.name}": field.control for field in fields} | AROUND, labels)
    for field in fields:
        if field.type in ("file", "files"):
            values[field.control], gone = attached(values[field.control])
            if gone and not sent:
                errors[field.control] = _("A file has expired; attach it again.")
    more = [field for field in fields if field.more]
    return render_template("new.html", kind=kind, fields=fields, more=more + own, values=values, labels=labels,
                           errors=errors, unfolded=told(more, params, errors) or told(own, route(form), errors),
                           most=int(receiving.most_mb() * 1e6), key=secrets.token_hex(16) + kind.name)


def routing() -> list[forms.Field]:
    """What a form may say of where its job waits: a queue only where there is a choice."""
    schema, there = Route.model_json_schema(), [queue.name for queue in celery().conf.task_queues]
    schema["properties"]["queue"]["enum"] = there
    if len(there) == 1:
        del schema["properties"]["queue"]
    return forms.fields(schema, taken=())


def route(form) -> dict:
    return forms.params(routing(), form)


def told(fields: list[forms.Field], values: dict, errors: dict[str, str]) -> bool:
    """Whether there is something to see in these fields, which are else folded away."""
    return any(field.control in errors or values.get(field.name, field.default) != field.default for field in fields)


def attached(ids: list) -> tuple[list, bool]:
    """(the files that are there, whether there was another)."""
    there = [file for file in (files().get(id) for id in ids if is_file(id)) if file]
    return there, len(there) < len(ids)


def submit(kind: str, params: dict) -> Response:
    """Make the job of this request's form, or find the one that it made before, and go to it.

    Raises:
        BadInput
    """
    new = checked(kind, params)
    with bad_input_named():
        submitted = accept(kinds(), new, request_id=request_id(),
                           idempotency_key=request.form.get("key", "")[:200] or None)
    if submitted.outcome == "conflict":
        flash(_("This form was sent before, and this is the job it made. Open the page again for another one."))
    return redirect(url_for("pages.show", id=submitted.id), 303)


def checked(kind: str, params: dict) -> NewJob:
    """Raises BadInput with all that is wrong, of the time and of the params."""
    errors = []
    try:
        new = NewJob(kind=kind, params=params, notify=request.form.get("notify", "").strip() or None,
                     **route(request.form), **due(request.form))
    except ValidationError as error:
        errors += BadInput.of(error).errors
    try:
        validate(kinds()[kind], params)
    except Invalid as error:
        errors += BadInput.of(error.error, error.where).errors
    if errors:
        raise BadInput(*((error["field"], error["message"]) for error in errors))
    return new


def due(form, now: datetime | None = None) -> dict:
    """When a form wants its job: `minutes` from now, "tomorrow" at HOUR, or `at`, which wins. The latter two are local
    times of a zone that is `offset` minutes behind UTC then. `now` is for tests.

    What cannot be read is handed on as it is: validation says what is wrong with it.

    Raises:
        ValidationError: the time has passed. The API takes such a one for now; of a person it is a mistyped year.
    """
    now = now or datetime.now(UTC)
    wish = typed(form, now)
    at = wish.get("run_at")
    if isinstance(at, datetime) and at < now - LATE:
        passed = PydanticCustomError("passed", "That time has passed")
        raise ValidationError.from_exception_data("When", [{"type": passed, "loc": ("run_at",), "input": at}])
    return wish


def typed(form, now: datetime) -> dict:
    minutes, at = form.get("minutes", "").strip(), form.get("at", "").strip()
    try:
        if at or minutes == "at":
            local = datetime.fromisoformat(at)
            return {"run_at": local if local.tzinfo else local.replace(tzinfo=UTC) + behind(form)}
        if minutes == "tomorrow":
            local = now - behind(form) + timedelta(days=1)
            return {"run_at": local.replace(hour=HOUR, minute=0, second=0, microsecond=0) + behind(form)}
        return {"delay": float(minutes) * 60} if minutes else {}
    except (ValueError, OverflowError):
        return {"run_at": at} if at or minutes in ("at", "tomorrow") else {"delay": minutes}


def behind(form) -> timedelta:
    return timedelta(minutes=int(form.get("offset") or 0))
