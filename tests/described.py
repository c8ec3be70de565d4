"""Holds an answer of the API against its description."""

import json
from collections.abc import Callable

import jsonschema
from flask import Flask
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from app.web import openapi


class NotAsDescribed(AssertionError):
    """The API answers what its description does not know."""


#: Of each app that differs in what makes it. To make one takes longer than most of a test.
DESCRIPTIONS = {}


def description(app: Flask) -> dict:
    made_of = (tuple((kind.name, kind.params, kind.description) for kind in app.extensions["kinds"].values()),
               tuple(queue.name for queue in app.extensions["celery"].conf.task_queues),
               tuple(rule.rule for rule in app.url_map.iter_rules()))
    if made_of not in DESCRIPTIONS:
        with app.test_request_context():
            DESCRIPTIONS[made_of] = openapi.describe()
    return DESCRIPTIONS[made_of]


def check(app: Flask, answer: TestResponse) -> None:
    """Raises NotAsDescribed. What is no call of the API passes."""
    request = answer.request
    try:
        rule, _ = app.url_map.bind("").match(request.path, request.method, return_rule=True)
    except HTTPException:
        return
    path = description(app)["paths"].get(openapi.path(rule), {})
    if request.method.lower() not in path:
        return
    responses = path[request.method.lower()]["responses"]
    if str(answer.status_code) not in responses:
        raise NotAsDescribed(f"{request.method} {request.path}: {answer.status}")
    content = resolved(app, responses[str(answer.status_code)]).get("content", {"": {}})
    type = answer.content_type.partition(";")[0] if answer.data else ""
    schema = content.get(type, content.get("*/*", {"schema": False})).get("schema", True)
    if not is_valid(answer.get_json(silent=True), {"components": description(app)["components"], "allOf": [schema]}):
        raise NotAsDescribed(f"{request.method} {request.path}: {answer.status}, {type}: {answer.text}")


def checked(as_json: Callable[[dict], dict], model: type[BaseModel]) -> Callable[[dict], dict]:
    """The same function, which raises NotAsDescribed where what it returns is not as the model has it."""

    def as_described(stored: dict) -> dict:
        value = as_json(stored)
        try:
            model.model_validate_json(json.dumps(value))
        except ValidationError as error:
            raise NotAsDescribed(str(error)) from None
        return value

    return as_described


def is_valid(value: object, schema: dict) -> bool:
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).is_valid(value)


def resolved(app: Flask, response: dict) -> dict:
    name = response.get("$ref", "").rpartition("/")[2]
    return description(app)["components"]["responses"][name] if name else response
