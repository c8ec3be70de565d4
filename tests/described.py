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


def description(app: Flask) -> dict:
    if "described" not in app.extensions:
        with app.test_request_context():
            app.extensions["described"] = openapi.describe()
    return app.extensions["described"]


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
