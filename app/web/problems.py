"""Errors of the API, as RFC 9457 problem details."""

import json

from flask import Response, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, SecurityError


def problem(status: int, title: str, detail: str, errors: list[dict] | None = None, headers=()) -> Response:
    """Args: errors: `[{"field", "message"}]` for bad input."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if errors is not None:
        body["errors"] = errors
    return Response(json.dumps(body), status, headers=list(headers), content_type="application/problem+json")


def http(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response
    errors, detail = None, error.description
    if error.code == 413 and detail == RequestEntityTooLarge.description:
        detail = f"The body may have at most {request.max_content_length:,} bytes."
    if error.code in (400, 413, 415) and not isinstance(error, SecurityError):  # which is of the host
        errors = [{"field": "body", "message": detail}]
    kept = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    return problem(error.code, error.name, detail, errors, kept)


#: Errors of one body that are told: an answer is not to be larger than what it answers.
MOST = 100


class BadInput(Exception):
    """What a caller sent is not right: (field, message) each."""

    def __init__(self, *errors: tuple[str, str]):
        self.errors = [{"field": field, "message": message} for field, message in errors]

    @classmethod
    def listed(cls, errors: list[dict]) -> "BadInput":
        """Of lines: {"line", "field", "message"} each."""
        bad = cls()
        bad.errors = errors
        return bad

    @property
    def detail(self) -> str:
        return "; ".join((f"line {item['line']}: " if "line" in item else "") + f"{item['field']}: {item['message']}"
                         for item in self.errors)

    @classmethod
    def of(cls, error: ValidationError, prefix: str = "") -> "BadInput":
        """The same in our form: `params.to.0`, without the value, which may be long or secret."""
        found = {}
        for item in error.errors(include_url=False, include_context=False, include_input=False)[:MOST]:
            field = ".".join([prefix, *map(str, item["loc"])]).strip(".")
            found.setdefault(field or "body", item["msg"].removeprefix("Value error, "))
        return cls(*found.items())


def bad_input(error: BadInput) -> Response:
    return problem(422, "Unprocessable Content", error.detail[:1000], error.errors)
