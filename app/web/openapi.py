"""GET /openapi.json: the API described, as OpenAPI 3.1, by what makes it: its routes, the docstrings of their
functions, and the models that validate. What these do not tell is in calls.py."""

import inspect
from http import HTTPStatus
from typing import Literal

from flask import Blueprint, current_app
from pydantic import BaseModel, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from werkzeug.routing import Rule

from app import NAME
from app.accept import Route
from app.web import answers
from app.web.calls import ANY, BY_KIND, CALLS, FORM, JSON, Call

blueprint = Blueprint("openapi", __name__)

TABLES = "text/csv, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PROBLEM = "application/problem+json"
#: What is the matter, where the phrase of the status does not say it.
REFUSALS = {
    400: "The body is no JSON, or the Host none of ALLOWED_HOSTS.", 401: "There is no token, or it is none of ours.",
    403: "READ_TOKEN only looks; or it was plain HTTP.", 404: "There is none of this id.",
    408: "The body came too slowly.", 409: "Its state does not allow it; see detail.",
    410: "It was there, and has been deleted or has expired.", 413: "The body is too large.",
    414: "The URL is too long. gunicorn says so, in HTML.",
    415: "The body is of another Content-Type.", 422: "What was sent is wrong; see errors.",
    429: "Too many requests. Retry-After says when to come again.",
    503: "Redis cannot be reached, or has no room. Nothing was changed; Retry-After says when to come again."}


@blueprint.get("/openapi.json")
def openapi():
    return describe()


def describe() -> dict:
    """The description, with the kinds of job that this app has; made once, as nothing in it changes."""
    made = current_app.extensions
    if "description" not in made:
        made["description"] = description()
    return made["description"]


def description() -> dict:
    kinds = current_app.extensions["kinds"].values()
    bodies, schemas = components(kinds)
    paths = {}
    for rule in calls(current_app.url_map):
        paths.setdefault(path(rule), {})[method(rule)] = operation(rule, CALLS[rule.endpoint], bodies)
    return {
        "openapi": "3.1.0", "info": {"title": NAME, "version": current_app.extensions["settings"].release or "0"},
        "security": [{"token": []}], "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}, "schemas": schemas,
                       "responses": {str(status): refusal(status, bodies) for status in REFUSALS}}}


def calls(url_map) -> list[Rule]:
    """Those of the API, in the order in which they were written."""
    return [rule for rule in url_map.iter_rules() if rule.endpoint in CALLS]


def path(rule: Rule) -> str:
    return rule.rule.replace("<", "{").replace(">", "}")


def method(rule: Rule) -> str:
    return next(iter(rule.methods - {"HEAD", "OPTIONS"})).lower()


class Plain(GenerateJsonSchema):
    """Without the titles that pydantic makes of the names of fields."""

    def field_title_should_be_set(self, schema) -> bool:
        return False


def components(kinds) -> tuple[dict[type[BaseModel], dict], dict]:
    """Returns (the schema of each model that a call takes or answers, the definitions that these refer to)."""
    wanted = {model for call in CALLS.values() for model in (call.takes, call.answers) if inspect.isclass(model)}
    each = {model: [of_kind(model, kind) for kind in kinds] for model in BY_KIND}
    routed = {model: create_model(model.__name__, __base__=model, __doc__=model.__doc__, queue=queue_of(model))
              for model in wanted - each.keys() if issubclass(model, Route)}
    models = [*(routed.get(model, model) for model in wanted - each.keys()),
              *(one for some in each.values() for one in some), answers.Problem, answers.JustAccepted]
    refs, definitions = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template="#/components/schemas/{model}", schema_generator=Plain)
    refs = {model: ref for (model, _mode), ref in refs.items()}
    refs |= {model: refs[one] for model, one in routed.items()}
    for model, some in each.items():
        mapping = {kind.name: refs[one]["$ref"] for kind, one in zip(kinds, some)}
        refs[model] = {"oneOf": [refs[one] for one in some],
                       "discriminator": {"propertyName": "kind", "mapping": mapping}}
    return refs, definitions["$defs"]


def queue_of(model: type[Route]) -> tuple:
    """The field, for one of the queues that there are."""
    there = tuple(queue.name for queue in current_app.extensions["celery"].conf.task_queues)
    return Literal[there] | None, model.model_fields["queue"]


def of_kind(model: type[BaseModel], kind) -> type[BaseModel]:
    """What the model is for jobs of this kind."""
    default = {}
    try:
        kind.params.model_validate(default)
    except ValidationError:  # so there is none
        default = ...
    fields = {"kind": (Literal[kind.name], ...), "params": (kind.params, default), "queue": queue_of(model)}
    if "notify" in model.model_fields and "webhook" not in current_app.extensions["kinds"]:
        fields["notify"] = (None, None)
    return create_model(f"{model.__name__}_{kind.name}", __base__=model, __doc__=kind.description, **fields)


def operation(rule: Rule, call: Call, bodies: dict) -> dict:
    """One call. What goes without saying, such as 404 for an id, is said here."""
    text = inspect.getdoc(current_app.view_functions[rule.endpoint]) or ""
    ids = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in rule.arguments]
    found = {"operationId": rule.endpoint, "tags": [rule.endpoint.partition(".")[0]],
             "summary": text.split("\n")[0], "description": text,
             "parameters": [*ids, *call.parameters], "responses": responses(rule, call, bodies)}
    if call.takes:
        found["requestBody"] = {"required": True, "content": {call.type: body(call, bodies)}}
    if open_to_all(rule):
        found["security"] = []
    return found


def body(call: Call, bodies: dict) -> dict:
    if call.type == FORM:
        return {"schema": call.takes, "encoding": {"file": {"contentType": TABLES}}}
    schema = bodies[call.takes]
    return {"schema": schema if call.type == JSON else {"type": "array", "minItems": 1, "items": schema}}


def open_to_all(rule: Rule) -> bool:
    return not rule.rule.startswith("/api/")


def responses(rule: Rule, call: Call, bodies: dict) -> dict:
    good = {"description": HTTPStatus(call.status).phrase}
    if call.answers:
        schema = bodies[call.answers]
        if call.answers is answers.Job and call.status == 202:
            schema = {"anyOf": [schema, bodies[answers.JustAccepted]]}
        good["content"] = {JSON: {"schema": schema}}
    elif call.status == 200:
        good["content"] = {ANY: {}}
    if call.status in (201, 202) and call.answers is not answers.Bulk:
        good["headers"] = {"Location": {"required": True, "schema": {"type": "string"}}}
    if open_to_all(rule):
        return {"200": good, "503": good | {"description": "Not ready"}}
    return {str(call.status): good} | {
        str(status): {"$ref": f"#/components/responses/{status}"} for status in refusals(rule, call)}


def refusals(rule: Rule, call: Call) -> list[int]:
    body = (408, 413, 415, 422) if call.takes else ()
    return sorted({400, 401, 403, 414, 429, 503, *call.refuses, *body, *((404,) if rule.arguments else ())})


def refusal(status: int, bodies: dict) -> dict:
    later = {"headers": {"Retry-After": {"schema": {"type": "integer"}}}} if status in (429, 503) else {}
    content = {"text/html": {}} if status == 414 else {PROBLEM: {"schema": bodies[answers.Problem]}}
    return {"description": REFUSALS[status], "content": content} | later
