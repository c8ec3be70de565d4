"""Many jobs in one request: POST /api/jobs/bulk."""

import hashlib
import io
import json
from collections.abc import Iterator

from flask import Blueprint, request
from werkzeug.exceptions import BadRequest, Conflict, RequestEntityTooLarge, ServiceUnavailable, UnsupportedMediaType

from app.accept import NewJob
from app.bulk import Bulk, Gone
from app.web import LARGEST_BODY
from app.web.api import bad_input_named, celery, idempotency_key, kinds
from app.web.audit import request_id
from app.web.given import parsed
from app.web.problems import BadInput, bad_input

#: Jobs in one request, and bytes of its body. The router waits for the answer for 30 s.
MOST = 10_000
LARGEST_BULK = 16 * 1024 * 1024
TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/json")
#: Lines are checked until so many things are wrong.
MOST_ERRORS = 20


def larger_body():
    request.max_content_length = LARGEST_BULK


blueprint = Blueprint("bulk", __name__, url_prefix="/api/jobs/bulk")
blueprint.before_request(larger_body)
blueprint.register_error_handler(BadInput, bad_input)


@blueprint.after_request
def only_post(response):
    """Else OPTIONS would tell what can be done with a job of the id `bulk`."""
    if request.method == "OPTIONS":
        response.allow = ["POST", "OPTIONS"]
    return response


@blueprint.post("")
def create():
    """Accept many jobs, one JSON object in each line: all of them, or none.

    At most 10,000 lines and 16 MB; each line is what POST /api/jobs takes. The same Idempotency-Key and body give the
    same jobs, another body 409.
    """
    if request.mimetype not in TYPES:
        raise UnsupportedMediaType("Send a job in each line, with the header Content-Type: application/x-ndjson.")
    key, digest = idempotency_key(), hashlib.sha256()
    bulk = Bulk(celery(), kinds(), request_id=request_id())
    try:
        add(bulk, digest)
        outcome, ids = bulk.accept(key, digest.hexdigest())
    except Gone as error:
        raise ServiceUnavailable(str(error), retry_after=5) from None
    finally:
        bulk.drop()
    if outcome == "conflict":
        raise Conflict("This Idempotency-Key came with another body before.")
    return {"accepted": len(ids), "ids": ids}, 202


def add(bulk: Bulk, digest) -> None:
    """Raises BadInput with the line of each thing that is wrong."""
    wrong = []
    for number, line in lines():
        digest.update(line)
        if len(wrong) >= MOST_ERRORS:
            continue  # to the end, as who still sends would not read the answer
        try:
            with bad_input_named():
                bulk.add(NewJob.model_validate_json(json.dumps(parsed(line)), strict=True))
        except BadInput as bad:
            wrong += [{"line": number} | error for error in bad.errors]
        except BadRequest as bad:
            wrong.append({"line": number, "field": "body", "message": bad.description})
    if wrong:
        raise BadInput.listed(wrong)
    if not bulk.count:
        raise BadInput(("body", "holds no job; send one in each line"))


def lines() -> Iterator[tuple[int, bytes]]:
    """Each line with its number, from 1, as it comes; without empty ones. Raises BadInput, RequestEntityTooLarge."""
    stream, found = io.BufferedReader(request.stream), 0
    for number, line in enumerate(iter(lambda: stream.readline(LARGEST_BODY + 1), b""), 1):
        if len(line) > LARGEST_BODY:
            raise RequestEntityTooLarge(f"Line {number} has more than {LARGEST_BODY:,} bytes.")
        if not line.strip():
            continue
        found += 1
        if found <= MOST:
            yield number, line
    request.stream.read(1)  # a chunked body ends in silence at the limit; asked for more, werkzeug says 413
    if found > MOST:
        raise RequestEntityTooLarge(f"The body has more than {MOST:,} jobs; send them in several requests.")
